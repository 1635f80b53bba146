"""Creating a collection."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from vectorstore.admin import live
from vectorstore.admin.calls import ADDED, log, scope_for
from vectorstore.admin.forms.collection_create import FULL, CreateForm, place_errors
from vectorstore.admin.forms.field_rows import FieldRowSet, field_rows
from vectorstore.admin.forms.index_choice import kinds_of
from vectorstore.admin.pages.base import context, require
from vectorstore.admin.summary import count
from vectorstore.config.collection_config import shards_for
from vectorstore.config.settings import current
from vectorstore.domain.errors import VectorStoreError
from vectorstore.domain.models import IndexKind
from vectorstore.models import CollectionRecord
from vectorstore.service import CollectionService, Scope
from vectorstore.service.engines import engine_of

_STEPS = (1_000_000, 100_000_000, 1_000_000_000)


def view(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """The form; a POST creates, or adds a row to the fields where that button was pressed."""
    require(request, "collection.create")
    kinds, outage = _kinds()
    if request.method == "POST":
        data = request.POST.copy()
        if "add_field" in data:
            so_far = data.get("fields-TOTAL_FORMS", "")
            data["fields-TOTAL_FORMS"] = str(int(so_far) + 1 if _is_count(so_far) else 1)
        form = CreateForm(data, kinds=kinds)
        rows = field_rows(data)
        if "add_field" not in data and _valid(form, rows):
            made = _create(request, form, rows)
            if made is not None:
                return HttpResponseRedirect(reverse("admin:vectorstore_collectionrecord_change", args=[made.pk]))
    else:
        form = CreateForm(kinds=kinds)
        rows = field_rows()
    page = context(
        request,
        model_admin,
        "Create a collection",
        form=form,
        rows=rows,
        kinds=list(kinds_of(form, kinds)),
        outage=outage,
        suggested=_suggestion(form),
        unknown=shards_for(None, current().milvus_collection_shards),
        steps=[(count(size), shards_for(size, current().milvus_collection_shards)) for size in _STEPS],
    )
    return TemplateResponse(request, "admin/vectorstore/collection_create.html", page)


def _kinds() -> tuple[tuple[IndexKind, ...] | None, str]:
    try:
        return engine_of().capabilities.index_kinds, ""
    except VectorStoreError as error:
        return None, live.outage_of(error).split(";")[0] + "; a collection can be created when it is back."


def _valid(form: CreateForm, rows: FieldRowSet) -> bool:
    """The rows count in the full form only."""
    valid = form.is_valid()
    return valid and (form.cleaned_data["schema"] != FULL or rows.is_valid())


def _create(request: HttpRequest, form: CreateForm, rows: FieldRowSet) -> CollectionRecord | None:
    try:
        spec = form.spec(rows.kept() if form.cleaned_data["schema"] == FULL else [])
        made = CollectionService(scope_for(request)).create(spec)
    except VectorStoreError as error:
        place_errors(error, form, rows)
        return None
    scope = Scope()
    record = CollectionRecord.objects.get(cluster=scope.cluster, database=scope.database, name=made.collection.name)
    built = ", ".join(f"{item.spec.kind} by {item.spec.metric} on {item.spec.field}" for item in made.indexes)
    log(request, record, ADDED, f"Created with {made.collection.shards} shards; index {built}.")
    messages.success(request, f"{record.name} was created and loaded; index {built}. Rows can be inserted now.")
    return record


def _suggestion(form: CreateForm) -> int:
    text = str(form["expected_rows"].value() or "")
    return shards_for(int(text) if _is_count(text) else None, current().milvus_collection_shards)


def shards(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """How many shards are suggested for ``expected_rows``, for the form to show while it is filled in."""
    require(request, "collection.create")
    text = request.GET.get("expected_rows", "")
    rows = int(text) if _is_count(text) else None
    return JsonResponse({"shards": shards_for(rows, current().milvus_collection_shards)})


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 15
