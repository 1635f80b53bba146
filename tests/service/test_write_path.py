"""Every write is in the journal before Milvus hears of it, and what became of it is known in the end."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, connections

from tests.support.engines import RunningEngine
from tests.support.journal import journalled_rows, known
from vectorstore.adapters.milvus_adapter import MilvusAdapter
from vectorstore.domain.errors import (
    AlreadyExists,
    EngineFailed,
    EngineUnavailable,
    InvalidRequest,
    JournalUnavailable,
    OutcomeUnknown,
    VectorStoreError,
    WritesHeld,
)
from vectorstore.domain.requests import CountRequest, DeleteRequest, GetRequest
from vectorstore.domain.rows import read_rows
from vectorstore.journal import segment
from vectorstore.journal.reading import definition_at
from vectorstore.journal.sequence import position
from vectorstore.journal.writer import writer
from vectorstore.models import Cluster, JournalEntry
from vectorstore.service import AliasService, CollectionService, PartitionService, VectorService, write_path
from vectorstore.service.engines import engine_of

Make = Callable[..., str]


def rows(*keys: str, value: float = 1.0) -> list[dict[str, Any]]:
    return [{"id": key, "vector": [value] * 8, "n": key} for key in keys]


def live(name: str) -> dict[str, list[float]]:
    keys = [f"k{number}" for number in range(50)]
    return {row["id"]: row["vector"] for row in VectorService().get(name, GetRequest(ids=list(keys)))}


def agrees(name: str) -> bool:
    """Whether the journal and Milvus have the same rows."""
    return live(name) == {key: vector for key, (_, vector) in journalled_rows(name).items()}


def test_the_journal_has_what_milvus_has_after_every_kind_of_write(make: Make) -> None:
    name = make()
    service = VectorService()
    service.insert(name, rows("k1", "k2", "k3", "k4"))
    service.upsert(name, rows("k2", "k9", value=2.0))
    service.delete(name, DeleteRequest(ids=["k1", "absent"]))
    service.delete(name, DeleteRequest(filter="n == 'k3'"))
    assert agrees(name)
    assert set(journalled_rows(name)) == {"k2", "k4", "k9"}
    CollectionService().truncate(name)
    assert journalled_rows(name) == {} == live(name)
    service.insert(name, rows("k5"))
    assert agrees(name)
    assert not JournalEntry.objects.filter(state="open").exists()


def test_rows_move_between_partitions_in_the_journal_as_in_milvus(make: Make) -> None:
    name = make()
    service = VectorService()
    PartitionService().create(name, "north")
    service.insert(name, rows("k1", "k2"), partition="north")
    service.upsert(name, rows("k1", value=3.0))
    assert {key: place for key, (place, _) in journalled_rows(name).items()} == {"k1": "", "k2": "north"}
    PartitionService().drop(name, "north")
    assert set(journalled_rows(name)) == {"k1"}
    assert agrees(name)


def test_a_row_that_moved_is_in_one_partition_only(make: Make) -> None:
    name = make()
    for partition in ("north", "south"):
        PartitionService().create(name, partition)
    for partition in ("north", "south", "north"):
        VectorService().upsert(name, rows("k1"), partition=partition)
        CollectionService().flush(name)
        counts = {view.name: view.row_count for view in PartitionService().list(name) if view.row_count}
        assert counts == {partition: 1}


def test_a_row_that_was_deleted_comes_back_in_one_partition_only(make: Make) -> None:
    name = make()
    VectorService().insert(name, rows("k1", "k2"))
    CollectionService().flush(name)
    VectorService().delete(name, DeleteRequest(ids=["k1"]))
    PartitionService().create(name, "north")
    VectorService().insert(name, rows("k1"), partition="north")
    CollectionService().flush(name)
    CollectionService().truncate(name)
    VectorService().insert(name, rows("k2"), partition="north")
    CollectionService().flush(name)
    assert {view.name: view.row_count for view in PartitionService().list(name)} == {"_default": 0, "north": 1}


@pytest.mark.parametrize("engine", ["lite"], indirect=True)
def test_a_truncation_meets_readers_and_new_partitions(make: Make) -> None:
    name, done, failed = make(), threading.Event(), list[BaseException]()
    made: list[str] = []

    def meanwhile(act: Callable[[], object]) -> None:
        try:
            while not done.is_set():
                act()
        except BaseException as error:
            failed.append(error)
        finally:
            connection.close()

    def partition() -> None:
        PartitionService().create(name, f"p{len(made)}")
        made.append(f"p{len(made)}")

    acts = (partition, lambda: VectorService().count(name, CountRequest()))
    threads = [threading.Thread(target=meanwhile, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    try:
        for _ in range(4):
            VectorService().upsert(name, rows("k1", "k2"))
            CollectionService().truncate(name)
            assert VectorService().count(name, CountRequest()) == 0
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert failed == []
    assert {view.name for view in PartitionService().list(name)} == {"_default", *made}


def test_each_change_of_a_collection_leaves_its_definition(make: Make) -> None:
    name = make()
    uid = known(name).uid
    AliasService().create(f"{name}_alias", name)
    PartitionService().create(name, "north")
    found = definition_at(uid, position()[0])
    assert found is not None
    assert (found[0].name, found[0].aliases, found[0].partitions) == (name, (f"{name}_alias",), ("north",))
    assert [spec.field for spec in found[0].indexes] == ["vector"]
    before = position()[0]
    AliasService().drop(f"{name}_alias")
    CollectionService().rename(name, f"{name}_new")
    CollectionService().drop(f"{name}_new")
    assert definition_at(uid, before) == found
    last = definition_at(uid, position()[0])
    assert last is not None
    assert (last[0].name, last[0].aliases, last[1]) == (f"{name}_new", (), True)


def test_a_journal_that_cannot_be_written_keeps_milvus_untouched(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    VectorService().insert(empty, rows("k1"))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(segment, "_write_all", full)
    for write in (
        lambda: VectorService().insert(empty, rows("k2")),
        lambda: VectorService().upsert(empty, rows("k1", value=5.0)),
        lambda: VectorService().delete(empty, DeleteRequest(ids=["k1"])),
        lambda: CollectionService().truncate(empty),
    ):
        with pytest.raises(JournalUnavailable):
            write()
    monkeypatch.undo()
    assert live(empty) == {"k1": [1.0] * 8}
    VectorService().insert(empty, rows("k3"))
    assert agrees(empty)


def test_what_milvus_refuses_is_aborted_and_never_comes_back(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise InvalidRequest("Milvus refused a value")

    monkeypatch.setattr(MilvusAdapter, "insert", refuse)
    with pytest.raises(InvalidRequest):
        VectorService().insert(empty, rows("k1"))
    monkeypatch.undo()
    assert list(JournalEntry.objects.filter(op="PUT").values_list("state", flat=True)) == ["aborted"]
    VectorService().insert(empty, rows("k2"))
    assert set(journalled_rows(empty)) == {"k2"}
    assert agrees(empty)


def _loses_answers(real: Callable[..., Any], *, applied: bool, error: VectorStoreError) -> Callable[..., Any]:
    def call(*arguments: Any, **options: Any) -> Any:
        if applied:
            real(*arguments, **options)
        raise error

    return call


def sure_of_insert(error: VectorStoreError, *, applied: bool) -> bool:
    """Milvus answered and none of the rows is there: the insert was refused."""
    return isinstance(error, EngineFailed) and not applied


@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize("error", [OutcomeUnknown("no answer"), EngineFailed("something broke")])
def test_a_write_without_an_answer_is_sent_again_before_the_next(
    empty: str, monkeypatch: pytest.MonkeyPatch, applied: bool, error: VectorStoreError
) -> None:
    VectorService().insert(empty, rows("k1", "k2"))
    writes: list[tuple[str, Callable[[], object]]] = [
        ("insert", lambda: VectorService().insert(empty, rows("k3", "k4"))),
        ("upsert", lambda: VectorService().upsert(empty, rows("k1", value=9.0))),
        ("delete", lambda: VectorService().delete(empty, DeleteRequest(ids=["k2"]))),
    ]
    for method, write in writes:
        with monkeypatch.context() as patch:
            patch.setattr(
                MilvusAdapter, method, _loses_answers(getattr(MilvusAdapter, method), applied=applied, error=error)
            )
            sure = method == "insert" and sure_of_insert(error, applied=applied)
            with pytest.raises(EngineFailed if sure else OutcomeUnknown):  # it looks, and nothing is there
                write()
        VectorService().upsert(empty, rows("k9"))  # settles it first
        assert agrees(empty)
    new = {} if sure_of_insert(error, applied=applied) else {"k3": [1.0] * 8, "k4": [1.0] * 8}
    assert live(empty) == {"k1": [9.0] * 8, "k9": [1.0] * 8} | new
    assert not JournalEntry.objects.filter(state="open").exists()


def test_a_write_refused_after_a_part_of_it_is_no_refusal(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [f"k{number}" for number in range(6)]
    VectorService().insert(empty, rows(*keys))
    real, calls = MilvusAdapter.delete, []

    def second_is_refused(*arguments: Any, **options: Any) -> int:
        calls.append(arguments)
        if len(calls) == 2:
            raise InvalidRequest("Milvus refused a value")
        return real(*arguments, **options)

    monkeypatch.setattr("vectorstore.service.row_calls._CHUNK_IDS", 2)
    with monkeypatch.context() as patch:
        patch.setattr(MilvusAdapter, "delete", second_is_refused)
        with pytest.raises(OutcomeUnknown):
            VectorService().delete(empty, DeleteRequest(ids=list(keys)))
    VectorService().insert(empty, rows("k9"))
    assert agrees(empty)
    assert set(live(empty)) == {"k9"}


def test_writes_are_held_while_milvus_is_away_and_go_on_afterwards(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    VectorService().insert(empty, rows("k1"))
    away = _loses_answers(MilvusAdapter.upsert, applied=False, error=EngineUnavailable("Milvus cannot be reached."))
    lost = _loses_answers(MilvusAdapter.upsert, applied=False, error=OutcomeUnknown("no answer"))
    with monkeypatch.context() as patch:
        patch.setattr(MilvusAdapter, "upsert", lost)
        with pytest.raises(OutcomeUnknown):
            VectorService().upsert(empty, rows("k1", value=4.0))
        patch.setattr(MilvusAdapter, "upsert", away)
        for write in (
            lambda: VectorService().insert(empty, rows("k2")),
            lambda: VectorService().delete(empty, DeleteRequest(ids=["k1"])),
            lambda: CollectionService().truncate(empty),
        ):
            with pytest.raises(WritesHeld):
                write()
    assert VectorService().insert(empty, rows("k2")) == ["k2"]
    assert live(empty) == {"k1": [4.0] * 8, "k2": [1.0] * 8}
    assert agrees(empty)


def test_a_write_that_milvus_refuses_for_good_leaves_the_journal_with_what_is_there(
    empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    VectorService().insert(empty, rows("k1"))
    broken = _loses_answers(MilvusAdapter.upsert, applied=False, error=EngineFailed("it never works"))
    with monkeypatch.context() as patch:
        patch.setattr(MilvusAdapter, "upsert", broken)
        with pytest.raises(OutcomeUnknown):
            VectorService().upsert(empty, rows("k1", "k2", value=7.0))
        VectorService().insert(empty, rows("k3"))
    assert live(empty) == {"k1": [1.0] * 8, "k3": [1.0] * 8}
    assert agrees(empty)
    assert JournalEntry.objects.filter(state="aborted").count() == 1


def test_a_later_write_to_the_same_key_wins_over_one_that_is_sent_again(empty: str) -> None:
    VectorService().insert(empty, rows("k1", "k2"))
    (entry,) = writer().intend(write_path.put(known(empty), _batch(empty, rows("k1", "k2", value=5.0)), "", "upsert"))
    VectorService().upsert(empty, rows("k1", value=6.0))  # by a process that does not know of it yet
    writer().doubt(entry.seq)
    VectorService().insert(empty, rows("k3"))
    assert live(empty) == {"k1": [6.0] * 8, "k2": [5.0] * 8, "k3": [1.0] * 8}
    assert agrees(empty)


def _batch(name: str, plain: list[dict[str, Any]]) -> Any:
    return read_rows(plain, known(name).schema)


def test_one_new_id_inserted_by_many_at_once_is_there_once(empty: str) -> None:
    ended: list[str] = []

    def work(number: int) -> None:
        try:
            VectorService().insert(empty, rows("k1", value=float(number)))
            ended.append("written")
        except AlreadyExists:
            ended.append("refused")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ended) == ["refused"] * 5 + ["written"]
    assert VectorService().count(empty, CountRequest()) == 1
    assert agrees(empty)


def test_writers_that_collide_leave_the_journal_equal_to_milvus(empty: str) -> None:
    failed: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for step in range(8):
                keys = [f"k{(number + step + place) % 6}" for place in range(3)]
                if step % 4 == 3:
                    VectorService().delete(empty, DeleteRequest(ids=list(keys)))
                else:
                    VectorService().upsert(empty, rows(*keys, value=float(number * 100 + step)))
        except BaseException as error:
            failed.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert agrees(empty)


KILLED = """
import os, signal, sys
from tests.support.audit_writer import start
start(sys.argv.pop(1))
from vectorstore.adapters.milvus_adapter import MilvusAdapter
from vectorstore.domain.requests import DeleteRequest
from vectorstore.journal.writer import Writer
from vectorstore.service import VectorService
name, method, when = sys.argv[1:]
def dies(real):
    def call(*arguments, **options):
        if when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        found = real(*arguments, **options)
        os.kill(os.getpid(), signal.SIGKILL)
    return call
if when == "intent":
    Writer.intend = dies(Writer.intend)
elif when == "commit":
    Writer.resolve = dies(Writer.resolve)
else:
    setattr(MilvusAdapter, method, dies(getattr(MilvusAdapter, method)))
row = lambda key: {"id": key, "vector": [3.0] * 8, "n": key}
if method == "insert":
    VectorService().insert(name, [row("k3"), row("k4")])
elif method == "upsert":
    VectorService().upsert(name, [row("k1"), row("k5")])
else:
    VectorService().delete(name, DeleteRequest(ids=["k1"]))
"""


@pytest.mark.parametrize("method", ["insert", "upsert", "delete"])
@pytest.mark.parametrize("when", ["intent", "before", "after", "commit"])
def test_a_writer_killed_at_any_step_is_settled_once(
    empty: str, engine: RunningEngine, redis_url: str, method: str, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    VectorService().insert(empty, rows("k1", "k2"))
    writer().seal()
    database = str(connection.settings_dict["NAME"])
    able = engine_of().capabilities  # on record, so that the other process need not ask Milvus
    Cluster.objects.create(name="default", version=able.version, capabilities=able.to_json())
    environment = {
        **os.environ,
        **engine.environment,
        "REDIS_URL": redis_url,
    }
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, database, empty, method, when],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    monkeypatch.setattr(write_path, "_looked_at", float("-inf"))
    VectorService().insert(empty, rows("k9"))
    assert agrees(empty)
    assert not JournalEntry.objects.filter(state="open").exists()
    there = set(live(empty))
    wanted = {"insert": {"k3", "k4"}, "upsert": {"k1", "k5"}, "delete": set()}[method]
    assert wanted <= there
    assert ("k1" in there) is (method != "delete")
