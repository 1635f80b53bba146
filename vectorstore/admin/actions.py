"""Load, release, flush and purge: the actions that need no more than a click."""

from collections.abc import Iterable

from django.contrib import messages
from django.http import HttpRequest

from vectorstore.admin.calls import CHANGED, log, reported, scope_for
from vectorstore.models import CollectionRecord
from vectorstore.service import CollectionService

DONE = {
    "load": "loaded into memory",
    "release": "released from memory",
    "flush": "flushed to storage",
    "purge_cache": "taken out of the cache",
}
"""What each did, by the name of its service method."""

RIGHTS = {
    "load": "collection.load",
    "release": "collection.load",
    "flush": "collection.alter",
    "purge_cache": "collection.alter",
}


def do(request: HttpRequest, records: Iterable[CollectionRecord], action: str) -> None:
    """Do ``action`` to each collection; each is reported and logged."""
    for record in records:
        with reported(request, f"{record.name} was not {DONE[action]}"):
            getattr(CollectionService(scope_for(request, record)), action)(record.name)
            log(request, record, CHANGED, f"{DONE[action].capitalize()}.")
            messages.success(request, f"{record.name} was {DONE[action]}.")
