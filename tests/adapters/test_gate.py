"""Renaming a collection of Milvus Lite under searches leaves both names usable, whoever searches."""

import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.adapters import reach
from tests.support.engines import RunningEngine
from vectorstore.adapters.gate import Gate
from vectorstore.adapters.milvus_adapter import MilvusAdapter
from vectorstore.adapters.read_calls import RowQuery
from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.errors import NotFound, NotLoaded, Overloaded
from vectorstore.domain.models import Consistency, DataType, IndexKind, IndexSpec, Metric
from vectorstore.domain.rows import read_rows

ANY = RowQuery(expression="", output_fields=[], consistency=Consistency.EVENTUALLY)
RENAMES = 20


@pytest.fixture
def made(lite: RunningEngine) -> Iterator[tuple[MilvusAdapter, Collection]]:
    adapter = reach(lite)[0]
    fields = (
        Field("id", DataType.INT64, primary=True),
        Field("v", DataType.FLOAT_VECTOR, dimension=32),
    )
    collection = Collection(name=f"t_{secrets.token_hex(6)}", fields=fields)
    adapter.create_collection("default", collection)
    adapter.create_index("default", collection.name, IndexSpec("v", IndexKind.HNSW, Metric.L2, {"M": 8}))
    adapter.load_collection("default", collection.name)
    yield adapter, collection
    adapter.drop_collection("default", collection.name)


def test_a_name_that_is_asked_for_all_the_while_can_be_taken_again(made: tuple[MilvusAdapter, Collection]) -> None:
    adapter, collection = made
    name, aside = collection.name, f"{collection.name}_aside"
    over, asked = threading.Event(), 0

    def ask() -> None:
        nonlocal asked
        while not over.is_set():
            with suppress(NotFound, NotLoaded):
                adapter.start_loading("default", name)
                adapter.count("default", collection, ANY)
                asked += 1

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    try:
        for number in range(RENAMES):
            rows = [{"id": 500 * number + n, "v": [float(n)] * 32} for n in range(500)]
            adapter.insert("default", collection, read_rows(rows, collection))
            adapter.rename_collection("default", name, aside)
            adapter.rename_collection("default", aside, name)
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert asked
    adapter.load_collection("default", name)
    assert adapter.count("default", collection, ANY) == 500 * RENAMES


def shut(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> bool:
    with monkeypatch.context() as patch:
        patch.setattr("vectorstore.adapters.gate._WAIT_S", 0.1)
        try:
            with gate.through("default", "a"):
                return False
        except Overloaded:
            return True


def test_who_is_alone_waits_for_others_and_is_not_kept_out_by_new_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, events, inside = Gate(tmp_path, "here"), list[str](), threading.Event()
    leave = threading.Event()

    def first() -> None:
        with gate.through("", "a"):
            inside.set()
            leave.wait()
            events.append("the first leaves")

    def alone() -> None:
        with gate.alone("default", "b", "a"):
            events.append("alone")
            time.sleep(0.05)
            events.append("alone no longer")

    def late() -> None:
        with gate.through("default", "a"):
            events.append("the late one")

    threads = [threading.Thread(target=each) for each in (first, alone, late)]
    threads[0].start()
    inside.wait()
    threads[1].start()
    while not shut(gate, monkeypatch):
        time.sleep(0.001)
    threads[2].start()
    leave.set()
    for thread in threads:
        thread.join()
    assert events == ["the first leaves", "alone", "alone no longer", "the late one"]


def test_other_collections_and_other_engines_do_not_wait(tmp_path: Path) -> None:
    gate = Gate(tmp_path, "here")
    there = Gate(tmp_path, "there")
    with (
        gate.alone("default", "a"),
        gate.through("default", "b"),
        gate.alone("other", "a"),
        there.alone("default", "a"),
    ):
        pass
