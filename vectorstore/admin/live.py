"""The live state of recorded collections, asked of Milvus for the rows of one page only."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from django.http import HttpRequest
from django.utils import timezone

from vectorstore.access.actor import Actor
from vectorstore.domain.errors import EngineUnavailable, NotFound, VectorStoreError
from vectorstore.domain.models import LoadState
from vectorstore.models import CollectionRecord
from vectorstore.service import CollectionService, DatabaseService, Scope
from vectorstore.service.catalogue import PENDING
from vectorstore.service.representations import CollectionView

GONE, MAKING, UNKNOWN = "gone", "making", "unknown"
_MOST_ADOPTED = 50
_MAKING_TAKES = timedelta(minutes=3)


@dataclass(frozen=True, slots=True)
class Live:
    """``state`` is a ``LoadState``, ``gone``, ``making`` or ``unknown``; ``view`` is what Milvus says, if it does."""

    state: str = UNKNOWN
    view: CollectionView | None = None


@dataclass(slots=True)
class Survey:
    """What Milvus has: names by database. ``outage`` says why it could not be asked; empty if it could."""

    names: dict[str, set[str]] = field(default_factory=dict)
    outage: str = ""
    notes: list[str] = field(default_factory=list)


def survey(request: HttpRequest) -> Survey:
    """The names of all collections; those made elsewhere are adopted, fifty at a time."""
    actor, found = Actor.of(request.user), Survey()
    try:
        databases = DatabaseService(Scope(actor)).list()
        for database in databases:
            service = CollectionService(Scope(actor, database=database))
            found.names[database] = set(service.names())
            _adopt(service, found.names[database], found)
    except VectorStoreError as error:
        found.outage = outage_of(error)
    return found


def _adopt(service: CollectionService, names: set[str], found: Survey) -> None:
    where = {"cluster": service.scope.cluster, "database": service.scope.database}
    foreign = sorted(names - set(CollectionRecord.objects.filter(**where).values_list("name", flat=True)))
    for name, view in service.listed(foreign[:_MOST_ADOPTED]).items():
        if isinstance(view, VectorStoreError):
            found.notes.append(f"{name} is not listed: {view.detail}")
    if len(foreign) > _MOST_ADOPTED:
        found.notes.append(f"{len(foreign) - _MOST_ADOPTED} more collections were found; open the list again.")


def attach(request: HttpRequest, records: Iterable[CollectionRecord], found: Survey) -> dict[int, Live]:
    """The live state by record; after the first outage nothing more is asked."""
    states: dict[int, Live] = {}
    places: dict[Scope, list[CollectionRecord]] = {}
    actor = Actor.of(request.user)
    for record in records:
        states[record.pk] = Live()
        if record.name in found.names.get(record.database, set()):
            places.setdefault(Scope(actor, record.cluster, record.database), []).append(record)
        elif not found.outage:
            states[record.pk] = Live(absent_state(record))
    for scope, here in places.items():
        if not found.outage:
            states |= _asked(scope, here, found)
    return states


def _asked(scope: Scope, records: list[CollectionRecord], found: Survey) -> dict[int, Live]:
    states = {}
    try:
        views = CollectionService(scope).listed([record.name for record in records])
    except VectorStoreError as error:
        found.outage = outage_of(error)
        return {}
    for record in records:
        view = views.get(record.name)
        if isinstance(view, VectorStoreError):
            found.notes.append(f"{record.name}: {view.detail}")
        else:
            states[record.pk] = Live(str(view.load_state), view) if view else Live(absent_state(record))
    return states


def live(request: HttpRequest, record: CollectionRecord) -> Live:
    """The state of one collection.

    Raises:
        VectorStoreError: Milvus could not be asked.
    """
    try:
        view = CollectionService(Scope(Actor.of(request.user), record.cluster, record.database)).describe(record.name)
    except NotFound:
        return Live(absent_state(record))
    return Live(str(view.load_state), view)


def absent_state(record: CollectionRecord) -> str:
    """What it means that Milvus does not have a recorded collection."""
    making = record.engine_id == PENDING and timezone.now() - record.created_at < _MAKING_TAKES
    return MAKING if making else GONE


def outage_of(error: VectorStoreError) -> str:
    """The banner's words."""
    detail = error.detail.rstrip(".")
    if not isinstance(error, EngineUnavailable):
        detail = f"Milvus could not be asked: {detail}"
    return f"{detail}; what is shown is what was recorded."


STATE_TEXTS = {
    LoadState.LOADED.value: "loaded",
    LoadState.LOADING.value: "loading",
    LoadState.NOT_LOADED.value: "not loaded",
    GONE: "gone from Milvus",
    MAKING: "being made",
    UNKNOWN: "unknown",
}
STATE_COLOURS = {
    LoadState.LOADED.value: "success",
    LoadState.LOADING.value: "info",
    LoadState.NOT_LOADED.value: "warning",
    GONE: "danger",
    MAKING: "info",
    UNKNOWN: "default",
}
