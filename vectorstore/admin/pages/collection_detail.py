"""One collection: its live state, its schema, what can be changed and done."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from vectorstore.admin import live
from vectorstore.admin.actions import RIGHTS, do
from vectorstore.admin.calls import CHANGED, allowed, log, reported, scope_for
from vectorstore.admin.forms.collection_edit import EditForm
from vectorstore.admin.pages import advice
from vectorstore.admin.pages.base import context, find, require
from vectorstore.admin.summary import count, dimensions, field_lines, indexes, size
from vectorstore.config.settings import current
from vectorstore.domain.errors import VectorStoreError
from vectorstore.domain.requests import CollectionChanges
from vectorstore.models import CollectionRecord
from vectorstore.service import CollectionService
from vectorstore.service.representations import CollectionStats


def view(request: HttpRequest, model_admin: Any, key: str) -> HttpResponse:
    """The page; a POST saves what its form changes."""
    require(request, "collection.view")
    record = find(request, key)
    form = EditForm(request.POST or None, initial={name: getattr(record, name) for name in EditForm.base_fields})
    if request.method == "POST":
        require(request, "collection.alter", record)
        if form.is_valid():
            _save(request, record, form)
            return HttpResponseRedirect(request.path)
    state, stats, outage = _ask(request, record)
    page = context(
        request,
        model_admin,
        record.name,
        opts=model_admin.opts,
        original=record,
        record=record,
        form=form,
        live=state,
        view=state.view,
        outage=outage,
        stats=stats,
        rows=count(stats.row_count) if stats else "",
        stored=count(stats.stored_rows) if stats else "",
        expected=count(record.expected_rows),
        memory=size(stats.size_bytes) if stats else "",
        cache=_cache(record, stats),
        state_text=live.STATE_TEXTS[state.state],
        state_colour=live.STATE_COLOURS[state.state],
        fields=field_lines(record, state.view),
        dimension=dimensions(record, state.view),
        index=indexes(record, state.view),
        advice=advice.tables(request, record),
        may={
            "advise": state.view is not None and allowed(request, "index.create", record),
            "alter": allowed(request, "collection.alter", record),
            "load": allowed(request, "collection.load", record),
            "drop": allowed(request, "collection.drop", record),
            "search": allowed(request, "vector.search", record),
        },
    )
    return TemplateResponse(request, "admin/vectorstore/collection_detail.html", page)


def _ask(request: HttpRequest, record: CollectionRecord) -> tuple[live.Live, CollectionStats | None, str]:
    try:
        state = live.live(request, record)
        stats = CollectionService(scope_for(request, record)).stats(record.name) if state.view else None
    except VectorStoreError as error:
        return live.Live(), None, live.outage_of(error)
    return state, stats, ""


def _cache(record: CollectionRecord, stats: CollectionStats | None) -> str:
    """What is said of the cache."""
    settings = current()
    if not settings.cache_url:
        return "none: set VECTORSTORE_CACHE_URL"
    if not record.cache_enabled:
        return "off"
    kept = f"answers are kept for {record.cache_ttl_s or settings.cache_ttl_s} s"
    counts = (stats and stats.cache) or {}
    asked = counts.get("hit", 0) + counts.get("miss", 0)
    return f"{kept}; {100 * counts['hit'] // asked} % of {count(asked)} searches were answered by it" if asked else kept


def _save(request: HttpRequest, record: CollectionRecord, form: EditForm) -> None:
    changed = {name: form.cleaned_data[name] for name in form.changed_data}
    if not changed:
        messages.info(request, "Nothing was changed.")
        return
    with reported(request, f"{record.name} was not changed"):
        CollectionService(scope_for(request, record)).update(record.name, CollectionChanges(**changed))
        log(request, record, CHANGED, f"Changed {' and '.join(sorted(changed))}.")
        messages.success(request, f"{record.name} was changed: {' and '.join(sorted(changed))}.")


def act(request: HttpRequest, pk: int, action: str, model_admin: Any) -> HttpResponse:
    """Load, release, flush or purge; POST only."""
    if action not in RIGHTS:
        raise Http404("There is no such action.")
    record = find(request, pk)
    require(request, RIGHTS[action], record)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    do(request, [record], action)
    return HttpResponseRedirect(reverse("admin:vectorstore_collectionrecord_change", args=[pk]))
