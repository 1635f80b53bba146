"""P1 to P5 and P11: single searches through the gateway, against pymilvus and against Milvus's own REST endpoint."""

import time
from contextlib import closing
from dataclasses import replace
from itertools import count

from benchmarks.data import SEARCH_PARAMS, TOP_K, Address, vectors
from benchmarks.load import HttpSearches, LoadProcess, PymilvusSearches, Searches
from benchmarks.table import Comparison, Row
from tests.support.stack import RunningStack

COLLECTION = "bench_searches"
_CLIENTS = 64
_THREADS = 16

P1 = Comparison("P1", "Milvus Lite: 64 HTTP clients, q/s ÷ pymilvus with 16 threads", target=10)
P2 = Comparison("P2", "Milvus: 64 HTTP clients, q/s ÷ Milvus's own REST endpoint", target=1.0)
P3 = Comparison("P3", "Milvus: 64 HTTP clients, q/s ÷ pymilvus with 16 threads", target=1.8)
P4 = Comparison("P4", "Milvus: one client, p50 in ms − pymilvus", target=1.0, at_most=True, difference=True)
P11 = Comparison(
    "P11", "Milvus: search 1 s after an own write, p50 in ms ÷ pymilvus at Strong", target=0.1, at_most=True
)
_PAUSE_S = 1.0
_own_ids = count(10_000_000)

P5 = Comparison(
    "P5", "Milvus: 64 HTTP clients, 200 searches again and again, q/s ÷ Milvus's own REST endpoint", target=2
)
_REPEATED = 200


def measure(comparison: Comparison, stack: RunningStack, address: Address, *, rounds: int, seconds: float) -> Row:
    clients, threads = (1, 1) if comparison in (P4, P11) else (_CLIENTS, _THREADS)
    theirs: Searches = PymilvusSearches(address, COLLECTION, threads, "Strong" if comparison is P11 else None)
    if comparison is P2:
        theirs = _milvus_rest(address, clients)
    ours = searches(stack, clients)
    if comparison is P5:
        ours = replace(ours, body=ours.body | {"cache": True}, queries=_REPEATED)
        theirs = replace(_milvus_rest(address, clients), queries=_REPEATED)
    with closing(LoadProcess(ours)) as gateway, closing(LoadProcess(theirs)) as peer:
        value = _p50 if comparison in (P4, P11) else _rate

        def mine() -> float:
            if comparison is P11:
                _write(stack)
                time.sleep(_PAUSE_S)
            return value(gateway, seconds, stack.token())

        return comparison.measured(
            mine,
            lambda: value(peer, seconds, f"{address.user}:{address.password}"),
            rounds,
        )


def _write(stack: RunningStack) -> None:
    row = {"id": next(_own_ids), "vector": vectors(1, seed=3)[0].tolist()}
    stack.call(f"/api/v1/collections/{COLLECTION}/vectors/", {"vectors": [row]}, stack.token())


def _rate(process: LoadProcess, seconds: float, token: str) -> float:
    return process.run(seconds, token).rate


def _p50(process: LoadProcess, seconds: float, token: str) -> float:
    return process.run(seconds, token).p50_ms


def searches(stack: RunningStack, clients: int) -> HttpSearches:
    """Single searches through the gateway, each asked of Milvus."""
    body = {"top_k": TOP_K, "params": SEARCH_PARAMS, "cache": False}
    return HttpSearches(stack.port, f"/api/v1/collections/{COLLECTION}/search/", body, b'"results":[{"id"', clients)


def _milvus_rest(address: Address, clients: int) -> HttpSearches:
    """Version 1 of it takes no ``ef``: Milvus then searches with less effort than for the other side."""
    body = {"collectionName": COLLECTION, "limit": TOP_K, "outputFields": ["id"]}
    return HttpSearches(address.port, "/v1/vector/search", body, b'"code":200,"data":[{', clients)
