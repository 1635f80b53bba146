"""Searching a collection by text, by a stored row or by a vector; everything is in the address."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import urlencode

from vectorstore.admin import live
from vectorstore.admin.calls import scope_for, visible
from vectorstore.admin.forms.search import DYNAMIC, ROW, SearchForm
from vectorstore.admin.pages.base import context, require
from vectorstore.admin.summary import cell, count, dimensions, indexes
from vectorstore.config.settings import current
from vectorstore.domain.errors import NotFound, VectorStoreError
from vectorstore.domain.models import Metric, SearchHit
from vectorstore.models import CollectionRecord
from vectorstore.service import CollectionService, SearchService
from vectorstore.service.demo_service import NAME as DEMO
from vectorstore.service.representations import CollectionView

EXAMPLES = ("parse a date from a string", "read a CSV file", "run a command and capture its output")


@dataclass(frozen=True, slots=True)
class Result:
    """One row of the table. ``bar`` is 0 to 100; ``cells`` are pairs of column and value."""

    rank: int
    id: str
    score: float
    bar: float
    cells: list[tuple[str, str]]
    more: str


def view(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """The form and, where something is asked for, what was found."""
    require(request, "vector.search")
    require(request, "collection.view")
    records = list(visible(request, CollectionRecord.objects.all()))
    record = _chosen(request, records)
    found, outage = _describe(request, record) if record else (None, "")
    form = SearchForm(request.GET, view=found)
    columns: list[str] = []
    results: list[Result] | None = None
    took = None
    if found is not None and record is not None and form.asked and form.is_valid():
        try:
            answer = SearchService(scope=scope_for(request, record)).search(record.name, form.request())
        except VectorStoreError as error:
            form.place_errors(error)
        else:
            columns = _columns(form.cleaned_data.get("columns", []), answer.results, found)
            results = _results(request, answer.results, columns, found, form)
            took = answer.took_ms
    page = context(
        request,
        model_admin,
        "Search",
        records=records,
        record=record,
        view=found,
        form=form,
        outage=outage,
        columns=columns,
        results=results,
        took=took,
        rows=count(found.row_count) if found else "",
        dimension=dimensions(record, found) if record else "",
        index=indexes(record, found) if record else "",
        examples=_examples(record),
        may_create=model_admin.has_add_permission(request),
    )
    return TemplateResponse(request, "admin/vectorstore/search_playground.html", page)


def _chosen(request: HttpRequest, records: Sequence[CollectionRecord]) -> CollectionRecord | None:
    """By ``collection`` (its name, or its key where names repeat in other databases), else the usual one."""
    asked = request.GET.get("collection")
    for wanted in (asked, None if asked else current().default_collection, None if asked else DEMO):
        for record in records:
            if wanted and wanted in (address(record), record.name):
                return record
    return None if asked or not records else records[0]


def address(record: CollectionRecord) -> str:
    """A collection in an address: its name, with its database unless that is the default one."""
    return record.name if record.database == "default" else f"{record.database}/{record.name}"


def _describe(request: HttpRequest, record: CollectionRecord) -> tuple[CollectionView | None, str]:
    try:
        return CollectionService(scope_for(request, record)).describe(record.name), ""
    except NotFound:
        return None, f"{record.name} is gone from Milvus; choose another collection."
    except VectorStoreError as error:
        return None, live.outage_of(error).split(";")[0] + "; search when it is back."


def _columns(asked: list[str], hits: Sequence[Any], found: CollectionView) -> list[str]:
    """The columns of the table, with the dynamic fields that the rows found have."""
    named = [name for name in asked if name != DYNAMIC]
    if DYNAMIC not in asked:
        return named
    known = {field.name for field in found.collection.fields}
    return named + sorted({name for hit in hits for name in hit.fields if name not in known})


def _results(
    request: HttpRequest, hits: Sequence[Any], columns: list[str], found: CollectionView, form: SearchForm
) -> list[Result]:
    field = form.cleaned_data.get("field") or found.collection.vector_fields[0].name
    metric = next((item.spec.metric for item in found.indexes if item.spec.field == field), Metric.COSINE)
    scores = [hit.score for hit in hits]
    kept = {name: request.GET.getlist(name) for name in ("collection", "top_k", "filter", "columns", "chosen", "field")}
    here = reverse("admin:vectorstore_search")
    return [
        Result(
            rank=rank,
            id=str(hit.id),
            score=hit.score,
            bar=_bar(hit.score, scores, metric),
            cells=[(name, cell(hit.fields.get(name))) for name in columns],
            more=f"{here}?{urlencode({**kept, 'by': ROW, 'id': str(hit.id)}, doseq=True)}",
        )
        for rank, hit in enumerate(hits, start=1)
        if isinstance(hit, SearchHit)
    ]


def _bar(score: float, scores: Sequence[float], metric: Metric) -> float:
    """How near, 0 to 100: a cosine as it is, other metrics beside the nearest row found."""
    if metric is Metric.COSINE:
        share = score
    elif metric.larger_is_nearer:
        share = score / max(scores) if max(scores) > 0 else 0.0
    else:
        farthest = max(scores)
        share = 1 - score / farthest * 0.9 if farthest > 0 else 1.0
    return round(100 * min(1.0, max(0.0, share)), 1)


def _examples(record: CollectionRecord | None) -> list[tuple[str, str]]:
    if record is None or record.name != DEMO:
        return []
    here = reverse("admin:vectorstore_search")
    return [(text, f"{here}?{urlencode({'collection': DEMO, 'by': 'text', 'text': text})}") for text in EXAMPLES]
