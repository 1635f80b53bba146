"""S1 and S2: what authentication, rights, a row filter, rate limits and the audit log cost a search together.

The peer is the same gateway with all of them taken out (``benchmarks.bare``), asked with the same condition, so that
Milvus has the same work on both sides.
"""

from contextlib import closing
from typing import Any

from benchmarks.data import SEARCH_PARAMS, TOP_K
from benchmarks.load import HttpSearches, LoadProcess
from benchmarks.searches import COLLECTION
from benchmarks.table import Comparison, Row
from tests.support.stack import RunningStack

S1 = Comparison("S1", "one client: p50 in ms − without security", target=0.4, at_most=True, difference=True)
S2 = Comparison("S2", "64 clients: q/s ÷ without security", target=0.75)
_USER, _PASSWORD = "bench_tenant", "password-of-the-benchmark"


def measure(comparison: Comparison, stack: RunningStack, bare: RunningStack, *, rounds: int, seconds: float) -> Row:
    clients = 1 if comparison is S1 else 64
    _give(stack)
    with (
        closing(_load(stack, clients, {})) as ours,
        closing(_load(bare, clients, {"filters": {"id": {"$gte": 0}}})) as peer,
    ):

        def value(process: LoadProcess, token: str) -> float:
            tally = process.run(seconds, token)
            return tally.p50_ms if comparison is S1 else tally.rate

        return comparison.measured(lambda: value(ours, _token(stack)), lambda: value(peer, "none"), rounds)


def _load(stack: RunningStack, clients: int, more: dict[str, Any]) -> LoadProcess:
    body = {"top_k": TOP_K, "params": SEARCH_PARAMS, "cache": False, **more}
    path = f"/api/v1/collections/{COLLECTION}/search/"
    return LoadProcess(HttpSearches(stack.port, path, body, b'"results":[{"id"', clients))


def _give(stack: RunningStack) -> None:
    """Somebody who may search within rows: here all of them, so that both sides find the same."""
    token = stack.token()
    if any(user["username"] == _USER for user in stack.call("/api/v1/users/", token=token)["results"]):
        return
    stack.call("/api/v1/users/", {"username": _USER, "password": _PASSWORD}, token)
    row_filter = {"field": "id", "op": "gte", "value": 0}
    stack.call("/api/v1/grants/", {"user": _USER, "role": "viewer", "row_filter": row_filter}, token)


def _token(stack: RunningStack) -> str:
    return str(stack.call("/api/v1/auth/token/", {"username": _USER, "password": _PASSWORD})["access"])
