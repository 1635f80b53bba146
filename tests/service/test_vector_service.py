"""Rows through the services, on each engine."""

from collections.abc import Callable
from typing import Any

import pytest

from vectorstore.domain.errors import (
    AlreadyExists,
    InvalidFilter,
    InvalidRequest,
    NotFound,
    NotLoaded,
    PayloadTooLarge,
    UnsupportedByEngine,
)
from vectorstore.domain.models import DataType
from vectorstore.domain.requests import CountRequest, DeleteRequest, FieldSpec, GetRequest, QueryRequest
from vectorstore.service import CollectionService, VectorService
from vectorstore.service.engines import engine_of

Make = Callable[..., str]


def rows(count: int, **more: Any) -> list[dict[str, Any]]:
    return [{"id": f"r{i}", "vector": [float(i)] * 8, "n": i} | more for i in range(count)]


def test_an_inserted_row_can_be_read_at_once(empty: str) -> None:
    name, service = empty, VectorService()
    assert service.insert(name, rows(3)) == ["r0", "r1", "r2"]
    assert service.count(name) == 3
    assert service.get(name, GetRequest(ids=["r2", "none", "r0"], output_fields=["n"])) == [
        {"id": "r2", "n": 2},
        {"id": "r0", "n": 0},
    ]
    assert service.get(name, GetRequest(ids=["r1"])) == [{"id": "r1", "vector": [1.0] * 8, "n": 1}]


def test_inserting_an_id_again_is_refused_and_changes_nothing(empty: str) -> None:
    name, service = empty, VectorService()
    service.insert(name, rows(2))
    with pytest.raises(AlreadyExists) as caught:
        service.insert(name, [{"id": "new", "vector": [0.0] * 8}, {"id": "r1", "vector": [9.0] * 8}])
    assert [error.pointer for error in caught.value.errors] == ["/vectors/1/id"]
    assert service.count(name) == 2
    assert service.get(name, GetRequest(ids=["r1"]))[0]["n"] == 1


def test_upsert_replaces_and_inserts(empty: str) -> None:
    name, service = empty, VectorService()
    service.insert(name, rows(2, old=True))
    service.upsert(name, [{"id": "r1", "vector": [5.0] * 8, "n": 50}, {"id": "r9", "vector": [9.0] * 8, "n": 9}])
    assert service.count(name) == 3
    assert service.get(name, GetRequest(ids=["r1"], output_fields=["n", "old"])) == [{"id": "r1", "n": 50}]


def test_one_bad_row_refuses_the_batch(empty: str) -> None:
    name, service = empty, VectorService()
    with pytest.raises(InvalidRequest) as caught:
        service.insert(name, [*rows(3), {"id": "bad", "vector": [1.0]}])
    assert [error.pointer for error in caught.value.errors] == ["/vectors/3/vector"]
    assert service.count(name) == 0


def test_delete_by_filter_deletes_what_matches_and_nothing_else(empty: str) -> None:
    name, service = empty, VectorService()
    service.insert(name, rows(50))
    assert service.delete(name, DeleteRequest(filter="n >= 10 and n < 15")) == 5
    assert service.count(name) == 45
    assert service.delete(name, DeleteRequest(filters={"n": {"$in": [0, 1, 12]}})) == 2
    assert service.count(name, CountRequest(filter="n < 10")) == 8


def test_an_id_that_tries_to_break_out_deletes_nothing(empty: str) -> None:
    name, service = empty, VectorService()
    service.insert(name, rows(5))
    for hostile in ("zz'] or id != '' or id in ['", '"] or id != "" or id in ["', "') or (id != '", "\\"):
        assert service.delete(name, DeleteRequest(ids=[hostile])) == 0
    assert service.count(name) == 5


@pytest.mark.parametrize(
    "request_", [DeleteRequest(), DeleteRequest(ids=["a"], filter="n == 1"), DeleteRequest(filter=" ")]
)
def test_delete_wants_exactly_one_way(empty: str, request_: DeleteRequest) -> None:
    with pytest.raises(InvalidRequest):
        VectorService().delete(empty, request_)


def test_query_filters_pages_and_projects(empty: str) -> None:
    name, service = empty, VectorService()
    service.insert(name, rows(30))
    found = service.query(name, QueryRequest(filter="n > 20", output_fields=["n"], limit=5))
    assert len(found) == 5
    assert all(row["n"] > 20 and row.keys() == {"id", "n"} for row in found)
    everything = service.query(name, QueryRequest(output_fields=["id"], limit=100))
    assert {row["id"] for row in everything} == {f"r{i}" for i in range(30)}
    with pytest.raises(InvalidRequest, match="limit"):
        service.query(name, QueryRequest(limit=0))
    with pytest.raises(InvalidRequest, match="offset"):
        service.query(name, QueryRequest(limit=10, offset=16_380))


def test_filters_say_where_they_are_wrong(make: Make) -> None:
    name, service = make(dynamic_fields=False), VectorService()
    with pytest.raises(InvalidFilter) as caught:
        service.count(name, CountRequest(filter="nothing == 1"))
    assert caught.value.errors[0].pointer == "/filter"
    with pytest.raises(InvalidFilter):
        service.count(name, CountRequest(filter="id == 'a' and ("))


def test_minted_ids_make_a_row_findable(make: Make) -> None:
    fields = [
        FieldSpec(name="key", type=DataType.INT64, primary=True, auto_id=True),
        FieldSpec(name="vector", type=DataType.FLOAT_VECTOR, dimension=8),
        FieldSpec(name="n", type=DataType.INT64, default=7),
    ]
    name, service = make(fields=fields), VectorService()
    ids = service.insert(name, [{"vector": [1.0] * 8}, {"vector": [2.0] * 8, "n": 1}])
    assert ids == sorted(set(ids))
    found = service.get(name, GetRequest(ids=[str(ids[0]), ids[1]], output_fields=["n"]))
    assert found == [{"key": ids[0], "n": 7}, {"key": ids[1], "n": 1}]


@pytest.mark.parametrize("identity", [2**63 - 1, -(2**63), 0])
def test_integer_ids_at_the_edges(make: Make, identity: int) -> None:
    fields = [
        FieldSpec(name="key", type=DataType.INT64, primary=True),
        FieldSpec(name="vector", type=DataType.FLOAT_VECTOR, dimension=8),
    ]
    name, service = make(fields=fields), VectorService()
    service.insert(name, [{"key": str(identity), "vector": [1.0] * 8, "n": 1}, {"key": 5, "vector": [2.0] * 8}])
    assert service.get(name, GetRequest(ids=[str(identity)], output_fields=["key", "n"])) == [{"key": identity, "n": 1}]
    assert {row["key"] for row in service.query(name, QueryRequest())} == {identity, 5}
    lost = identity == 2**63 - 1 and not engine_of().capabilities.reads_largest_int64
    whole = service.get(name, GetRequest(ids=[identity]))[0]
    assert whole == {"key": identity, "n": 1, "vector": None if lost else [1.0] * 8}
    if lost:
        with pytest.raises(UnsupportedByEngine, match="choose a smaller id"):
            service.get(name, GetRequest(ids=[identity], output_fields=["vector"]))
    with pytest.raises(AlreadyExists):
        service.insert(name, [{"key": identity, "vector": [1.0] * 8}])
    assert service.delete(name, DeleteRequest(ids=[identity])) == 1
    assert service.count(name) == 1


def test_bad_ids_are_named(make: Make) -> None:
    fields = [
        FieldSpec(name="key", type=DataType.INT64, primary=True),
        FieldSpec(name="vector", type=DataType.FLOAT_VECTOR, dimension=8),
    ]
    with pytest.raises(InvalidRequest) as caught:
        VectorService().get(make(fields=fields), GetRequest(ids=["1", "x", str(2**63)]))
    assert [error.pointer for error in caught.value.errors] == ["/ids/1", "/ids/2"]


def test_a_batch_over_the_limit_names_it(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from vectorstore.config.settings import current

    name = empty
    monkeypatch.setenv("VECTORSTORE_MAX_BATCH_ROWS", "10")
    current.cache_clear()
    with pytest.raises(PayloadTooLarge, match="at most 10"):
        VectorService().insert(name, rows(11))


def test_insert_batch_reports_its_progress(empty: str) -> None:
    seen: list[int] = []
    name = empty
    assert VectorService().insert_batch(name, iter(rows(4500)), progress=seen.append) == 4500
    assert seen == sorted(seen)
    assert seen[-1] == 4500
    assert VectorService().count(name) == 4500


def test_a_released_collection_refuses_reads_and_takes_them_after_loading(make: Make) -> None:
    name = make()
    VectorService().insert(name, rows(1))
    CollectionService().release(name)
    with pytest.raises(NotLoaded):
        VectorService().query(name, QueryRequest())
    with pytest.raises(NotLoaded):
        VectorService().insert(name, rows(1))
    CollectionService().load(name)
    assert VectorService().count(name) == 1


def test_partitions_keep_rows_apart(make: Make) -> None:
    from vectorstore.service import PartitionService

    name, service = make(), VectorService()
    PartitionService().create(name, "p1")
    service.insert(name, rows(2), partition="p1")
    service.insert(name, [{"id": "x", "vector": [0.0] * 8}])
    counts = {view.name: view.row_count for view in PartitionService().list(name)}
    assert counts == {"_default": 1, "p1": 2}
    with pytest.raises(NotFound):
        service.insert(name, [{"id": "y", "vector": [0.0] * 8}], partition="nowhere")
    service.upsert(name, [{"id": "r0", "vector": [7.0] * 8, "n": 70}])  # from p1 into the default partition
    service.upsert(name, [{"id": "x", "vector": [8.0] * 8, "n": 80}], partition="p1")
    counts = {view.name: view.row_count for view in PartitionService().list(name)}
    assert counts == {"_default": 1, "p1": 2}
    found = service.get(name, GetRequest(ids=["r0", "x"], output_fields=["n"]))
    assert found == [{"id": "r0", "n": 70}, {"id": "x", "n": 80}]
    service.upsert(name, [{"id": "x", "vector": [8.0] * 8, "n": 81}])
    PartitionService().drop(name, "p1")
    assert service.count(name) == 2
