"""P1 to P4: single searches through the gateway, against pymilvus and against Milvus's own REST endpoint."""

from contextlib import closing

from benchmarks.data import SEARCH_PARAMS, TOP_K, Address
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


def measure(comparison: Comparison, stack: RunningStack, address: Address, *, rounds: int, seconds: float) -> Row:
    clients, threads = (1, 1) if comparison is P4 else (_CLIENTS, _THREADS)
    theirs: Searches = PymilvusSearches(address, COLLECTION, threads)
    if comparison is P2:
        theirs = _milvus_rest(address, clients)
    with closing(LoadProcess(_gateway(stack, clients))) as gateway, closing(LoadProcess(theirs)) as peer:
        value = _p50 if comparison is P4 else _rate
        return comparison.measured(
            lambda: value(gateway, seconds, stack.token()),
            lambda: value(peer, seconds, f"{address.user}:{address.password}"),
            rounds,
        )


def _rate(process: LoadProcess, seconds: float, token: str) -> float:
    return process.run(seconds, token).rate


def _p50(process: LoadProcess, seconds: float, token: str) -> float:
    return process.run(seconds, token).p50_ms


def _gateway(stack: RunningStack, clients: int) -> HttpSearches:
    body = {"top_k": TOP_K, "params": SEARCH_PARAMS, "cache": False}
    return HttpSearches(stack.port, f"/api/v1/collections/{COLLECTION}/search/", body, b'"results":[{"id"', clients)


def _milvus_rest(address: Address, clients: int) -> HttpSearches:
    """Version 1 of it takes no ``ef``: Milvus then searches with less effort than for the other side."""
    body = {"collectionName": COLLECTION, "limit": TOP_K, "outputFields": ["id"]}
    return HttpSearches(address.port, "/v1/vector/search", body, b'"code":200,"data":[{', clients)
