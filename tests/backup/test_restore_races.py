"""Restores among writers, and restores that are stopped: nothing is left out, nothing is left half done."""

import secrets
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.db import connections

from tests.backup.swaps import restore_until_rename
from tests.backup.test_run_restore import held, params, restore, rows
from tests.support.backups import store_at
from tests.support.engines import RunningEngine
from tests.support.work import LedgerWork
from vectorstore.adapters.milvus_adapter import MilvusAdapter
from vectorstore.backup import loading
from vectorstore.backup.history import source_of, uid_at
from vectorstore.backup.run_restore import run_restore
from vectorstore.domain.arrow import from_arrow
from vectorstore.domain.definition import to_json
from vectorstore.domain.errors import DeadlineExceeded, EngineFailed
from vectorstore.domain.models import Metric
from vectorstore.domain.requests import CollectionSpec, DeleteRequest
from vectorstore.domain.rows import read_rows
from vectorstore.journal.entry import Draft
from vectorstore.journal.frame import Op
from vectorstore.journal.reading import definition_at
from vectorstore.journal.sequence import position
from vectorstore.journal.writer import Writer, folder
from vectorstore.models import CollectionRecord
from vectorstore.service import AliasService, CollectionService, PartitionService, VectorService
from vectorstore.service.catalogue import look_up
from vectorstore.service.context import Scope
from vectorstore.service.engines import engine_of
from vectorstore.service.work import Cancelled
from vectorstore.service.write_path import put


@pytest.fixture
def name(tmp_path: Path, lite: RunningEngine, transactional_db: None, bound: pytest.MonkeyPatch) -> Iterator[str]:
    store_at(bound, tmp_path / "backups")
    made = f"r_{secrets.token_hex(6)}"
    CollectionService().create(CollectionSpec(name=made, dimension=4, metric=Metric.L2))
    VectorService().insert(made, rows("a", "b"))
    yield made
    for found in CollectionService().names(made):
        for alias in CollectionService().describe(found).aliases:
            AliasService().drop(alias)
        CollectionService().drop(found)


class _At(LedgerWork):
    """Does something at a stage."""

    def __init__(self, stage: str, act: Any, ledger: dict[str, dict[str, Any]] | None = None) -> None:
        super().__init__(ledger)
        self._stage, self._act = stage, act

    def stage(self, name: str) -> None:
        super().stage(name)
        if name == self._stage:
            self._act()


def test_what_another_process_has_committed_is_restored_before_the_index_says_so(name: str) -> None:
    known = look_up(Scope(), name)[0]
    other = Writer(folder())
    (entry,) = other.intend(put(known, read_rows(rows("c"), known.schema), "", "insert"))
    other.resolve(entry.seq, known.uid, Op.COMMIT)
    restore(name, work=_At("settling", other.flush))
    other.seal()
    assert held(f"{name}_back").keys() == {"a", "b", "c"}


def test_a_name_that_another_process_has_just_given_is_known(name: str) -> None:
    uid = look_up(Scope(), name)[0].uid
    found = definition_at(uid, position()[0])
    assert found is not None
    renamed = replace(found[0], schema=replace(found[0].schema, name=f"{name}_new"))
    other = Writer(folder())
    (entry,) = other.intend(Draft(Op.DEF, uid, orjson.dumps(to_json(renamed)), 0, "", {"dropped": False}))
    other.resolve(entry.seq, uid, Op.COMMIT)

    def told_later() -> None:
        time.sleep(0.3)
        other.flush()
        connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(told_later)
        assert uid_at("default", "default", f"{name}_new", entry.seq) == uid
    other.seal()


@pytest.mark.parametrize("mode", ["new", "replace"])
def test_a_write_that_comes_with_the_name_hides_nothing_of_what_was_restored(
    name: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = name if mode == "replace" else f"{name}_back"
    real = MilvusAdapter.rename_collection

    def rename(adapter: MilvusAdapter, database: str, old: str, new: str) -> None:
        real(adapter, database, old, new)
        if new == target:
            VectorService().insert(target, rows("at once"))

    with monkeypatch.context() as patch:
        patch.setattr(MilvusAdapter, "rename_collection", rename)
        restore(name, target=target, mode=mode)
    assert held(target).keys() == {"a", "b", "at once"}
    again = params(target, target=f"{name}_again")
    assert source_of(again["uid"], again["until"]).origin is not None
    run_restore(LedgerWork(), Scope(), again)
    assert held(f"{name}_again") == held(target)


@pytest.mark.parametrize("dies_at", [1, 2])
def test_a_swap_that_has_begun_goes_to_its_end_though_it_is_cancelled(name: str, dies_at: int) -> None:
    wanted, asked, ledger = held(name), params(name, target=name, mode="replace"), dict[str, dict[str, Any]]()
    VectorService().delete(name, DeleteRequest(ids=["a"]))
    restore_until_rename(dies_at, ledger, asked)
    cancelled = LedgerWork(ledger, stop_at=1)
    cancelled.stop = Cancelled
    run_restore(cancelled, Scope(), asked)
    assert held(name) == wanted
    assert restore(name)["rows"] == 2  # its history is whole


def test_a_run_that_died_between_the_collection_and_its_partitions_is_taken_up(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for partition in ("north", "south"):
        PartitionService().create(name, partition)
        VectorService().insert(name, rows(partition), partition=partition)
    real, made = MilvusAdapter.create_partition, []

    def create(adapter: MilvusAdapter, database: str, collection: str, partition: str) -> None:
        if made:
            raise KeyboardInterrupt
        made.append(partition)
        real(adapter, database, collection, partition)

    asked, ledger = params(name), dict[str, dict[str, Any]]()
    with monkeypatch.context() as patch:
        patch.setattr(MilvusAdapter, "create_partition", create)
        with pytest.raises(KeyboardInterrupt):
            run_restore(LedgerWork(ledger), Scope(), asked)
    assert run_restore(LedgerWork(ledger), Scope(), asked)["rows"] == 4
    counts = {view.name: view.row_count for view in PartitionService().list(f"{name}_back")}
    assert counts == {"_default": 2, "north": 1, "south": 1}


def test_rows_without_an_index_are_proved_too(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    work = LedgerWork()
    restore(name, work=work, with_indexes=False)
    assert "verifying" in work.stages
    known = look_up(Scope(), f"{name}_back")[0]
    assert known.indexes == {}
    assert not CollectionRecord.objects.get(name=f"{name}_back").loaded
    names = CollectionService().names()
    monkeypatch.setattr(loading, "from_arrow", lambda part, schema: from_arrow(part.slice(0, 1), schema))  # loses a row
    with pytest.raises(EngineFailed, match="2 rows were loaded"):
        restore(name, target=f"{name}_bad", with_indexes=False)
    assert CollectionService().names() == names


def test_a_restore_is_cancelled_while_milvus_loads(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    waited = []

    def loading_still(*_: Any) -> None:
        waited.append(1)
        raise DeadlineExceeded("It loads.")

    class Stopping(LedgerWork):
        def check(self) -> None:
            super().check()
            if len(waited) == 2:
                raise Cancelled

    there = engine_of().adapter.list_collections("default")
    monkeypatch.setattr(MilvusAdapter, "load_collection", loading_still)
    with pytest.raises(Cancelled):
        restore(name, work=Stopping())
    assert engine_of().adapter.list_collections("default") == there


def test_a_dry_run_counts_what_the_journal_changed(name: str) -> None:
    VectorService().upsert(name, rows("b", "c", value=2.0))
    VectorService().delete(name, DeleteRequest(ids=["a"]))
    told = restore(name, dry_run=True)
    assert (told["rows"], told["backup"], told["sequence"], told["journal_entries"]) == (2, None, position()[0], 3)
    assert told["size_bytes"] > 2 * 16
    assert told["estimated_s"] >= 0
