"""Slow queries by their shape, those that took the most time together first."""

from dataclasses import dataclass
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from vectorstore.admin.calls import scope_for
from vectorstore.admin.pages.base import context, require
from vectorstore.admin.profile_texts import lines, place
from vectorstore.config.settings import current
from vectorstore.service.profile_service import ProfileFilter, ProfileService, SlowQuery

_A_PAGE = 25


@dataclass(frozen=True, slots=True)
class Line:
    slow: SlowQuery
    place: str
    kind: str
    shape: list[tuple[str, str]]
    p95_ms: float
    advice: list[str]


def view(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """The table; ``?collection=`` leaves those of one."""
    require(request, "profile.view")
    service = ProfileService(scope_for(request))
    profiles = service.reachable()
    names = sorted(set(profiles.order_by().values_list("collection", flat=True).distinct()))
    asked = request.GET.get("collection", "")
    wanted = ProfileFilter(collection=asked if asked in names else "")
    rows = profiles.filter(collection=wanted.collection) if wanted.collection else profiles
    page = Paginator(service.grouped(rows), _A_PAGE).get_page(request.GET.get("page"))
    found = [line for slow in page.object_list if (line := _line(service, slow, wanted))]
    values = context(
        request,
        model_admin,
        "Slow queries",
        opts=model_admin.opts,
        lines=found,
        page=page,
        names=names,
        chosen=wanted.collection,
        slow_ms=current().slow_ms,
        days=current().profile_days,
    )
    return TemplateResponse(request, "admin/vectorstore/slow_queries.html", values)


def _line(service: ProfileService, slow: SlowQuery, wanted: ProfileFilter) -> Line | None:
    example = service.example(slow)
    if example is None:
        return None
    shape = {name: value for name, value in example.shape.items() if name != "kind"}
    return Line(slow, place(slow), example.kind, lines(shape), service.p95_ms(slow, wanted), service.advice(example))
