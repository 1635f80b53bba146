"""Searches that share calls to a real engine, over a network with faults."""

import secrets
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.engines import RunningEngine
from tests.support.proxy import Proxy, proxy_to
from vectorstore.adapters.milvus_adapter import MilvusAdapter
from vectorstore.adapters.rpc import Endpoint
from vectorstore.adapters.search_calls import VectorQuery
from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.errors import DeadlineExceeded, EngineFailed, InvalidRequest, VectorStoreError
from vectorstore.domain.models import Consistency, DataType, IndexKind, IndexSpec, Metric
from vectorstore.domain.rows import read_rows
from vectorstore.optimization import shared_search
from vectorstore.optimization.coalescing import Shared

ROWS = 100
DIMENSION = 8
VECTORS = np.random.default_rng(8).normal(size=(ROWS, DIMENSION)).astype(np.float32)
LONG = 60.0
REFUSED = (InvalidRequest, EngineFailed)
"""What an engine answers to a vector of the wrong length."""


@dataclass
class Site:
    """A collection whose row ``n`` has vector ``n``, reached through the network."""

    network: Proxy
    adapter: MilvusAdapter
    schema: Collection

    def query(self, number: int, **options: Any) -> VectorQuery:
        asked = {"field": self.schema.vector_fields[0], "vectors": [VECTORS[number]], "limit": 1, "timeout": LONG}
        return VectorQuery(**(asked | options))

    def nearest(self, query: VectorQuery) -> Shared[shared_search.Found]:
        return shared_search.search(self.adapter, "default", self.schema, query)


_sites: dict[int, Collection] = {}


@pytest.fixture
def site(engine: RunningEngine, tmp_path: Path) -> Iterator[Site]:
    with proxy_to(engine.port) as network:
        where = Endpoint("127.0.0.1", network.port, engine.user, engine.password)
        adapter = MilvusAdapter(where, tmp_path, threads=128)
        if engine.port not in _sites:
            _sites[engine.port] = _filled(adapter)
        yield Site(network, adapter, _sites[engine.port])
        adapter.close()


def _filled(adapter: MilvusAdapter) -> Collection:
    fields = (Field("id", DataType.INT64, primary=True), Field("v", DataType.FLOAT_VECTOR, dimension=DIMENSION))
    schema = Collection(name=f"t_{secrets.token_hex(6)}", fields=fields)
    adapter.create_collection("default", schema)
    adapter.create_index("default", schema.name, IndexSpec("v", IndexKind.FLAT, Metric.L2))
    adapter.load_collection("default", schema.name)
    rows = [{"id": number, "v": vector.tolist()} for number, vector in enumerate(VECTORS)]
    adapter.insert("default", schema, read_rows(rows, schema), "")
    strong = VectorQuery(
        field=schema.vector_fields[0], vectors=[VECTORS[0]], limit=1, consistency=Consistency.STRONG, timeout=LONG
    )
    assert adapter.search("default", schema, strong)[0][0].id == 0
    return schema


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(ROWS) as made:
        yield made


def own(future: Future[Shared[shared_search.Found]], number: int) -> bool:
    hits = future.result(LONG).answer.hits
    return [[hit.id for hit in each] for each in hits] == [[number]]


def test_each_of_many_at_once_gets_its_own(site: Site, pool: ThreadPoolExecutor) -> None:
    site.network.hold()
    asked = [pool.submit(site.nearest, site.query(number)) for number in range(ROWS)]
    _until_waiting(site, ROWS - 2)
    site.network.go_on()
    assert all(own(future, number) for number, future in enumerate(asked))
    assert sorted({future.result().batch for future in asked}) == [1, ROWS - 2 - 64, 64]


def test_several_vectors_keep_their_order_among_others(site: Site, pool: ThreadPoolExecutor) -> None:
    site.network.hold()
    several = [pool.submit(site.nearest, site.query(0, vectors=VECTORS[n : n + 3])) for n in range(30)]
    site.network.go_on()
    for number, future in enumerate(several):
        found = future.result(LONG).answer.hits
        assert [[hit.id for hit in hits] for hits in found] == [[number + i] for i in range(3)]


def test_others_are_asked_for_otherwise(site: Site, pool: ThreadPoolExecutor) -> None:
    site.network.hold()
    options: list[dict[str, Any]] = [{}, {"limit": 2}, {"expression": "id > 50"}, {"output_fields": ["v"]}]
    asked = [pool.submit(site.nearest, site.query(n, **options[n % 4])) for n in range(40)]
    site.network.go_on()
    for number, future in enumerate(asked):
        (hits,) = future.result(LONG).answer.hits
        assert len(hits) == (2 if number % 4 == 1 else 1)
        assert hits[0].id > 50 if number % 4 == 2 else hits[0].id == number
        assert (list(hits[0].fields) == ["v"]) == (number % 4 == 3)


def test_a_poisoned_one_among_64_fails_alone(site: Site, pool: ThreadPoolExecutor) -> None:
    site.network.hold()
    first = [pool.submit(site.nearest, site.query(number)) for number in (0, 1)]
    _until_waiting(site, 0)
    poisoned = site.query(0, vectors=[VECTORS[0][:3]])
    asked = [pool.submit(site.nearest, site.query(number)) for number in range(2, 33)]
    bad = pool.submit(site.nearest, poisoned)
    asked += [pool.submit(site.nearest, site.query(number)) for number in range(33, 65)]
    _until_waiting(site, 64)
    site.network.go_on()
    assert all(own(future, number) for number, future in enumerate([*first, *asked]))
    with pytest.raises(REFUSED):
        bad.result(LONG)


def test_who_has_less_time_hears_of_it_while_others_wait_on(site: Site, pool: ThreadPoolExecutor) -> None:
    for number in range(20):  # so that those who give up are no outage
        assert site.nearest(site.query(number)).answer.hits
    site.network.hold()
    patient = [pool.submit(site.nearest, site.query(number)) for number in range(10)]
    hasty = [pool.submit(site.nearest, site.query(number, timeout=0.2)) for number in range(4)]
    for future in hasty:  # of two that lead and two that follow
        with pytest.raises(DeadlineExceeded):
            future.result(LONG)
    site.network.go_on()
    assert all(own(future, number) for number, future in enumerate(patient))


FAULT = st.sampled_from(["none", "reset", "hold", "cut", "delay"])


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(
    waves=st.lists(
        st.tuples(FAULT, st.lists(st.integers(0, ROWS - 1), min_size=1, max_size=40), st.integers(0, 2_000)),
        min_size=1,
        max_size=4,
    ),
    poison=st.sets(st.integers(0, 39), max_size=2),
)
def test_each_gets_its_own_answer_or_its_own_error(
    site: Site, waves: list[tuple[str, list[int], int]], poison: set[int]
) -> None:
    site.adapter.rpc.guards = type(site.adapter.rpc.guards)(128)  # faults of the last example opened the breaker
    asked: list[tuple[int, bool, Future[Shared[shared_search.Found]]]] = []
    with ThreadPoolExecutor(160) as pool:
        for fault, numbers, amount in waves:
            for place, number in enumerate(numbers):
                query, bad = site.query(number, timeout=5.0), place in poison
                if bad:
                    query = replace(query, vectors=[VECTORS[number][:3]])
                asked.append((number, bad, pool.submit(site.nearest, query)))
            _strike(site.network, fault, amount)
        site.network.go_on()
    for number, bad, future in asked:
        error = future.exception()
        if error is None:
            assert own(future, number)
            assert not bad
        else:
            assert isinstance(error, VectorStoreError)
            assert bad or not isinstance(error, InvalidRequest)  # a cut call may fail in Milvus too
    site.adapter.rpc.guards = type(site.adapter.rpc.guards)(128)
    assert [hit.id for hit in site.nearest(site.query(7)).answer.hits[0]] == [7]


def _strike(network: Proxy, fault: str, amount: int) -> None:
    if fault == "reset":
        network.reset()
    elif fault == "hold":
        network.hold()
    elif fault == "cut":
        network.reset_after(amount)
    elif fault == "delay":
        network.delay = amount / 100_000


def _until_waiting(site: Site, number: int) -> None:
    """That many wait for a call, and as many calls as may be are under way."""
    ends = time.monotonic() + LONG
    while shared_search.waiting(site.adapter, "default", site.schema, site.query(0)) != number:
        assert time.monotonic() < ends
        time.sleep(0.001)
