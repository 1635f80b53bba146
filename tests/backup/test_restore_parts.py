"""Restores of a part of a collection, of rows alone, and of several collections together."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.support.access import give
from tests.support.backups import carried_out, collections, held, rows, store_at
from tests.support.engines import RunningEngine
from tests.support.work import LedgerWork
from vectorstore.access.actor import Actor
from vectorstore.backup.restore_service import RestoreService
from vectorstore.backup.run_restore import run_restore
from vectorstore.domain.backup_requests import RestoreRequest
from vectorstore.domain.errors import Conflict, InvalidFilter, InvalidRequest, PermissionDenied, VectorStoreError
from vectorstore.domain.models import DataType
from vectorstore.domain.requests import CollectionSpec, DeleteRequest, FieldSpec
from vectorstore.journal.sequence import position
from vectorstore.models import Job
from vectorstore.service import CollectionService, PartitionService, VectorService
from vectorstore.service.context import Scope
from vectorstore.service.engines import engine_of
from vectorstore.service.work import Cancelled


@pytest.fixture
def name(tmp_path: Path, lite: RunningEngine, transactional_db: None, bound: pytest.MonkeyPatch) -> Iterator[str]:
    """With the rows a and b; c and d in the partition north."""
    store_at(bound, tmp_path / "backups")
    with collections() as (made,):
        PartitionService().create(made, "north")
        VectorService().insert(made, rows("c", "d"), partition="north")
        yield made


def restored(**more: Any) -> dict[str, Any]:
    job = carried_out(RestoreService().start(RestoreRequest(latest="sequence" not in more, **more)))
    assert job.state == "succeeded", job.error
    return dict(job.result or {})


def counts(name: str) -> dict[str, int | None]:
    return {view.name: view.row_count for view in PartitionService().list(name)}


def test_the_rows_of_some_partitions_are_restored(name: str) -> None:
    told = restored(collection=name, target_name=f"{name}_north", partitions=["north"])
    assert told["rows"] == 2
    assert counts(f"{name}_north") == {"_default": 0, "north": 2}
    restored(collection=name, target_name=f"{name}_rest", partitions=["_default"])
    assert counts(f"{name}_rest") == {"_default": 2}
    assert held(f"{name}_rest").keys() == {"a", "b"}


def test_the_rows_of_a_filter_are_restored(name: str) -> None:
    VectorService().insert(name, [{"id": "e", "vector": [1.0] * 4, "n": "e", "deep": {"k": [1, 2]}}])
    for number, (condition, wanted) in enumerate(
        (("id in ['a', 'c']", {"a", "c"}), ("n > 'b' and not (id == 'd')", {"c", "e"}), ("deep['k'][1] == 2", {"e"}))
    ):
        target = f"{name}_{number}"
        assert restored(collection=name, target_name=target, filter=condition)["rows"] == len(wanted)
        assert held(target) == {key: row for key, row in held(name).items() if key in wanted}
    told = restored(collection=name, target_name=f"{name}_x", filter="id == 'a'", partitions=["north"], dry_run=True)
    assert told["rows"] == 0


def test_rows_come_back_into_the_live_collection_and_later_ones_stay(name: str) -> None:
    wanted, seq = held(name), position()[0]
    VectorService().delete(name, DeleteRequest(ids=["a", "c"]))
    VectorService().upsert(name, rows("b", "later", value=5.0))
    told = restored(collection=name, mode="data", sequence=seq, filter="id in ['a', 'c']")
    assert told == {"collection": name, "rows": 2, "warnings": [], "from": name}
    now = held(name)
    assert {key: now[key] for key in ("a", "c", "d")} == {key: wanted[key] for key in ("a", "c", "d")}
    assert now["b"]["vector"][0] == now["later"]["vector"][0] == 5.0
    assert counts(name) == {"_default": 3, "north": 2}
    restored(collection=name, target_name=f"{name}_again")  # the journal has what came back
    assert held(f"{name}_again") == now


def test_rows_are_not_written_into_a_collection_that_has_other_fields(name: str) -> None:
    vector = FieldSpec(name="vector", type=DataType.FLOAT_VECTOR, dimension=8)
    key = FieldSpec(name="id", type=DataType.VARCHAR, primary=True, max_length=64)
    CollectionService().create(CollectionSpec(name=f"{name}_wider", fields=[key, vector]))
    request = RestoreRequest(collection=name, latest=True, mode="data", target_name=f"{name}_wider")
    failed = carried_out(RestoreService().start(request))
    assert (failed.error or {})["code"] == Conflict.code
    assert "no field" in (failed.error or {})["detail"]
    assert held(f"{name}_wider") == {}


@pytest.mark.parametrize(
    ("more", "kind", "words"),
    [
        ({"filter": "n =="}, InvalidFilter, ""),
        ({"filter": "id == 'a'", "mode": "replace"}, InvalidRequest, "cannot replace all of it"),
        ({"filter": "id == 'a'", "schema_only": True}, InvalidRequest, "a part is of rows"),
        ({"partitions": ["south"]}, InvalidRequest, "no partition 'south'"),
        ({"mode": "data", "schema_only": True}, InvalidRequest, "data is rows alone"),
        ({"collections": ["x"]}, InvalidRequest, "to their own names"),
    ],
)
def test_what_does_not_go_together_is_refused(
    name: str, more: dict[str, Any], kind: type[VectorStoreError], words: str
) -> None:
    with pytest.raises(kind) as found:
        RestoreService().start(RestoreRequest(collection=name, latest=True, target_name=f"{name}_back", **more))
    assert words in found.value.detail + "".join(error.detail for error in found.value.errors)
    assert not Job.objects.exists()


def test_who_may_not_write_rows_may_not_restore_them(name: str) -> None:
    ann = User.objects.create_user("ann")
    give(ann, "collection_admin", f"{name}_*")
    with pytest.raises(PermissionDenied):
        RestoreService(Scope(actor=Actor.of(ann))).start(RestoreRequest(collection=name, latest=True, mode="data"))


def test_several_are_replaced_together_and_none_before_all_are_proved(name: str) -> None:
    with collections() as (other,):
        wanted, seq = {each: held(each) for each in (name, other)}, position()[0]
        for each in (name, other):
            VectorService().delete(each, DeleteRequest(ids=["a"]))
        job = RestoreService().start(RestoreRequest(collections=[name, other], sequence=seq, mode="replace"))
        there, told, place = engine_of().adapter.list_collections("default"), None, 1
        while told is None:
            work = LedgerWork(stop_at=place)
            work.stop = Cancelled
            try:
                told = run_restore(work, Scope(), dict(job.params))
            except Cancelled:
                assert engine_of().adapter.list_collections("default") == there, work.stages
                place += 5
        assert place > 11  # it was cancelled in both halves
        assert [item["collection"] for item in told["collections"]] == [name, other]
        assert {each: held(each) for each in (name, other)} == wanted
