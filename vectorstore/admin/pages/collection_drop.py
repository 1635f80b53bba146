"""Dropping a collection, behind its typed name; forgetting the record of one that is gone from Milvus."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from vectorstore.admin import live
from vectorstore.admin.calls import DELETED, log, reported, scope_for
from vectorstore.admin.forms.collection_edit import DropForm
from vectorstore.admin.pages.base import context, find, require
from vectorstore.admin.summary import count
from vectorstore.config.settings import current
from vectorstore.domain.errors import VectorStoreError
from vectorstore.models import CollectionRecord
from vectorstore.service import CollectionService


def view(request: HttpRequest, model_admin: Any, key: str) -> HttpResponse:
    """What will be lost, and the name to type; a POST drops."""
    record = find(request, key)
    require(request, "collection.drop", record)
    outage, stats = "", None
    try:
        state = live.live(request, record)
        if state.view:
            stats = CollectionService(scope_for(request, record)).stats(record.name)
    except VectorStoreError as error:
        state, outage = live.Live(), live.outage_of(error)
    form = DropForm(request.POST or None, name=record.name)
    if request.method == "POST" and not outage and form.is_valid() and _drop(request, record, state):
        return HttpResponseRedirect(reverse("admin:vectorstore_collectionrecord_changelist"))
    page = context(
        request,
        model_admin,
        f"Drop {record.name}",
        opts=model_admin.opts,
        original=record,
        record=record,
        form=form,
        view=state.view,
        rows=count(stats.row_count) if stats else "",
        stored=count(stats.stored_rows) if stats else "",
        gone=state.state == live.GONE,
        outage=outage,
        days=current().dropped_days,
    )
    return TemplateResponse(request, "admin/vectorstore/collection_drop.html", page)


def _drop(request: HttpRequest, record: CollectionRecord, state: live.Live) -> bool:
    with reported(request, f"{record.name} was not dropped"):
        if state.state == live.GONE:
            CollectionService(scope_for(request, record)).forget_gone(record.name)
            what = "The record was removed; the collection was gone from Milvus already."
        else:
            CollectionService(scope_for(request, record)).drop(record.name, confirm=record.name)
            what = "Set aside to be dropped later." if record.protected else "Dropped with all its rows."
        log(request, record, DELETED, what)
        messages.success(request, f"{record.name}: {what[0].lower()}{what[1:]}")
        return True
    return False
