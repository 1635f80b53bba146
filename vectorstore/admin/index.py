"""Indexes on record: what was asked for beside what was built. Their live state is on the collection's page."""

from django.contrib import admin
from unfold.decorators import display

from vectorstore.admin.read_only import ReadOnlyAdmin
from vectorstore.models import IndexRecord


@admin.register(IndexRecord)
class IndexAdmin(ReadOnlyAdmin):
    list_display = ("collection", "field", "kind", "metric", "parameters", "requested", "created_at")
    list_filter = ("kind", "metric")
    search_fields = ("collection__name", "field")
    list_select_related = ("collection",)

    @display(description="Parameters", empty_value="none")
    def parameters(self, index: IndexRecord) -> str | None:
        return ", ".join(f"{name} {value}" for name, value in index.params.items()) or None
