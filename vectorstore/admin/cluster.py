"""The connected clusters and what was found out about them."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import display

from vectorstore.admin.calls import allowed
from vectorstore.admin.read_only import ReadOnlyAdmin
from vectorstore.models import Cluster

_LISTS = ("index_kinds", "vector_types", "metrics")
_HIDDEN = ("version", "dialect", *_LISTS)


@admin.register(Cluster)
class ClusterAdmin(ReadOnlyAdmin):
    list_display = ("name", "version", "index_kinds", "probed_at")
    fields = ("name", "version", "probed_at", "index_kinds", "vector_types", "metrics", "abilities", "lacks")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return allowed(request, "cluster.view")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return allowed(request, "cluster.view")

    @display(description="Index kinds", empty_value="not asked yet")
    def index_kinds(self, cluster: Cluster) -> str:
        return ", ".join(cluster.capabilities.get("index_kinds", []))

    @display(description="Vector types")
    def vector_types(self, cluster: Cluster) -> str:
        return ", ".join(cluster.capabilities.get("vector_types", []))

    @display(description="Metrics")
    def metrics(self, cluster: Cluster) -> str:
        return ", ".join(cluster.capabilities.get("metrics", []))

    @display(description="It has")
    def abilities(self, cluster: Cluster) -> SafeString:
        return _named(cluster, wanted=True)

    @display(description="It has not")
    def lacks(self, cluster: Cluster) -> SafeString:
        return _named(cluster, wanted=False)


def _named(cluster: Cluster, *, wanted: bool) -> SafeString:
    flags = {name: value for name, value in cluster.capabilities.items() if name not in _HIDDEN}
    names = [name.replace("_", " ") for name, value in flags.items() if value is wanted]
    return format_html_join(", ", "{}", ((name,) for name in sorted(names)))
