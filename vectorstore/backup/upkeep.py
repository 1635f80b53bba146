"""What is done again and again: the journal shipped and pruned, doubts settled, retention kept, leftovers removed."""

import logging
from datetime import datetime, timedelta

from django.db.models import Min
from django.utils import timezone

from vectorstore.backup import drift, scheduler, shipping
from vectorstore.backup.place import BackupPlace, backup_place
from vectorstore.config.collection_config import RESTORE_PREFIX
from vectorstore.config.settings import current
from vectorstore.domain.errors import VectorStoreError
from vectorstore.journal import recovery
from vectorstore.journal.sequence import position
from vectorstore.models import Backup, BackupPolicy, Cluster, CollectionRecord, Job, JournalEntry, JournalSegment
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
    """Retention of all policies, collections whose days are over, leftovers, the journal before the oldest set.

    Returns what was removed, in words.
    """
    now = now or timezone.now()
    removed = [f"collection {name}" for name in dropping.purge(now)]
    for policy in BackupPolicy.objects.all():
        removed += [f"backup {set_id}" for set_id in scheduler.apply_retention(policy, now)]
    with backup_place() as place:
        busy = list(Backup.objects.filter(state="running").values_list("set_id", flat=True))
        removed += [f"leftovers of {set_id}" for set_id in place.repository.sweep(now, busy)]
        removed += [f"collection {name}" for name in drop_scratch(now)]
        removed += [f"segment {name}" for name in prune_journal(place, now)]
        shipping.drop_local(place.repository.storage, now - timedelta(days=1))
    return removed


def drop_scratch(now: datetime) -> list[str]:
    """Drop what restores that failed have loaded, a day after they did: until then they can be taken up again."""
    dropped = []
    recent = Job.objects.filter(kind="restore").exclude(finished_at__lt=now - timedelta(days=1))
    busy = {f"{RESTORE_PREFIX}{params.get('key')}" for params in recent.values_list("params", flat=True)}
    for cluster in Cluster.objects.values_list("name", flat=True):
        try:
            adapter = engine_of(cluster).adapter
            for database in adapter.list_databases():
                for name in adapter.list_collections(database):
                    if name.startswith(RESTORE_PREFIX) and name not in busy:
                        adapter.drop_collection(database, name)
                        dropped.append(name)
        except VectorStoreError as error:
            log.warning("the cluster %s cannot be tidied: %s", cluster, error.detail)
    return dropped


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
    oldest: dict[str, int] = {}
    for backup in Backup.objects.filter(state__in=("running", "succeeded", "verified"), consistency="exact"):
        for item in backup.collections:
            if "uid" in item and backup.start_seq is not None:
                oldest[item["uid"]] = min(oldest.get(item["uid"], backup.start_seq + 1), backup.start_seq + 1)
    beyond = position()[0] + 1
    firsts = JournalEntry.objects.values("uid").annotate(first=Min("seq"))
    gone = _gone_for_good(now)
    bounds = [oldest.get(row["uid"], row["first"]) for row in firsts if row["uid"] not in gone or row["uid"] in oldest]
    running = Backup.objects.filter(state="running").exists()
    return 0 if running else min(bounds, default=beyond)


def _gone_for_good(now: datetime) -> set[str]:
    """Collections that were dropped so long ago that they need not come back from the journal alone."""
    live = set(CollectionRecord.objects.values_list("uid", flat=True))
    limit = now - timedelta(days=current().dropped_days)
    known = set(JournalEntry.objects.values_list("uid", flat=True).distinct())
    recent = set(JournalEntry.objects.filter(at__gt=limit).values_list("uid", flat=True).distinct())
    return known - live - recent
