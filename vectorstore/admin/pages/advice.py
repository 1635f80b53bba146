"""Advice about the indexes of a collection: what was measured, and the buttons to measure and to apply."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import reverse

from vectorstore.admin.calls import CHANGED, log, reported, scope_for
from vectorstore.admin.pages.base import find, require
from vectorstore.backup.reindex_service import ReindexService
from vectorstore.domain.advice import Point
from vectorstore.domain.errors import VectorStoreError
from vectorstore.domain.requests import AdviceRequest, ApplyAdviceRequest
from vectorstore.models import CollectionRecord, Job
from vectorstore.service.advice_service import AdviceService, AdviceView


@dataclass(frozen=True, slots=True)
class Line:
    place: int
    point: Point
    front: bool
    recommended: bool
    today: bool


@dataclass(frozen=True, slots=True)
class Table:
    """The points of one field, best recall first, those of the front before the others."""

    view: AdviceView
    lines: list[Line]


def tables(request: HttpRequest, record: CollectionRecord) -> list[Table]:
    """One for each vector field that the caller may see; none where Milvus does not answer."""
    service, found = AdviceService(scope_for(request, record)), []
    try:
        for field in service.glance("collection.view", record.name).visible.vector_fields:
            view = service.latest(record.name, field.name)
            found.append(Table(view, _lines(view)))
    except VectorStoreError:
        return []
    return found


def _lines(view: AdviceView) -> list[Line]:
    advice = view.advice
    if advice is None or not view.whole:
        return []
    lines = [
        Line(place, point, place in advice.front, place == advice.recommended, place == advice.today)
        for place, point in enumerate(view.points)
    ]
    return sorted(lines, key=lambda line: (not line.front, -line.point.recall, line.point.p50_ms))


def sweep(request: HttpRequest, pk: int, model_admin: Any) -> HttpResponse:
    """Start measuring one field; POST only."""
    return _start(request, pk, "measured", lambda scope, name: _sweep(request, scope, name))


def apply(request: HttpRequest, pk: int, model_admin: Any) -> HttpResponse:
    """Start building a point; POST only."""
    return _start(request, pk, "rebuilt", lambda scope, name: _apply(request, scope, name))


def _sweep(request: HttpRequest, scope: Any, name: str) -> Job:
    return AdviceService(scope).start(name, AdviceRequest(field=request.POST.get("field")))


def _apply(request: HttpRequest, scope: Any, name: str) -> Job:
    point = request.POST.get("point", "")
    chosen = int(point) if point.isascii() and point.isdigit() and len(point) < 6 else None
    return ReindexService(scope).apply(name, ApplyAdviceRequest(field=request.POST.get("field"), point=chosen))


def _start(request: HttpRequest, pk: int, done: str, begin: Any) -> HttpResponse:
    record = find(request, pk)
    require(request, "index.create", record)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    with reported(request, f"{record.name} is not {done}"):
        job = begin(scope_for(request, record), record.name)
        log(request, record, CHANGED, f"Job {job.pk} started: {job.kind}.")
        messages.success(request, f"{record.name} is being {done}.")
        return HttpResponseRedirect(reverse("admin:vectorstore_job_change", args=[job.pk]))
    return HttpResponseRedirect(reverse("admin:vectorstore_collectionrecord_change", args=[pk]))
