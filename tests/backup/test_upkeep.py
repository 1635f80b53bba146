"""What is done again and again: settled, shipped, pruned."""

import secrets
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from tests.backup.test_run_restore import back_up, held, params_of, restore, rows
from tests.support.engines import RunningEngine
from tests.support.work import LedgerWork
from vectorstore.backup import scheduler, upkeep
from vectorstore.backup.drill import drill_prefix, run_drill
from vectorstore.backup.place import backup_place
from vectorstore.backup.run_restore import run_restore
from vectorstore.config.collection_config import RESTORE_PREFIX
from vectorstore.config.settings import current
from vectorstore.domain.models import Metric
from vectorstore.domain.requests import CollectionSpec
from vectorstore.domain.rows import read_rows
from vectorstore.journal.sequence import position
from vectorstore.journal.writer import writer
from vectorstore.models import Backup, BackupPolicy, CollectionRecord, Job, JournalEntry, JournalSegment
from vectorstore.service import CollectionService, VectorService, dropping
from vectorstore.service.catalogue import look_up
from vectorstore.service.context import Scope
from vectorstore.service.engines import engine_of
from vectorstore.service.write_path import put


@pytest.fixture
def name(tmp_path: Path, lite: RunningEngine, transactional_db: None, bound: pytest.MonkeyPatch) -> Iterator[str]:
    bound.setenv("VECTORSTORE_BACKUP_URL", f"file://{tmp_path}/backups")
    bound.setenv("VECTORSTORE_DATA_DIR", str(tmp_path / "data"))
    current.cache_clear()
    made = f"u_{secrets.token_hex(6)}"
    CollectionService().create(CollectionSpec(name=made, dimension=4, metric=Metric.L2))
    yield made
    for found in CollectionService().names(made):
        CollectionService().drop(found)


def _segments() -> set[str]:
    with backup_place() as place:
        return {item.path for item in place.repository.storage.list("journal/") if item.path.endswith(".seg")}


def _pruned(now: datetime | None = None) -> list[str]:
    """The segments that were removed."""
    return [line for line in upkeep.clean(now) if line.startswith("segment ")]


def test_sealed_segments_are_shipped_once(name: str) -> None:
    VectorService().insert(name, rows("a"))
    assert upkeep.ship_journal() == 0
    writer().seal()
    assert upkeep.ship_journal() == 1
    assert upkeep.ship_journal() == 0
    assert len(_segments()) == 1
    assert JournalSegment.objects.get().shipped_at is not None


def test_a_doubt_is_settled_without_a_write(name: str) -> None:
    known = look_up(Scope(), name)[0]
    (entry,) = writer().intend(put(known, read_rows(rows("a"), known.schema), "", "insert"))
    writer().doubt(entry.seq)
    assert upkeep.settle_doubts() == 0
    assert held(name).keys() == {"a"}
    assert JournalEntry.objects.get(seq=entry.seq).state == "committed"


def test_the_journal_before_the_oldest_backup_is_pruned_and_the_rest_restores(name: str) -> None:
    VectorService().insert(name, rows("a", "b"))
    writer().seal()
    upkeep.ship_journal()
    assert _pruned() == []  # nothing is backed up: the journal is all there is
    back_up(name)
    VectorService().upsert(name, rows("b", "c", value=2.0))
    writer().seal()
    upkeep.ship_journal()
    before = _segments()
    assert len(_pruned()) == 1
    assert len(_segments()) == len(before) - 1
    uid = CollectionRecord.objects.get(name=name).uid
    run_restore(LedgerWork(), Scope(), {**params_of(uid, position()[0]), "target": f"{name}_back"})
    assert held(f"{name}_back") == held(name)


def test_a_collection_dropped_long_ago_keeps_no_journal(name: str) -> None:
    VectorService().insert(name, rows("a"))
    CollectionService().drop(name)
    writer().seal()
    upkeep.ship_journal()
    assert _pruned(timezone.now() + timedelta(days=6)) == []
    assert len(_pruned(timezone.now() + timedelta(days=8))) == 1
    assert _segments() == set()


def test_what_a_failed_restore_loaded_is_dropped_after_a_day(name: str) -> None:
    scratch = f"{RESTORE_PREFIX}0123"
    adapter = engine_of().adapter
    adapter.create_collection("default", replace(look_up(Scope(), name)[0].schema, name=scratch))
    job = Job.objects.create(
        kind="restore", state="failed", params={"key": "0123"}, actor_kind="system", actor="system"
    )
    Job.objects.filter(pk=job.pk).update(finished_at=timezone.now())
    assert scratch not in upkeep.drop_scratch(timezone.now() + timedelta(hours=23))
    assert scratch in upkeep.drop_scratch(timezone.now() + timedelta(hours=25))
    assert scratch not in adapter.list_collections("default")


def test_what_a_drill_that_runs_has_loaded_stays_until_it_is_over(name: str) -> None:
    backup = back_up(name)
    adapter, seen = engine_of().adapter, []
    job = Job.objects.create(
        kind="drill", state="running", params={"backup": backup.set_id}, actor_kind="system", actor="system"
    )
    scratch = f"{drill_prefix(backup.set_id)}0123"
    adapter.create_collection("default", replace(look_up(Scope(), name)[0].schema, name=scratch))

    class Cleaning(LedgerWork):
        def stage(self, stage: str) -> None:
            super().stage(stage)
            seen.append(upkeep.drop_scratch(timezone.now()))

    run_drill(Cleaning(), Scope(), {"backup": backup.set_id})
    assert len(seen) > 2
    assert not any(seen)
    Job.objects.filter(pk=job.pk).update(state="failed", finished_at=timezone.now())
    assert upkeep.drop_scratch(timezone.now()) == [scratch]


def test_what_a_restored_collection_began_as_is_kept_until_it_has_a_set(name: str) -> None:
    policy = BackupPolicy.objects.create(name="p", collections=[name], schedule="0 3 * * *", retention={"last": 1})
    first = back_up(name)
    VectorService().insert(name, rows("a"))
    held_then = held(name)
    restore(name, target=f"{name}_two")
    writer().seal()
    upkeep.ship_journal()
    VectorService().insert(name, rows("b"))
    second = back_up(name)
    Backup.objects.filter(pk__in=(first.pk, second.pk)).update(policy=policy, lease_until=None)
    CollectionService().drop(name)
    later = timezone.now() + timedelta(days=30)
    assert scheduler.plan_of(policy, later).keep[first.set_id] == ("origin",)
    assert scheduler.apply_retention(policy, later) == []
    with backup_place() as place:
        assert upkeep.prune_journal(place, later) == []
    restore(f"{name}_two", target=f"{name}_three")
    assert held(f"{name}_three") == held_then
    CollectionService().drop(f"{name}_three")
    Backup.objects.update(lease_until=None)
    back_up(f"{name}_two")
    assert scheduler.apply_retention(policy, later) == [first.set_id]
    with backup_place() as place:
        assert len(upkeep.prune_journal(place, later)) == 1


def test_a_step_that_fails_keeps_no_other_from_being_done(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    VectorService().insert(name, rows("a"))
    CollectionService().drop(name)
    writer().seal()
    upkeep.ship_journal()

    def fail(*_: object) -> list[str]:
        raise ValueError("a name that nobody thought of")

    monkeypatch.setattr(dropping, "purge", fail)
    with pytest.raises(ValueError, match="nobody thought of"):
        upkeep.clean(timezone.now() + timedelta(days=8))
    assert _segments() == set()
