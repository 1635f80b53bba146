"""A backup and a restore, from end to end, on each engine."""

import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from tests.backup.swaps import restore_until_rename
from tests.support.engines import RunningEngine
from tests.support.work import LedgerWork
from vectorstore.backup.place import backup_place
from vectorstore.backup.repository import Repository, new_set_id
from vectorstore.backup.run_backup import run_backup
from vectorstore.backup.run_restore import run_restore
from vectorstore.config.settings import current
from vectorstore.domain.errors import NotFound
from vectorstore.domain.models import Metric
from vectorstore.domain.requests import CollectionSpec, DeleteRequest, QueryRequest
from vectorstore.journal.sequence import position
from vectorstore.models import Backup, CollectionRecord
from vectorstore.service import AliasService, CollectionService, PartitionService, VectorService
from vectorstore.service.context import Scope


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, engine: RunningEngine, transactional_db: None, bound: pytest.MonkeyPatch) -> None:
    bound.setenv("VECTORSTORE_BACKUP_URL", f"file://{tmp_path}/backups")
    current.cache_clear()


@pytest.fixture
def name(_place: None) -> Iterator[str]:
    made = f"b_{secrets.token_hex(6)}"
    CollectionService().create(CollectionSpec(name=made, dimension=4, metric=Metric.L2))
    yield made
    for found in CollectionService().names(made):
        service = CollectionService()
        for alias in service.describe(found).aliases:
            AliasService().drop(alias)
        with suppress(NotFound):
            service.drop(found)


def rows(*keys: str, value: float = 1.0) -> list[dict[str, Any]]:
    return [{"id": key, "vector": [value, 0.1, -0.0, 1e-30], "n": key, "deep": {"a": [1, None]}} for key in keys]


def held(name: str) -> dict[str, Any]:
    return {row["id"]: row for row in VectorService().query(name, QueryRequest(limit=1000))}


def back_up(*names: str, work: LedgerWork | None = None, parent: Backup | None = None) -> Backup:
    row = Backup.objects.create(
        set_id=new_set_id(timezone.now()), collections=[{"name": item} for item in names], parent=parent, actor="ada"
    )
    run_backup(work or LedgerWork(), Scope(), {"backup": row.set_id})
    row.refresh_from_db()
    return row


def _repository() -> Repository:
    with backup_place() as place:
        return place.repository


def params(name: str, until: int | None = None, **more: Any) -> dict[str, Any]:
    return {
        "uid": CollectionRecord.objects.get(name=name).uid,
        "until": position()[0] if until is None else until,
        "target": f"{name}_back",
        "target_cluster": "default",
        "mode": "new",
        "schema_only": False,
        "with_indexes": True,
        "dry_run": False,
        "key": secrets.token_hex(4),
        **more,
    }


def restore(name: str, until: int | None = None, work: LedgerWork | None = None, **more: Any) -> dict[str, Any]:
    return run_restore(work or LedgerWork(), Scope(), params(name, until, **more))


def test_a_backup_restores_every_row_bit_for_bit(name: str) -> None:
    VectorService().insert(name, rows("a", "b", "c"))
    AliasService().create(f"{name}_alias", name)
    backup = back_up(name)
    assert (backup.state, backup.rows) == ("verified", 3)
    before = held(name)
    VectorService().upsert(name, rows("a", value=9.0))
    VectorService().delete(name, DeleteRequest(ids=["b"]))
    found = restore(name, backup.end_seq)
    assert found == {"collection": f"{name}_back", "rows": 3, "warnings": [], "from": name}
    assert held(f"{name}_back") == before
    assert held(name).keys() == {"a", "c"}


def test_any_moment_can_be_restored_with_and_without_a_set(name: str) -> None:
    states: list[tuple[int, dict[str, Any]]] = []
    service = VectorService()
    for step, write in enumerate(
        (
            lambda: service.insert(name, rows("a", "b", "c", "d")),
            lambda: service.upsert(name, rows("b", "e", value=2.0)),
            lambda: service.delete(name, DeleteRequest(filter="n in ['a', 'e']")),
            lambda: CollectionService().truncate(name),
            lambda: service.insert(name, rows("b", "z", value=3.0)),
            lambda: service.delete(name, DeleteRequest(ids=["z"])),
        )
    ):
        write()
        states.append((position()[0], held(name)))
        if step in (1, 3):
            back_up(name)
    for number, (seq, wanted) in enumerate(states):
        target = f"{name}_at{number}"
        assert restore(name, seq, target=target)["rows"] == len(wanted)
        assert held(target) == wanted


def test_partitions_keep_their_rows(name: str) -> None:
    PartitionService().create(name, "north")
    PartitionService().create(name, "south")
    service = VectorService()
    service.insert(name, rows("a", "b"), partition="north")
    service.insert(name, rows("c"), partition="south")
    service.insert(name, rows("d"))
    backup = back_up(name)
    service.upsert(name, rows("a", value=5.0), partition="south")
    PartitionService().drop(name, "north")
    restore(name, backup.end_seq, target=f"{name}_then")
    restore(name, target=f"{name}_now")
    counts = {view.name: view.row_count for view in PartitionService().list(f"{name}_then")}
    assert counts == {"_default": 1, "north": 2, "south": 1}
    counts = {view.name: view.row_count for view in PartitionService().list(f"{name}_now")}
    assert counts == {"_default": 1, "south": 2}
    assert held(f"{name}_now") == held(name)


def test_an_increment_holds_what_changed_and_restores_the_whole(name: str) -> None:
    service = VectorService()
    service.insert(name, rows(*[f"k{number}" for number in range(200)]))
    full = back_up(name)
    service.upsert(name, rows("k3", "new", value=4.0))
    service.delete(name, DeleteRequest(ids=["k5"]))
    increment = back_up(name, parent=full)
    assert increment.kind == "incremental"
    assert increment.rows == 200
    files = [file.rows for file in _repository().manifest(increment.set_id).collections[0].layers.files]
    assert sorted(files) == [1, 2]
    wanted = held(name)
    service.delete(name, DeleteRequest(ids=["k9"]))
    restore(name, increment.end_seq)
    assert held(f"{name}_back") == wanted


def test_replacing_keeps_the_old_collection_and_moves_its_aliases(name: str) -> None:
    service = VectorService()
    service.insert(name, rows("a", "b"))
    AliasService().create(f"{name}_alias", name)
    wanted, seq = held(name), position()[0]
    service.delete(name, DeleteRequest(ids=["a"]))
    restore(name, seq, target=name, mode="replace")
    assert held(name) == wanted == held(f"{name}_alias")
    (kept,) = [found for found in CollectionService().names(name) if "__replaced_" in found]
    assert held(kept).keys() == {"b"}
    service.insert(name, rows("c"))
    assert held(name).keys() == {"a", "b", "c"}
    restore(name)  # of what was itself restored, without a set of its own
    assert held(f"{name}_back") == held(name)


@pytest.mark.parametrize("dies_at", [1, 2])
def test_a_swap_that_was_cut_off_is_finished_by_the_next_run(name: str, dies_at: int) -> None:
    VectorService().insert(name, rows("a", "b"))
    AliasService().create(f"{name}_alias", name)
    wanted, uid = held(name), CollectionRecord.objects.get(name=name).uid
    asked, ledger = params(name, target=name, mode="replace"), dict[str, dict[str, Any]]()
    VectorService().delete(name, DeleteRequest(ids=["a"]))
    restore_until_rename(dies_at, ledger, asked)
    run_restore(LedgerWork(ledger), Scope(), asked)
    (kept,) = [found for found in CollectionService().names(name) if "__replaced_" in found]
    assert CollectionRecord.objects.get(name=kept).uid == uid
    assert held(kept).keys() == {"b"}
    assert held(name) == wanted == held(f"{name}_alias")


def test_a_restore_keeps_the_set_that_it_reads(name: str) -> None:
    VectorService().insert(name, rows("a"))
    backup = back_up(name)
    restore(name, backup.end_seq)
    backup.refresh_from_db()
    assert backup.lease_until is not None
    assert backup.lease_until > timezone.now()


def test_a_dropped_collection_comes_back_by_its_own_name(name: str) -> None:
    VectorService().insert(name, rows("a"))
    wanted, seq, uid = held(name), position()[0], CollectionRecord.objects.get(name=name).uid
    CollectionService().drop(name)
    run_restore(LedgerWork(), Scope(), {**params_of(uid, seq), "target": name})
    assert held(name) == wanted


def params_of(uid: str, until: int) -> dict[str, Any]:
    return {
        "uid": uid,
        "until": until,
        "target_cluster": "default",
        "mode": "new",
        "schema_only": False,
        "with_indexes": True,
        "dry_run": False,
        "key": secrets.token_hex(4),
    }
