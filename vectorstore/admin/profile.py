"""Kept profiles of searches: looked through, and one opened."""

from datetime import UTC
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import path
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import display

from vectorstore.admin.calls import reported, scope_for
from vectorstore.admin.pages import slow_queries
from vectorstore.admin.pages.base import context
from vectorstore.admin.profile_texts import bars, facts, lines, place
from vectorstore.admin.through_service import ThroughService
from vectorstore.domain.errors import NotFound
from vectorstore.models import SearchProfile
from vectorstore.service.profile_service import ProfileService

_COLOURS = {"slow": "warning", "asked": "info", "sample": "default"}


@admin.register(SearchProfile)
class ProfileAdmin(ThroughService):
    rights = {"view": "profile.view"}
    list_display = ("time", "what", "target", "took", "milvus", "rows", "batch", "why", "outcome")
    list_filter = (("at", RangeDateTimeFilter), "kept_for", "kind", "outcome")
    list_filter_submit = True
    search_fields = ("collection", "actor", "request_id", "shape_hash")
    search_help_text = "Search by collection, actor, request or shape"
    show_full_result_count = False
    list_per_page = 50
    list_before_template = "admin/vectorstore/profile_list_top.html"
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[SearchProfile]:
        return ProfileService(scope_for(request)).reachable()

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        none_yet = self.has_view_permission(request) and not self.get_queryset(request).exists()
        return super().changelist_view(request, {**(extra_context or {}), "none_yet": none_yet})

    def get_urls(self) -> list[Any]:
        slow = self.admin_site.admin_view(slow_queries.view)
        return [path("slow/", slow, {"model_admin": self}, name="vectorstore_slow_queries"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """One profile: its stages as a bar, its parameters, what would make it faster."""
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        number = int(object_id) if object_id.isascii() and object_id.isdigit() and len(object_id) <= 18 else 0
        service = ProfileService(scope_for(request))
        try:
            profile = service.get(number)
        except NotFound:
            raise Http404("There is no such profile.") from None
        advice: list[str] = []
        with reported(request, "There is no advice"):
            advice = service.advice(profile)
        page = context(
            request,
            self,
            f"{profile.kind} of {profile.collection}",
            opts=self.opts,
            original=profile,
            profile=profile,
            bars=bars(profile),
            facts=facts(profile),
            parameters=lines(profile.request),
            plan=lines(profile.plan),
            advice=advice,
        )
        return TemplateResponse(request, "admin/vectorstore/profile_detail.html", page)

    @display(description="Time (UTC)", ordering="at")
    def time(self, profile: SearchProfile) -> str:
        return f"{profile.at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3]

    @display(description="Request", ordering="kind", header=True)
    def what(self, profile: SearchProfile) -> tuple[str, str]:
        return profile.kind, profile.actor

    @display(description="On", ordering="collection")
    def target(self, profile: SearchProfile) -> str:
        return place(profile)

    @display(description="Took (ms)", ordering="took_ms")
    def took(self, profile: SearchProfile) -> str:
        return f"{profile.took_ms:,.1f}"

    @display(description="Milvus (ms)", empty_value="–")
    def milvus(self, profile: SearchProfile) -> str | None:
        spent = profile.stages.get("milvus")
        return None if spent is None else f"{spent:,.1f}"

    @display(description="Kept", ordering="kept_for", label=_COLOURS)
    def why(self, profile: SearchProfile) -> str:
        return profile.kept_for
