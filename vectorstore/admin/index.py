"""Indexes on record: what was asked for beside what was built. Their live state is on the collection's page."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from vectorstore.admin.calls import allowed, visible
from vectorstore.admin.read_only import ReadOnlyAdmin
from vectorstore.models import CollectionRecord, IndexRecord


@admin.register(IndexRecord)
class IndexAdmin(ReadOnlyAdmin):
    list_display = ("collection", "field", "kind", "metric", "parameters", "requested", "created_at")
    list_filter = ("kind", "metric")
    search_fields = ("collection__name", "field")
    list_select_related = ("collection",)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return allowed(request, "index.view")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return allowed(request, "index.view", obj.collection if obj else None)

    def get_queryset(self, request: HttpRequest) -> QuerySet[IndexRecord]:
        return super().get_queryset(request).filter(collection__in=visible(request, CollectionRecord.objects.all()))

    @display(description="Parameters", empty_value="none")
    def parameters(self, index: IndexRecord) -> str | None:
        return ", ".join(f"{name} {value}" for name, value in index.params.items()) or None
