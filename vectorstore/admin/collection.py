"""Collections: the list with its live state. A collection's own pages are in ``pages``."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import path
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import AllValuesCheckboxFilter
from unfold.decorators import display
from unfold.views import ChangeList

from vectorstore.admin import live
from vectorstore.admin.actions import do
from vectorstore.admin.calls import allowed, visible
from vectorstore.admin.pages import advice, collection_create, collection_detail, collection_drop, search_playground
from vectorstore.admin.summary import count, dimensions, indexes
from vectorstore.models import CollectionRecord


class CollectionList(ChangeList):
    """The list asks Milvus once for all names, and for the state of the rows on this page."""

    result_list: Any

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        self.found = live.survey(request) if request.method == "GET" else live.Survey()
        super().__init__(request, *args, **kwargs)

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if request.method != "GET":
            return
        self.result_list = list(self.result_list)
        states = live.attach(request, self.result_list, self.found)
        for record in self.result_list:
            record.live = states[record.pk]


@admin.register(CollectionRecord)
class CollectionAdmin(ModelAdmin):
    list_display = ("title", "rows", "dimension", "index", "state", "shards", "protection", "alias_names")
    list_filter = (("database", AllValuesCheckboxFilter), "protected", "adopted")
    list_filter_submit = True
    list_per_page = 25
    search_fields = ("name", "description")
    search_help_text = "Search by name or description"
    list_before_template = "admin/vectorstore/collection_list_top.html"
    actions = ("load_selected", "release_selected", "flush_selected")

    # What may be done: by grants, not by Django's permissions

    def has_module_permission(self, request: HttpRequest) -> bool:
        return allowed(request, "collection.view")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return allowed(request, "collection.view", obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return allowed(request, "collection.create")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return allowed(request, "collection.alter", obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return allowed(request, "collection.drop", obj)

    def has_load_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return allowed(request, "collection.load", obj)

    # The list

    def get_queryset(self, request: HttpRequest) -> QuerySet[CollectionRecord]:
        return visible(request, super().get_queryset(request)).prefetch_related("indexes").select_related("owner")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return CollectionList

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        found = super().get_actions(request)
        found.pop("delete_selected", None)  # a drop is confirmed collection by collection, by typing its name
        return found

    @display(description="Name", ordering="name", header=True)
    def title(self, record: CollectionRecord) -> tuple[str, str]:
        where = "" if record.database == "default" else f"{record.database} · "
        about = record.description if len(record.description) <= 60 else f"{record.description[:57]}…"
        return record.name, where + about

    @display(description="Rows", empty_value="–")
    def rows(self, record: CollectionRecord) -> str | None:
        view = _live(record).view
        return count(view.row_count) or None if view else None

    @display(description="Dimension", empty_value="–")
    def dimension(self, record: CollectionRecord) -> str | None:
        return dimensions(record, _live(record).view) or None

    @display(description="Index", empty_value="none")
    def index(self, record: CollectionRecord) -> str | None:
        return indexes(record, _live(record).view) or None

    @display(description="State", label=live.STATE_COLOURS)
    def state(self, record: CollectionRecord) -> tuple[str, str]:
        found = _live(record)
        loading = f" {found.view.load_progress} %" if found.view and found.state == "loading" else ""
        return found.state, live.STATE_TEXTS[found.state] + loading

    @display(description="Shards × replicas")
    def shards(self, record: CollectionRecord) -> str:
        return f"{record.schema.get('shards', 1)} × {record.replicas}"

    @display(description="Protection", ordering="protected", label={"protected": "info"})
    def protection(self, record: CollectionRecord) -> str:
        return "protected" if record.protected else ""

    @display(description="Aliases", empty_value="–")
    def alias_names(self, record: CollectionRecord) -> str | None:
        view = _live(record).view
        return ", ".join(view.aliases) or None if view else None

    # Actions on the selected ones

    @admin.action(description="Load into memory", permissions=["load"])
    def load_selected(self, request: HttpRequest, chosen: QuerySet[CollectionRecord]) -> None:
        do(request, chosen, "load")

    @admin.action(description="Release from memory", permissions=["load"])
    def release_selected(self, request: HttpRequest, chosen: QuerySet[CollectionRecord]) -> None:
        do(request, chosen, "release")

    @admin.action(description="Flush to storage", permissions=["change"])
    def flush_selected(self, request: HttpRequest, chosen: QuerySet[CollectionRecord]) -> None:
        do(request, chosen, "flush")

    # Pages

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        own = [
            path("search/", wrap(search_playground.view), {"model_admin": self}, "vectorstore_search"),
            path("add/shards/", wrap(collection_create.shards), {"model_admin": self}, "vectorstore_shards"),
            path("<int:pk>/advice/sweep/", wrap(advice.sweep), {"model_admin": self}, "vectorstore_sweep"),
            path("<int:pk>/advice/apply/", wrap(advice.apply), {"model_admin": self}, "vectorstore_apply"),
            path("<int:pk>/do/<str:action>/", wrap(collection_detail.act), {"model_admin": self}, "vectorstore_do"),
        ]
        return own + super().get_urls()

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        return collection_create.view(request, self)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        return collection_detail.view(request, self, object_id)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        return collection_drop.view(request, self, object_id)


def _live(record: CollectionRecord) -> live.Live:
    return getattr(record, "live", live.Live())
