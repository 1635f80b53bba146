"""Online rebuilds: searches and writes go on, and the collection stays what it was but for its index."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from tests.backup.swaps import until_rename
from tests.support.backups import store_at
from tests.support.clustered import clustered, collection
from tests.support.engines import RunningEngine
from tests.support.work import LedgerWork
from vectorstore.adapters.milvus_adapter import MilvusAdapter
from vectorstore.backup import upkeep
from vectorstore.backup.reindex_service import ReindexService
from vectorstore.backup.run_reindex import run_reindex
from vectorstore.backup.upkeep import drop_scratch
from vectorstore.config.collection_config import EXCHANGE_PREFIX, RESTORE_PREFIX, SCRATCH_PREFIX
from vectorstore.domain.advice import Point
from vectorstore.domain.errors import Conflict, EngineFailed, VectorStoreError
from vectorstore.domain.models import Consistency, IndexKind
from vectorstore.domain.requests import (
    ApplyAdviceRequest,
    DeleteRequest,
    IndexRequest,
    QueryRequest,
    SearchRequest,
)
from vectorstore.models import Cluster, CollectionRecord, IndexAdvice
from vectorstore.service import AliasService, IndexService, SearchService, VectorService, catalogue
from vectorstore.service.context import Scope
from vectorstore.service.engines import engine_of
from vectorstore.service.work import Cancelled

ROWS = 2_000
VECTORS = clustered(ROWS)


@pytest.fixture
def name(tmp_path: Path, engine: RunningEngine, transactional_db: None, bound: pytest.MonkeyPatch) -> Iterator[str]:
    store_at(bound, tmp_path / "backups")
    drop_all_scratch()
    with collection(VECTORS, IndexRequest(type=IndexKind.IVF_FLAT, params={"nlist": 32})) as made:
        yield made
    drop_all_scratch()


def drop_all_scratch() -> None:
    """It is kept for a day, so that a job that failed can be tried again."""
    for left in scratch():
        engine_of().adapter.drop_collection("default", left)


def advise(name: str, kind: IndexKind = IndexKind.HNSW, **params: Any) -> None:
    """As if a sweep had found that."""
    params = params or {"M": 16, "efConstruction": 100}
    point = Point(kind=kind, params=params, search={}, recall=1, p50_ms=1, p95_ms=1, build_s=1, memory_mb=1).to_json()
    uid = CollectionRecord.objects.get(name=name).uid
    numbers = {"dimension": 32, "rows": ROWS, "sample": ROWS, "queries": 1, "recall_target": 0.9}
    IndexAdvice.objects.create(uid=uid, field="vector", metric="L2", points=[point], recommended=0, **numbers)


def asked(name: str) -> dict[str, Any]:
    advise(name)
    return dict(ReindexService().apply(name, ApplyAdviceRequest()).params)


def held(name: str) -> set[str]:
    request = QueryRequest(limit=16_000, output_fields=["id"], consistency=Consistency.STRONG)
    return {row["id"] for row in VectorService().query(name, request)}


def scratch() -> list[str]:
    there = engine_of().adapter.list_collections("default")
    return [found for found in there if found.startswith(SCRATCH_PREFIX) and "probe" not in found]


def kind_of(name: str) -> IndexKind:
    return IndexService().get(name, "vector").spec.kind


@contextmanager
def over_and_over(*acts: Callable[[int], None]) -> Iterator[list[BaseException]]:
    """Each act in a thread of its own until the end; what they raise is collected."""
    over, failures = threading.Event(), []

    def run(act: Callable[[int], None]) -> None:
        number = 0
        while not over.is_set():
            try:
                act(number)
            except VectorStoreError as error:
                failures.append(error)
            number += 1

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    try:
        yield failures
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_no_search_fails_and_no_write_is_lost_while_the_index_is_exchanged(name: str) -> None:
    alias = f"{name}_alias"
    AliasService().create(alias, name)
    before = CollectionRecord.objects.get(name=name)
    params, written, deleted, searches = asked(name), set(), set(), []

    def write(number: int) -> None:
        identity = f"new{number}"
        VectorService().upsert(name, [{"id": identity, "vector": VECTORS[number % ROWS].tolist()}])
        written.add(identity)

    def delete(number: int) -> None:
        if number < 500:
            VectorService().delete(name, DeleteRequest(ids=[str(number)]))
            deleted.add(str(number))

    def search(by: str) -> Callable[[int], None]:
        def one(number: int) -> None:
            vector = VECTORS[(7 * number) % ROWS].tolist()
            found = SearchService().search(by, SearchRequest(vector=vector, top_k=5)).results
            searches.append(len(found))

        return one

    with over_and_over(write, delete, search(name), search(alias)) as failures:
        result = run_reindex(LedgerWork(), Scope(), params)
    assert failures == []
    assert searches
    assert set(searches) == {5}
    assert written
    assert deleted
    assert held(name) == ({str(number) for number in range(ROWS)} - deleted) | written
    assert (kind_of(name), kind_of(alias), result["type"]) == (IndexKind.HNSW, IndexKind.HNSW, "HNSW")
    after = CollectionRecord.objects.get(name=name)
    assert (after.pk, after.uid, after.owner) == (before.pk, before.uid, before.owner)
    assert after.indexes.get().kind == "HNSW"
    assert scratch() == []


def test_what_was_written_while_it_was_built_is_there_as_it_was_last(name: str) -> None:
    params, work = asked(name), LedgerWork()

    def at(stage: str) -> None:
        work.stages.append(stage)
        if stage == "catching up":
            VectorService().delete(name, DeleteRequest(ids=["1", "2"]))
            VectorService().upsert(name, [{"id": "2", "vector": VECTORS[0].tolist(), "n": 1}])
            VectorService().delete(name, DeleteRequest(filter='id in ["3", "4"]'))

    work.stage = at  # type: ignore[method-assign]
    run_reindex(work, Scope(), params)
    assert held(name) == {str(number) for number in range(ROWS)} - {"1", "3", "4"}
    (row,) = VectorService().query(name, QueryRequest(filter='id == "2"', output_fields=["n"]))
    assert row["n"] == 1


@pytest.mark.parametrize("renames", [1, 2])
def test_cut_off_in_the_middle_of_the_exchange_it_is_ended_by_the_next_run(name: str, renames: int) -> None:
    AliasService().create(f"{name}_alias", name)
    params, ledger = asked(name), {}
    until_rename(renames, lambda: run_reindex(LedgerWork(ledger), Scope(), params))
    uid = params["uid"]
    keeps_what_is_left(name, renames)
    catalogue.forget(Scope())
    run_reindex(LedgerWork(ledger), Scope(), params)
    assert CollectionRecord.objects.get(name=name).uid == uid
    assert held(name) == held(f"{name}_alias") == {str(number) for number in range(ROWS)}
    assert (kind_of(name), kind_of(f"{name}_alias")) == (IndexKind.HNSW, IndexKind.HNSW)
    assert scratch() == []


@pytest.mark.parametrize("how", ["refused", "cut off, and the new one cleaned away"])
def test_where_the_new_one_cannot_take_the_name_the_old_one_has_it_again(name: str, how: str) -> None:
    params, ledger = asked(name), {}
    real, done = MilvusAdapter.rename_collection, 0

    def rename(*arguments: Any) -> None:
        nonlocal done
        done += 1
        if done == 2:
            raise EngineFailed("no") if how == "refused" else KeyboardInterrupt
        real(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MilvusAdapter, "rename_collection", rename)
        with pytest.raises((EngineFailed, KeyboardInterrupt)):
            run_reindex(LedgerWork(ledger), Scope(), params)
    if how != "refused":
        engine_of().adapter.drop_collection("default", f"{RESTORE_PREFIX}{params['key']}")
        with pytest.raises(Conflict, match="is as it was"):
            run_reindex(LedgerWork(ledger), Scope(), params)
    catalogue.forget(Scope())
    assert CollectionRecord.objects.get(name=name).uid == params["uid"]
    assert kind_of(name) is IndexKind.IVF_FLAT
    assert len(held(name)) == ROWS


def keeps_what_is_left(name: str, renames: int) -> None:
    """Without its job the cleaning leaves what is all that there is of the collection."""
    Cluster.objects.get_or_create(name="default")
    before = scratch()
    drop_scratch(timezone.now())
    assert scratch() == before
    if renames == 1:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(upkeep, "_busy", lambda now: (RESTORE_PREFIX,))
            drop_scratch(timezone.now())
        assert f"{EXCHANGE_PREFIX}{CollectionRecord.objects.get(name=name).uid}" in scratch()


@pytest.mark.parametrize("stage", ["loading", "verifying", "catching up"])
def test_a_cancelled_one_leaves_all_as_it_was(name: str, stage: str) -> None:
    work = LedgerWork()
    work.stop = Cancelled

    def at(now: str) -> None:
        if now == stage:
            work.stop_at = work.checks + 1

    work.stage = at  # type: ignore[method-assign]
    with pytest.raises(Cancelled):
        run_reindex(work, Scope(), asked(name))
    assert (kind_of(name), scratch()) == (IndexKind.IVF_FLAT, [])
    assert len(held(name)) == ROWS


def test_rows_that_came_around_the_gateway_stop_it(name: str) -> None:
    params = asked(name)
    known = catalogue.look_up(Scope(), name)[0]
    engine_of().adapter.delete("default", known.schema, 'id in ["5"]', by_id=True)
    with pytest.raises(Conflict, match="around the gateway"):
        run_reindex(LedgerWork(), Scope(), params)
    assert kind_of(name) is IndexKind.IVF_FLAT
    assert len(held(name)) == ROWS - 1


def test_a_collection_without_a_journal_is_refused_with_what_there_is_instead(name: str) -> None:
    advise(name)
    CollectionRecord.objects.filter(name=name).update(point_in_time=False)
    catalogue.forget(Scope())
    with pytest.raises(Conflict, match="indexes/vector/rebuild/"):
        ReindexService().apply(name, ApplyAdviceRequest())
    CollectionRecord.objects.filter(name=name).update(point_in_time=True)
