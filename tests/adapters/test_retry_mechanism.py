"""Which calls are repeated, how long they may take, and what a caller is told."""

import time
from pathlib import Path
from typing import Any

import pytest
from pymilvus.grpc_gen import milvus_pb2

from tests.support.faulty_milvus import Script, serving, slow, status, unavailable, version
from vectorstore.adapters.milvus_adapter import MilvusAdapter
from vectorstore.adapters.retry_mechanism import RetryBudget
from vectorstore.adapters.rpc import Endpoint
from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.errors import (
    DeadlineExceeded,
    EngineFailed,
    EngineUnavailable,
    OutcomeUnknown,
    Overloaded,
    UnsupportedByEngine,
    VectorStoreError,
)
from vectorstore.domain.models import DataType
from vectorstore.domain.rows import read_rows

COLLECTION = Collection(
    name="c",
    fields=(Field("id", DataType.INT64, primary=True), Field("vector", DataType.FLOAT_VECTOR, dimension=2)),
)
BATCH = read_rows([{"id": 1, "vector": [1, 2]}], COLLECTION)


def ask(script: Script, tmp_path: Path, call: Any) -> tuple[Any, list[str]]:
    """What ``call(adapter)`` gave or raised, and the RPCs that arrived."""
    with serving(script) as (servicer, port):
        adapter = MilvusAdapter(Endpoint("127.0.0.1", port), tmp_path)
        try:
            return call(adapter), servicer.calls
        except VectorStoreError as error:
            return error, servicer.calls
        finally:
            adapter.close()


def test_a_read_is_repeated_until_it_succeeds(tmp_path: Path) -> None:
    answer, calls = ask([unavailable, unavailable, version("v1")], tmp_path, MilvusAdapter.version)
    assert answer == "v1"
    assert len(calls) == 3


def test_a_read_is_not_repeated_for_ever(tmp_path: Path) -> None:
    answer, calls = ask([unavailable], tmp_path, MilvusAdapter.version)
    assert isinstance(answer, EngineUnavailable)
    assert answer.retry_after
    assert len(calls) == 3


def test_a_status_that_calls_itself_retriable_is_repeated(tmp_path: Path) -> None:
    refused = milvus_pb2.GetVersionResponse(status=status(8, "rate limit exceeded", retriable=True))
    answer, calls = ask([refused, version("v1")], tmp_path, MilvusAdapter.version)
    assert answer == "v1"
    assert len(calls) == 2
    answer, calls = ask([refused], tmp_path, MilvusAdapter.version)
    assert isinstance(answer, Overloaded)
    assert len(calls) == 3


def test_a_definite_refusal_is_not_repeated(tmp_path: Path) -> None:
    refused = milvus_pb2.GetVersionResponse(status=status(65535, "panic at /src/node.go:12 host 10.1.2.3"))
    answer, calls = ask([refused], tmp_path, MilvusAdapter.version)
    assert isinstance(answer, EngineFailed)
    assert "10.1.2.3" not in answer.detail
    assert "panic" not in answer.detail
    assert answer.milvus_code == 65535
    assert len(calls) == 1


def test_a_deadline_ends_the_wait(tmp_path: Path) -> None:
    began = time.monotonic()
    answer, _ = ask([slow(3)], tmp_path, lambda adapter: adapter.version(timeout=0.3))
    assert isinstance(answer, DeadlineExceeded)
    assert time.monotonic() - began < 3.5


def test_an_insert_without_an_answer_is_repeated_as_one_that_replaces(tmp_path: Path) -> None:
    done = milvus_pb2.MutationResult(timestamp=77)
    answer, calls = ask([unavailable, done], tmp_path, lambda adapter: adapter.insert("default", COLLECTION, BATCH))
    assert answer == ([1], 77)
    assert calls == ["Insert", "Upsert"]


def test_an_insert_whose_ids_the_engine_makes_is_never_repeated(tmp_path: Path) -> None:
    foreign = Collection(name="c", fields=COLLECTION.fields, engine_ids=True)
    answer, calls = ask([unavailable], tmp_path, lambda adapter: adapter.insert("default", foreign, BATCH))
    assert isinstance(answer, OutcomeUnknown)
    assert calls == ["Insert"]


def test_a_delete_by_filter_is_never_repeated_and_one_by_id_is(tmp_path: Path) -> None:
    def delete(by_id: bool) -> Any:
        return lambda adapter: adapter.delete("default", COLLECTION, "id in [1]", by_id=by_id)

    answer, calls = ask([unavailable], tmp_path, delete(False))
    assert isinstance(answer, OutcomeUnknown)
    assert calls == ["Delete"]
    _, calls = ask([unavailable, milvus_pb2.MutationResult()], tmp_path, delete(True))
    assert calls == ["Delete", "Delete"]


def test_nothing_listening_is_unavailable_at_once_also_for_writes(tmp_path: Path) -> None:
    with serving([version()]) as (_, port):
        pass
    adapter = MilvusAdapter(Endpoint("127.0.0.1", port), tmp_path)
    began = time.monotonic()
    with pytest.raises(EngineUnavailable) as caught:
        adapter.insert("default", COLLECTION, BATCH)
    assert time.monotonic() - began < 5
    assert str(port) not in caught.value.detail


def test_a_call_that_the_engine_does_not_have_is_unsupported(tmp_path: Path) -> None:
    answer, _ = ask([version()], tmp_path, lambda adapter: adapter.list_users())
    assert isinstance(answer, UnsupportedByEngine)


def test_repeats_are_limited_to_a_tenth_of_the_calls() -> None:
    budget = RetryBudget(share=0.1, most=2)
    assert [budget.spend() for _ in range(3)] == [True, True, False]
    for _ in range(10):
        budget.earn()
    assert [budget.spend(), budget.spend()] == [True, False]


def test_a_write_that_may_be_done_is_not_refused_because_its_repeat_was(tmp_path: Path) -> None:
    limited = milvus_pb2.MutationResult(status=status(8, "rate limit exceeded", retriable=True))
    for call in (
        lambda adapter: adapter.insert("default", COLLECTION, BATCH),
        lambda adapter: adapter.upsert("default", COLLECTION, BATCH),
        lambda adapter: adapter.delete("default", COLLECTION, "id == 1", by_id=True),
    ):
        answer, calls = ask([unavailable, limited], tmp_path, call)
        assert isinstance(answer, OutcomeUnknown), calls
        assert len(calls) >= 2
    answer, _ = ask([limited], tmp_path, lambda adapter: adapter.upsert("default", COLLECTION, BATCH))
    assert isinstance(answer, Overloaded)
