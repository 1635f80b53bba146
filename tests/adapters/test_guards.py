"""The circuit breaker and the bulkhead, alone with a clock of their own and before a Milvus that fails."""

import threading
import time
from pathlib import Path

import pytest
from pymilvus.grpc_gen import milvus_pb2

from tests.support.faulty_milvus import serving, status, unavailable, version
from vectorstore.adapters import guards
from vectorstore.adapters.guards import Bulkhead, CircuitBreaker
from vectorstore.adapters.milvus_adapter import MilvusAdapter
from vectorstore.adapters.rpc import Endpoint
from vectorstore.domain.errors import EngineUnavailable, NotFound, Overloaded


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def feed(breaker: CircuitBreaker, good: int, bad: int) -> None:
    for failed in (*[False] * good, *[True] * bad):
        breaker.admit()
        breaker.record(failed=failed)


@pytest.mark.parametrize(
    ("good", "bad", "state"),
    [(0, 19, "closed"), (0, 20, "open"), (10, 10, "open"), (11, 10, "closed"), (0, 0, "closed")],
)
def test_it_opens_at_half_of_twenty_calls_failing(clock: Clock, good: int, bad: int, state: str) -> None:
    breaker = CircuitBreaker(clock)
    feed(breaker, good, bad)
    assert breaker.state == state


def test_failures_older_than_ten_seconds_do_not_count(clock: Clock) -> None:
    breaker = CircuitBreaker(clock)
    feed(breaker, 0, 15)
    clock.now += guards.WINDOW_S + 1
    feed(breaker, 0, 15)
    assert breaker.state == "closed"


def test_an_open_one_lets_one_call_through_after_five_seconds(clock: Clock) -> None:
    breaker = CircuitBreaker(clock)
    feed(breaker, 0, 20)
    with pytest.raises(EngineUnavailable) as refusal:
        breaker.admit()
    assert refusal.value.retry_after == 5
    clock.now += guards.OPEN_S
    assert breaker.state == "half-open"
    breaker.admit()
    with pytest.raises(EngineUnavailable):
        breaker.admit()
    breaker.record(failed=True)
    assert breaker.state == "open"
    clock.now += guards.OPEN_S
    breaker.admit()
    breaker.record(failed=False)
    assert breaker.state == "closed"
    feed(breaker, 0, 19)
    assert breaker.state == "closed"


def test_who_finds_no_place_is_told_within_a_moment() -> None:
    bulkhead = Bulkhead(2)
    leave, inside = threading.Event(), threading.Barrier(3)

    def stay() -> None:
        with bulkhead.place():
            inside.wait()
            leave.wait()

    threads = [threading.Thread(target=stay) for _ in range(2)]
    for thread in threads:
        thread.start()
    inside.wait()
    began = time.monotonic()
    with pytest.raises(Overloaded) as refusal, bulkhead.place():
        pass
    assert time.monotonic() - began < 1
    assert refusal.value.retry_after == 1
    leave.set()
    for thread in threads:
        thread.join()
    with bulkhead.place():
        pass


def test_a_milvus_that_does_not_answer_is_no_longer_called(tmp_path: Path) -> None:
    with serving([unavailable]) as (servicer, port):
        adapter = MilvusAdapter(Endpoint("127.0.0.1", port), tmp_path)
        for _ in range(25):
            with pytest.raises(EngineUnavailable):
                adapter.version()
        called = len(servicer.calls)
        with pytest.raises(EngineUnavailable) as refusal:
            adapter.version()
        assert len(servicer.calls) == called
        assert refusal.value.retry_after
        assert adapter.rpc.guards.breakers["read"].state == "closed"  # other classes of calls are not affected
        adapter.close()


def test_a_milvus_that_refuses_requests_is_called_on(tmp_path: Path) -> None:
    gone = milvus_pb2.GetVersionResponse(status=status(100, "collection not found"))
    with serving([*[gone] * 30, version("v1")]) as (_servicer, port):
        adapter = MilvusAdapter(Endpoint("127.0.0.1", port), tmp_path)
        for _ in range(30):
            with pytest.raises(NotFound):
                adapter.version()
        assert adapter.version() == "v1"
        adapter.close()
