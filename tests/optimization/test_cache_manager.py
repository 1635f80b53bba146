"""Answers in a real Redis that is full, swapped, spoilt, slow or gone."""

import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.redis import RunningRedis, connections_to
from vectorstore.domain.errors import EngineFailed
from vectorstore.domain.models import CollectionName, SearchHit
from vectorstore.optimization.cache_counts import counts
from vectorstore.optimization.cache_envelope import Hits
from vectorstore.optimization.cache_manager import CacheManager, Found

SECRET, ONE, TWO = b"s" * 32, b"1" * 32, b"2" * 32
Ask = Callable[[bytes | None, Callable[[], Hits]], Found]


def name_of(request: pytest.FixtureRequest) -> CollectionName:
    return CollectionName("default", "default", request.node.name)


@pytest.fixture
def manager(own_redis: RunningRedis) -> CacheManager:
    return CacheManager(own_redis, SECRET, 1_000)


@pytest.fixture
def ask(manager: CacheManager, request: pytest.FixtureRequest) -> Ask:
    return lambda key, call: manager.answer(name_of(request), key, call, ttl_s=60, deadline_s=30)


def hits(text: str) -> Hits:
    return [[SearchHit(text, 1.0, {})]]


def test_the_second_who_asks_gets_what_is_kept(
    ask: Ask, own_redis: RunningRedis, request: pytest.FixtureRequest
) -> None:
    assert ask(ONE, lambda: hits("a")) == Found(hits("a"), "miss")
    assert ask(ONE, lambda: hits("b")) == Found(hits("a"), "hit")
    assert ask(TWO, lambda: hits("b")) == Found(hits("b"), "miss")
    assert ask(None, lambda: hits("c")) == Found(hits("c"), "bypass")
    assert counts(name_of(request)) == {"hit": 1, "miss": 2, "bypass": 1, "store": 2, "refused": 0}
    assert 0 < own_redis.client.ttl(b"vectorstore:answer:" + ONE) <= 60


def test_values_that_changed_places_are_misses(
    ask: Ask, own_redis: RunningRedis, request: pytest.FixtureRequest
) -> None:
    first, second = b"vectorstore:answer:" + ONE, b"vectorstore:answer:" + TWO
    ask(ONE, lambda: hits("one"))
    ask(TWO, lambda: hits("two"))
    values = own_redis.client.mget(first, second)
    own_redis.client.mset({first: values[1], second: values[0]})
    assert ask(ONE, lambda: hits("one")) == Found(hits("one"), "miss")
    assert ask(TWO, lambda: hits("two")) == Found(hits("two"), "miss")
    assert counts(name_of(request))["refused"] == 2
    assert ask(ONE, lambda: hits("new")) == Found(hits("one"), "hit")


@pytest.mark.parametrize("garbage", [b"", b"x", b"null", ONE, ONE + b"x" * 32, b"\x80" * 5_000])
def test_garbage_is_a_miss(ask: Ask, own_redis: RunningRedis, garbage: bytes) -> None:
    own_redis.client.set(b"vectorstore:answer:" + ONE, garbage)
    assert ask(ONE, lambda: hits("a")) == Found(hits("a"), "miss")
    assert ask(ONE, lambda: hits("b")) == Found(hits("a"), "hit")


def test_a_key_of_another_kind_does_no_harm(ask: Ask, own_redis: RunningRedis) -> None:
    own_redis.client.lpush(b"vectorstore:answer:" + ONE, "x")
    assert ask(ONE, lambda: hits("a")) == Found(hits("a"), "bypass")


def test_a_large_answer_is_not_kept(ask: Ask, own_redis: RunningRedis) -> None:
    for _ in range(2):
        assert ask(ONE, lambda: hits("a" * 2_000)) == Found(hits("a" * 2_000), "bypass")
    assert own_redis.client.keys(b"vectorstore:answer:*") == []


def test_an_answer_without_an_exact_form_is_not_kept(ask: Ask) -> None:
    odd = [[SearchHit("a", 1.0, {"x": 2**70})]]
    for _ in range(2):
        assert ask(ONE, lambda: odd) == Found(odd, "bypass")


def test_an_error_is_not_kept(ask: Ask) -> None:
    def fail() -> Hits:
        raise EngineFailed("no")

    with pytest.raises(EngineFailed):
        ask(ONE, fail)
    assert ask(ONE, lambda: hits("a")) == Found(hits("a"), "miss")


def test_who_asks_meanwhile_shares_the_call_and_not_the_objects(ask: Ask) -> None:
    begun, let, calls = threading.Event(), threading.Event(), []

    def slow() -> Hits:
        calls.append(1)
        begun.set()
        assert let.wait(30)
        return hits("a")

    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(ask, ONE, slow)
        assert begun.wait(30)
        others = [pool.submit(ask, ONE, slow) for _ in range(7)]
        let.set()
        found = [future.result(30) for future in (first, *others)]
    assert all(each.hits == hits("a") for each in found)
    assert len({id(each.hits[0][0].fields) for each in found}) == 8
    assert first.result().result == "miss"
    assert len(calls) < 8  # one, unless a thread began only when the first had its answer


def test_without_redis_every_answer_is_right_and_nobody_waits_in_line(
    ask: Ask, own_redis: RunningRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(ONE, lambda: hits("old"))
    own_redis.kill()
    for number in range(50):
        assert ask(ONE, lambda number=number: hits(str(number))) == Found(hits(str(number)), "bypass")


def test_a_silent_redis_is_soon_left_alone(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setattr("vectorstore.optimization.redis_connection._FIRST_PAUSE_S", 30.0)
    monkeypatch.setattr("vectorstore.optimization.redis_connection._LONGEST_PAUSE_S", 30.0)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(100)
        silent.setblocking(False)
        manager = CacheManager(f"redis://127.0.0.1:{silent.getsockname()[1]}/0", SECRET, 1_000)
        for _ in range(100):
            found = manager.answer(name_of(request), ONE, lambda: hits("a"), ttl_s=60, deadline_s=30)
            assert found == Found(hits("a"), "bypass")
        assert 1 <= connections_to(silent) <= 3


def test_a_redis_that_is_back_is_used_again(
    ask: Ask, own_redis: RunningRedis, short_pauses: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(ONE, lambda: hits("a"))
    with own_redis.stalled():
        assert ask(ONE, lambda: hits("b")) == Found(hits("b"), "bypass")
    threading.Event().wait(0.01)
    assert ask(ONE, lambda: hits("c")) == Found(hits("a"), "hit")
