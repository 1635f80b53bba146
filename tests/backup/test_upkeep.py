"""What is done again and again: settled, shipped, pruned."""

import secrets
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from tests.backup.test_run_restore import back_up, held, params_of, rows
from tests.support.engines import RunningEngine
from tests.support.work import LedgerWork
from vectorstore.backup import upkeep
from vectorstore.backup.place import backup_place
from vectorstore.backup.run_restore import run_restore
from vectorstore.config.collection_config import RESTORE_PREFIX
from vectorstore.config.settings import current
from vectorstore.domain.models import Metric
from vectorstore.domain.requests import CollectionSpec
from vectorstore.domain.rows import read_rows
from vectorstore.journal.sequence import position
from vectorstore.journal.writer import writer
from vectorstore.models import CollectionRecord, Job, JournalEntry, JournalSegment
from vectorstore.service import CollectionService, VectorService
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
