"""Collections dropped at once, or set aside for some days and then dropped."""

import logging
from datetime import UTC, datetime, timedelta

from django.utils import timezone

from vectorstore.config.settings import current
from vectorstore.domain.errors import VectorStoreError
from vectorstore.models import CollectionRecord, IndexAdvice
from vectorstore.optimization.shared_state import shared_state
from vectorstore.service import records
from vectorstore.service.catalogue import KnownCollection, forget, look_up
from vectorstore.service.context import Scope
from vectorstore.service.definitions import changed, definition_of, dropped
from vectorstore.service.engines import engine_of
from vectorstore.service.write_path import writing

log = logging.getLogger("vectorstore.operations")


def drop(scope: Scope, known: KnownCollection) -> None:
    """Its rows are gone from Milvus; the journal and backups keep what they have."""
    with writing(scope, known, None):
        last = definition_of(scope, known)
        known.engine.adapter.drop_collection(scope.database, known.schema.name)
        CollectionRecord.objects.filter(pk=known.record_id).delete()
        IndexAdvice.objects.filter(uid=known.uid).delete()
        forget(scope)
        if known.point_in_time:
            dropped(last)


def set_aside(scope: Scope, known: KnownCollection) -> str:
    """Rename it to ``<name>__dropped_<time>`` and take it out of memory; returns that name.

    Renaming it back undoes the drop.
    """
    adapter, name = known.engine.adapter, known.schema.name
    kept = aside_name(scope, name, "dropped")
    with writing(scope, known, None):
        adapter.rename_collection(scope.database, name, kept)
        adapter.release_collection(scope.database, kept)
        records.set_aside(known.uid, kept)
        CollectionRecord.objects.filter(pk=known.record_id).update(loaded=False)
        shared_state().wrote(scope.address(kept), adapter.now())
        changed(scope, kept)
    return kept


def aside_name(scope: Scope, name: str, how: str) -> str:
    """The name that a collection is kept under: of the first second whose name nothing has."""
    adapter, at = engine_of(scope.cluster).adapter, timezone.now()
    while adapter.has_collection(scope.database, kept := _aside_at(name, how, at)):
        at += timedelta(seconds=1)
    return kept


def _aside_at(name: str, how: str, at: datetime) -> str:
    """Milvus takes 255 characters."""
    ending = f"__{how}_{at.astimezone(UTC):%Y%m%dT%H%M%S}"
    return name[: 255 - len(ending)] + ending


def purge(now: datetime) -> list[str]:
    """Drop what was set aside more than ``VECTORSTORE_DROPPED_DAYS`` days before ``now``; returns the names."""
    purged = []
    for record in CollectionRecord.objects.filter(aside_at__lte=now - timedelta(days=current().dropped_days)):
        scope = Scope(cluster=record.cluster, database=record.database)
        try:
            drop(scope, look_up(scope, record.name)[0])
            purged.append(record.name)
        except VectorStoreError as error:
            log.warning("%s, which was set aside, stays for now: %s", record.name, error.detail)
    return purged
