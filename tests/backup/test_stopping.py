"""Stopped at every check: cancelled, backups and restores leave nothing; interrupted, they go on to the same end."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from tests.backup.test_run_restore import held, params, rows
from tests.support.engines import RunningEngine
from tests.support.work import LedgerWork
from vectorstore.backup import capture, loading
from vectorstore.backup.place import backup_place
from vectorstore.backup.repository import new_set_id
from vectorstore.backup.run_backup import run_backup
from vectorstore.backup.run_restore import run_restore
from vectorstore.config.settings import current
from vectorstore.domain.models import Metric
from vectorstore.domain.requests import CollectionSpec
from vectorstore.models import Backup
from vectorstore.service import CollectionService, PartitionService, VectorService
from vectorstore.service.context import Scope
from vectorstore.service.engines import engine_of
from vectorstore.service.work import Cancelled, Interrupted

PLACES = 12
"""How many of the checks are tried, evenly spread."""


@pytest.fixture
def name(tmp_path: Path, lite: RunningEngine, transactional_db: None, bound: pytest.MonkeyPatch) -> Iterator[str]:
    bound.setenv("VECTORSTORE_BACKUP_URL", f"file://{tmp_path}/backups")
    current.cache_clear()
    bound.setattr(capture, "_CHUNK_BYTES", 1_500)
    bound.setattr("vectorstore.adapters.scan_calls.PAGE_BYTES", 40 * 1_100)
    bound.setattr(loading, "_CHUNK_ROWS", 50)
    bound.setattr(loading, "_BATCH_ROWS", 25)
    made = f"s_{secrets.token_hex(6)}"
    CollectionService().create(CollectionSpec(name=made, dimension=4, metric=Metric.L2))
    PartitionService().create(made, "north")
    VectorService().insert(made, rows(*[f"k{number:03}" for number in range(120)]))
    VectorService().insert(made, rows(*[f"n{number:03}" for number in range(80)]), partition="north")
    yield made
    for found in CollectionService().names(made):
        CollectionService().drop(found)


def _row(name: str) -> Backup:
    return Backup.objects.create(set_id=new_set_id(timezone.now()), collections=[{"name": name}])


def _sets() -> list[str]:
    with backup_place() as place:
        return [item.path for item in place.repository.storage.list("sets/")]


def _checks(run: Any) -> int:
    work = LedgerWork()
    run(work)
    return work.checks


def _checks_of_a_backup(name: str) -> int:
    """Of one that is not the first, for which the journal's ledger has to be made."""
    return [_checks(lambda work: run_backup(work, Scope(), {"backup": _row(name).set_id})) for _ in range(2)][-1]


def _spread(checks: int) -> list[int]:
    return sorted({1 + place * (checks - 1) // (PLACES - 1) for place in range(PLACES)})


def test_a_cancelled_backup_leaves_nothing_and_the_next_one_is_made(name: str) -> None:
    checks = _checks_of_a_backup(name)
    first = set(_sets())
    for place in _spread(checks):
        again = _row(name)
        work = LedgerWork(stop_at=place)
        work.stop = Cancelled
        with pytest.raises(Cancelled):
            run_backup(work, Scope(), {"backup": again.set_id})
        assert set(_sets()) == first, work.stages
        assert not Backup.objects.filter(pk=again.pk).exists()
    last = _row(name)
    run_backup(LedgerWork(), Scope(), {"backup": last.set_id})
    last.refresh_from_db()
    assert (last.state, last.rows) == ("verified", 200)


def test_an_interrupted_backup_goes_on_and_holds_what_was_written_meanwhile(name: str) -> None:
    checks = _checks_of_a_backup(name)
    for number, place in enumerate(_spread(checks)):
        row, ledger = _row(name), dict[str, dict[str, Any]]()
        with pytest.raises(Interrupted):
            run_backup(LedgerWork(ledger, place), Scope(), {"backup": row.set_id})
        sealed = f"sets/{row.set_id}/manifest.json" in _sets()
        VectorService().upsert(name, rows("k005", f"new{number}", value=float(number)))
        run_backup(LedgerWork(ledger), Scope(), {"backup": row.set_id})
        row.refresh_from_db()
        assert row.state == "verified"
        target = f"{name}_{number}"
        run_restore(LedgerWork(), Scope(), params(name, row.end_seq, target=target))
        expected = held(name)
        if sealed:  # before the write
            expected = {key: value for key, value in held(target).items() if key != f"new{number}"}
        assert held(target) == expected
        CollectionService().drop(target)


def _collections() -> list[str]:
    return engine_of().adapter.list_collections("default")


def test_a_cancelled_restore_leaves_nothing_and_the_next_one_is_made(name: str) -> None:
    checks = _checks(lambda work: run_restore(work, Scope(), params(name, target=f"{name}_first")))
    there = _collections()
    for place in _spread(checks):
        work = LedgerWork(stop_at=place)
        work.stop = Cancelled
        with pytest.raises(Cancelled):
            run_restore(work, Scope(), params(name))
        assert _collections() == there, work.stages
    assert run_restore(LedgerWork(), Scope(), params(name))["rows"] == 200
    assert held(f"{name}_back") == held(name)


def test_an_interrupted_restore_goes_on_and_ends_with_the_same_rows(name: str) -> None:
    checks = _checks(lambda work: run_restore(work, Scope(), params(name, target=f"{name}_first")))
    for number, place in enumerate(_spread(checks)):
        asked, ledger = params(name, target=f"{name}_{number}"), dict[str, dict[str, Any]]()
        with pytest.raises(Interrupted):
            run_restore(LedgerWork(ledger, place), Scope(), asked)
        assert run_restore(LedgerWork(ledger), Scope(), asked)["rows"] == 200
        assert held(f"{name}_{number}") == held(name)
        counts = {view.name: view.row_count for view in PartitionService().list(f"{name}_{number}")}
        assert counts == {"_default": 120, "north": 80}
        CollectionService().drop(f"{name}_{number}")
