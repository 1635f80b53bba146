"""Indexes on record: what was asked for beside what was built. Their live state is on the collection's page."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from vectorstore.admin.calls import CHANGED, allowed, log, reported, scope_for, visible
from vectorstore.admin.read_only import ReadOnlyAdmin
from vectorstore.models import CollectionRecord, IndexRecord
from vectorstore.service.recall_service import RecallService


@admin.register(IndexRecord)
class IndexAdmin(ReadOnlyAdmin):
    list_display = ("collection", "field", "kind", "metric", "parameters", "requested", "created_at")
    list_filter = ("kind", "metric")
    search_fields = ("collection__name", "field")
    list_select_related = ("collection",)
    actions = ("measure_selected",)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return allowed(request, "index.view")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return allowed(request, "index.view", obj.collection if obj else None)

    def has_measure_permission(self, request: HttpRequest) -> bool:
        return allowed(request, "index.create")

    @admin.action(description="Measure recall", permissions=["measure"])
    def measure_selected(self, request: HttpRequest, chosen: QuerySet[IndexRecord]) -> None:
        for index in chosen:
            with reported(request, f"The recall of {index} is not measured"):
                job = RecallService(scope_for(request, index.collection)).start(index.collection.name, index.field)
                log(request, index.collection, CHANGED, f"Asked for the recall of {index.field} to be measured.")
                messages.success(request, f"The recall of {index} is measured by job {job.pk}.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[IndexRecord]:
        return super().get_queryset(request).filter(collection__in=visible(request, CollectionRecord.objects.all()))

    @display(description="Parameters", empty_value="none")
    def parameters(self, index: IndexRecord) -> str | None:
        return ", ".join(f"{name} {value}" for name, value in index.params.items()) or None
