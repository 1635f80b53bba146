"""D1: how late a search that waits for others learns that its time is over, while Milvus does not answer."""

import random
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

from benchmarks.data import SEARCH_PARAMS, TOP_K, Address, vectors
from benchmarks.searches import COLLECTION
from benchmarks.table import Comparison, Row
from tests.support.proxy import proxy_to
from vectorstore.adapters.milvus_adapter import MilvusAdapter
from vectorstore.adapters.rpc import Endpoint
from vectorstore.adapters.search_calls import VectorQuery
from vectorstore.domain.errors import DeadlineExceeded
from vectorstore.optimization import shared_search

D1 = Comparison("D1", "Milvus hangs: 64 searches, the latest error after its deadline, in ms", 50, at_most=True)
_CALLERS = 64
_SHORTEST_S, _LONGEST_S = 0.2, 1.5
_GOOD = 500
"""Searches that are answered before, so that those that are not are no outage: they would not be sent at all."""


def measure(address: Address, *, rounds: int) -> Row:
    """Each of 64 threads has a deadline of its own, at random between 0.2 and 1.5 s; there is no other side."""
    with tempfile.TemporaryDirectory() as folder, proxy_to(address.port) as network:
        through = Endpoint("127.0.0.1", network.port, address.user, address.password)
        with closing(MilvusAdapter(through, Path(folder), threads=2 * _CALLERS)) as adapter:
            schema, dice = adapter.describe_collection("default", COLLECTION).schema, random.Random(1)
            queries = [
                VectorQuery(field=schema.vector_fields[0], vectors=[vector], limit=TOP_K, params=SEARCH_PARAMS)
                for vector in vectors(_CALLERS, seed=4)
            ]

            def search(number: int, seconds: float) -> None:
                shared_search.search(adapter, "default", schema, replace(queries[number], timeout=seconds))

            def latest() -> float:
                for number in range(_GOOD):
                    search(number % _CALLERS, 60.0)
                deadlines = [dice.uniform(_SHORTEST_S, _LONGEST_S) for _ in range(_CALLERS)]
                network.hold()
                try:
                    return _latest(search, deadlines)
                finally:
                    network.go_on()

            return D1.measured(latest, lambda: 1.0, rounds)


def _latest(search: Callable[[int, float], None], deadlines: list[float]) -> float:
    """Milliseconds from its deadline to the error, of the search that had to wait longest for it."""
    late: list[float] = []

    def one(number: int) -> None:
        began = time.perf_counter()
        with suppress(DeadlineExceeded):
            search(number, deadlines[number])
            return
        late.append(time.perf_counter() - began - deadlines[number])

    threads = [threading.Thread(target=one, args=(number,)) for number in range(len(deadlines))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(late) != len(deadlines):
        raise RuntimeError(f"{len(deadlines) - len(late)} searches did not end with their deadline.")
    return max(late) * 1000
