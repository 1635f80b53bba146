"""Definitions of collections in the journal: one after each change, so that any moment can be made again."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import orjson

from vectorstore.domain.definition import Definition, to_json
from vectorstore.domain.errors import JournalBroken, JournalUnavailable
from vectorstore.journal.entry import Draft
from vectorstore.journal.frame import Op
from vectorstore.journal.locks import key_locks, lock_folder
from vectorstore.journal.reading import Locate, definition_at, local
from vectorstore.journal.sequence import position
from vectorstore.journal.writer import writer
from vectorstore.models import CollectionRecord, IndexRecord, JournalEntry
from vectorstore.monitoring import request_id
from vectorstore.optimization.shared_state import State
from vectorstore.service.catalogue import KnownCollection, forget, look_up
from vectorstore.service.context import Scope

log = logging.getLogger("vectorstore.journal")

_recorded: dict[str, int] = {}
"""By uid: the catalogue's version at which the journal's last definition was compared."""


def definition_of(scope: Scope, known: KnownCollection) -> Definition:
    """The collection as it is now, by Milvus and by what is on record."""
    record = CollectionRecord.objects.select_related("owner").get(pk=known.record_id)
    requested = dict(IndexRecord.objects.filter(collection_id=record.pk).values_list("field", "requested"))
    return Definition(
        uid=known.uid,
        cluster=scope.cluster,
        database=scope.database,
        schema=replace(known.schema, description=record.description or known.schema.description),
        indexes=tuple(known.indexes[name] for name in sorted(known.indexes)),
        requested={name: kind for name, kind in sorted(requested.items()) if name in known.indexes},
        aliases=tuple(sorted(known.aliases)),
        partitions=tuple(sorted(name for name in known.partitions if name != "_default")),
        replicas=record.replicas,
        loaded=record.loaded,
        protected=record.protected,
        embedding=record.embedding,
        expected_rows=record.expected_rows,
        owner=record.owner.get_username() if record.owner else None,
        cache_enabled=record.cache_enabled,
        cache_ttl_s=record.cache_ttl_s,
    )


def changed(scope: Scope, name: str, **notes: Any) -> KnownCollection:
    """The collection was changed: no process may use what it remembers, and the journal gets its new definition.

    ``notes`` go with it: ``born`` says that it began empty.
    """
    forget(scope)
    known, state = look_up(scope, name)
    with _told_later():
        ensure_recorded(scope, known, state, **notes)
    return known


def announced(definition: Definition, **notes: Any) -> None:
    """The collection is about to be seen: what it began with comes before whatever is written to it.

    Raises:
        JournalUnavailable: it must not be seen yet.
    """
    told = JournalEntry.objects.filter(uid=definition.uid, op="DEF").exclude(state="void")
    if not told.exists():
        _write(definition, {"dropped": False, **notes})


def ensure_recorded(scope: Scope, known: KnownCollection, state: State, **notes: Any) -> None:
    """That the journal's last definition of the collection is the one it has."""
    if not known.point_in_time:
        return
    if state.catalogue is not None and _recorded.get(known.uid) == state.catalogue:
        return
    with key_locks(lock_folder(), f"{known.uid}.definition", None):  # looked at and told by one at a time, in order
        fresh, state = look_up(scope, known.schema.name)
        if fresh.uid != known.uid:
            return
        definition = definition_of(scope, fresh)
        last = _readable(known.uid, position()[0], local)
        if last != (definition, False):
            _write(definition, {"dropped": False, **notes})
        if state.catalogue is not None:
            _recorded[known.uid] = state.catalogue


def dropped(definition: Definition) -> None:
    """The collection is gone from Milvus."""
    with _told_later():
        _write(definition, {"dropped": True})


@contextmanager
def _told_later() -> Iterator[None]:
    """What has happened is no failure because the journal cannot be written: the next write tells it."""
    try:
        yield
    except JournalUnavailable:
        log.error("a change of a collection is not in the journal yet")


def record_again(before: int, locate: Locate) -> int:
    """Write the definitions anew whose last one is before entry ``before``; returns how many."""
    written = 0
    for record in CollectionRecord.objects.filter(point_in_time=True):
        last = JournalEntry.objects.filter(uid=record.uid, op="DEF", state="committed").order_by("-seq").first()
        found = _readable(record.uid, last.seq, locate) if last is not None and last.seq < before else None
        if found is not None and not found[1]:
            _write(found[0], {"dropped": False})
            written += 1
    return written


def _readable(uid: str, until: int, locate: Locate) -> tuple[Definition, bool] | None:
    """The last definition; one that is lost is none, and is written anew."""
    try:
        return definition_at(uid, until, locate)
    except JournalBroken as error:
        log.error("the last definition of the collection %s is lost: %s", uid, error.detail)
        return None


def _write(definition: Definition, notes: dict[str, Any]) -> None:
    """It is recorded when it has happened, so its outcome is known."""
    payload = orjson.dumps(to_json(definition))
    draft = Draft(Op.DEF, definition.uid, payload, 0, request_id.current.get(), notes)
    (entry,) = writer().intend(draft)
    writer().resolve(entry.seq, definition.uid, Op.COMMIT)
