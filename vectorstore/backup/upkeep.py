"""What is done again and again: the journal shipped and pruned, doubts settled, retention kept, leftovers removed."""

import logging
from datetime import datetime, timedelta

from django.db.models import Min
from django.utils import timezone

from vectorstore.backup import drift, scheduler, shipping
from vectorstore.backup.drill import drill_prefix
from vectorstore.backup.lineage import gone_for_good, inherited
from vectorstore.backup.place import BackupPlace, backup_place
from vectorstore.config.collection_config import ADVICE_PREFIX, EXCHANGE_PREFIX, RESTORE_PREFIX
from vectorstore.config.settings import current
from vectorstore.domain.errors import VectorStoreError
from vectorstore.journal import recovery
from vectorstore.journal.sequence import position
from vectorstore.models import (
    Backup,
    BackupPolicy,
    Cluster,
    CollectionRecord,
    Job,
    JobState,
    JournalEntry,
    JournalSegment,
)
from vectorstore.service import dropping
from vectorstore.service.catalogue import look_up
from vectorstore.service.context import Scope
from vectorstore.service.definitions import record_again
from vectorstore.service.engines import engine_of
from vectorstore.service.write_path import writing

log = logging.getLogger("vectorstore.backup")


def settle_doubts() -> int:
    """Send again what has no outcome, so that no collection waits for its next write; returns how many are left."""
    recovery.end_the_dead()
    doubtful = JournalEntry.objects.filter(state="open", doubt=True)
    for record in CollectionRecord.objects.filter(uid__in=doubtful.values_list("uid", flat=True)):
        scope = Scope(cluster=record.cluster, database=record.database)
        try:
            with writing(scope, look_up(scope, record.name)[0], []):
                pass
        except VectorStoreError as error:
            log.warning("the writes of %s cannot be settled yet: %s", record.name, error.detail)
    live = CollectionRecord.objects.values_list("uid", flat=True)
    doubtful.exclude(uid__in=live).update(state="aborted", doubt=False)  # their collections are gone
    return doubtful.count()


def ship_journal() -> int:
    """Bring sealed segments to the backup storage; returns how many."""
    with backup_place() as place:
        return shipping.ship(place.repository.storage)


def watch_drift() -> int:
    """Compare every journalled collection with Milvus; returns how many drifts are open."""
    found = 0
    with backup_place() as place:
        for record in CollectionRecord.objects.filter(point_in_time=True, loaded=True):
            scope = Scope(cluster=record.cluster, database=record.database)
            try:
                found += drift.look(scope, record.name, place) is not None
            except VectorStoreError as error:
                log.warning("%s cannot be compared with its journal: %s", record.name, error.detail)
    return found


def clean(now: datetime | None = None) -> list[str]:
    """Collections whose days are over, retention of all policies, leftovers, the journal before the oldest set.

    Returns what was removed, in words. A step that fails keeps no other from being done.

    Raises:
        Exception: that of the first step that failed, once all were tried.
    """
    now = now or timezone.now()
    removed: list[str] = []
    failures: list[Exception] = []
    for step in (_purge, _retain, _sweep, _drop_scratch, _prune, _drop_local):
        try:
            removed += step(now)
        except Exception as error:
            log.exception("a step of the cleaning failed")
            failures.append(error)
    if failures:
        raise failures[0]
    return removed


def _purge(now: datetime) -> list[str]:
    return [f"collection {name}" for name in dropping.purge(now)]


def _retain(now: datetime) -> list[str]:
    policies = BackupPolicy.objects.all()
    return [f"backup {set_id}" for policy in policies for set_id in scheduler.apply_retention(policy, now)]


def _sweep(now: datetime) -> list[str]:
    with backup_place() as place:
        busy = list(Backup.objects.filter(state="running").values_list("set_id", flat=True))
        return [f"leftovers of {set_id}" for set_id in place.repository.sweep(now, busy)]


def _drop_scratch(now: datetime) -> list[str]:
    return [f"collection {name}" for name in drop_scratch(now)]


def _prune(now: datetime) -> list[str]:
    with backup_place() as place:
        return [f"segment {name}" for name in prune_journal(place, now)]


def _drop_local(now: datetime) -> list[str]:
    with backup_place() as place:
        shipping.drop_local(place.repository.storage, now - timedelta(days=1))
    return []


def drop_scratch(now: datetime) -> list[str]:
    """Drop what restores and rebuilds that failed have loaded, a day after they did: until then they can be taken up
    again.

    What drills and sweeps have left goes when they are over, what was exchanged once the new one has its name.
    """
    dropped = []
    for cluster in Cluster.objects.values_list("name", flat=True):
        try:
            adapter = engine_of(cluster).adapter
            for database in adapter.list_databases():
                there = adapter.list_collections(database)
                found = [name for name in there if name.startswith((RESTORE_PREFIX, ADVICE_PREFIX, EXCHANGE_PREFIX))]
                busy = _busy(now)  # asked afterwards: what was found belongs to a job that is on record
                for name in found:
                    if not name.startswith(busy) and not _alone(name, there):
                        adapter.drop_collection(database, name)
                        dropped.append(name)
        except VectorStoreError as error:
            log.warning("the cluster %s cannot be tidied: %s", cluster, error.detail)
    return dropped


def _alone(name: str, there: list[str]) -> bool:
    """Whether it is all that there is of a collection whose exchange was cut off."""
    record = CollectionRecord.objects.filter(uid=name.removeprefix(EXCHANGE_PREFIX)).first()
    return record is not None and record.name not in there


def _busy(now: datetime) -> tuple[str, ...]:
    """How names begin that are still needed."""
    restores = Job.objects.filter(kind__in=("restore", "apply_advice")).exclude(finished_at__lt=now - timedelta(days=1))
    live = Job.objects.filter(state__in=(JobState.QUEUED, JobState.RUNNING))
    drills, sweeps, exchanges = (live.filter(kind=kind) for kind in ("drill", "advise", "apply_advice"))
    return (
        *(f"{ADVICE_PREFIX}{params['key']}" for params in sweeps.values_list("params", flat=True)),
        *(f"{EXCHANGE_PREFIX}{params['uid']}" for params in exchanges.values_list("params", flat=True)),
        *(f"{RESTORE_PREFIX}{params.get('key')}" for params in restores.values_list("params", flat=True)),
        *(drill_prefix(params["backup"]) for params in drills.values_list("params", flat=True)),
    )


def prune_journal(place: BackupPlace, now: datetime) -> list[str]:
    """Remove the segments that no restore can need: all before the oldest S0, or before a dropped collection's end.

    A collection that has no backup keeps its journal from its beginning.
    """
    needed = _needed_from(now)
    record_again(needed, place.locate)
    removed = []
    for segment in JournalSegment.objects.filter(sealed_at__isnull=False, shipped_at__isnull=False).order_by("id"):
        if (segment.last_seq or 0) >= needed:
            continue
        for path in (f"{shipping.JOURNAL}{segment.name}", f"{shipping.JOURNAL}{segment.name[:-4]}.sha256"):
            place.repository.storage.delete(path)
        (current().data_dir / "journal" / segment.name).unlink(missing_ok=True)
        segment.delete()
        removed.append(segment.name)
    return removed


def _needed_from(now: datetime) -> int:
    """The number of the first entry that must stay."""
    if Backup.objects.filter(state="running").exists():
        return 0
    oldest: dict[str, int] = {}
    for backup in Backup.objects.filter(state__in=("succeeded", "verified"), consistency="exact"):
        for item in backup.collections:
            if "uid" in item and backup.start_seq is not None:
                oldest[item["uid"]] = min(oldest.get(item["uid"], backup.start_seq + 1), backup.start_seq + 1)
    gone = gone_for_good(now)
    firsts = JournalEntry.objects.values("uid").annotate(first=Min("seq"))
    bounds = [oldest.get(row["uid"], row["first"]) for row in firsts if row["uid"] not in gone or row["uid"] in oldest]
    return min([*bounds, *(origin.after + 1 for origin in inherited(now))], default=position()[0] + 1)
