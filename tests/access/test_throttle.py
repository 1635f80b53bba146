"""Counts of requests, in a real Redis that may go away or stop answering."""

import os
import signal
import threading
import time
import uuid
from collections.abc import Callable

import pytest
import redis

from tests.support.engines import free_port
from tests.support.redis import running_redis
from vectorstore.access import throttle as throttles
from vectorstore.access.throttle import Throttle


def bucket() -> str:
    return uuid.uuid4().hex


def in_threads(number: int, work: Callable[[], None]) -> None:
    threads = [threading.Thread(target=work) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_of_two_hundred_hits_at_once_exactly_the_limit_is_allowed(redis_url: str) -> None:
    mine, allowed = bucket(), []

    def hit() -> None:
        throttle = Throttle(redis_url)  # as another process has it
        allowed.extend(throttle.hit(mine, 50).allowed for _ in range(25))

    in_threads(8, hit)
    assert (len(allowed), sum(allowed)) == (200, 50)


def test_of_a_large_limit_shares_are_drawn_and_no_more_is_spent(redis_url: str) -> None:
    mine, allowed = bucket(), []

    def spend() -> None:
        throttle = Throttle(redis_url)  # as another process has it
        allowed.extend(throttle.hit(mine, 5_003).allowed for _ in range(2_000))

    in_threads(4, spend)
    assert (len(allowed), sum(allowed)) == (8_000, 5_003)


def test_a_share_is_spent_without_asking_redis_and_told_as_what_is_left(redis_url: str) -> None:
    throttle, mine = Throttle(redis_url), bucket()
    connection = redis.Redis.from_url(redis_url)
    remaining = [throttle.hit(mine, 3_000).remaining for _ in range(4)]
    assert remaining == [2_999, 2_998, 2_997, 2_996]
    assert int(connection.get(throttles._PREFIX + mine)) == 6
    connection.close()


def test_the_verdict_says_what_is_left_and_until_when(redis_url: str) -> None:
    throttle, mine = Throttle(redis_url), bucket()
    verdicts = [throttle.hit(mine, 2) for _ in range(3)]
    assert [(v.allowed, v.limit, v.remaining) for v in verdicts] == [(True, 2, 1), (True, 2, 0), (False, 2, 0)]
    assert all(59 <= verdict.reset_s <= 60 for verdict in verdicts)


def test_a_window_ends_a_minute_after_its_first_request_and_another_begins(redis_url: str) -> None:
    throttle, mine = Throttle(redis_url), bucket()
    connection = redis.Redis.from_url(redis_url)
    throttle.hit(mine, 1)
    assert not throttle.hit(mine, 1).allowed
    key = throttles._PREFIX + mine
    assert 59_000 < connection.pttl(key) <= 60_000
    connection.pexpire(key, 20)
    time.sleep(0.05)
    assert throttle.hit(mine, 1).allowed
    connection.persist(key)  # a counter without an end would refuse for ever
    assert throttle.hit(mine, 1).reset_s == 60
    connection.close()


def test_without_redis_the_process_counts_alone_and_nobody_waits() -> None:
    throttle, mine = Throttle(f"redis://127.0.0.1:{free_port()}/0"), bucket()
    slowest, verdicts = 0.0, []
    for _ in range(4):
        throttle._down_until = 0.0  # each time as if the outage had just begun
        began = time.perf_counter()
        verdicts.append(throttle.hit(mine, 3))
        slowest = max(slowest, time.perf_counter() - began)
    assert [verdict.allowed for verdict in verdicts] == [True, True, True, False]
    assert verdicts[3].reset_s == 60
    assert slowest < 0.5


def test_a_redis_that_stops_answering_holds_nobody_up() -> None:
    with running_redis() as url:
        throttle, mine = Throttle(url), bucket()
        assert throttle.hit(mine, 3).remaining == 2
        pid = int(redis.Redis.from_url(url).info("server")["process_id"])
        os.kill(pid, signal.SIGSTOP)
        try:
            began = time.perf_counter()
            allowed = [throttle.hit(mine, 3).allowed for _ in range(3)]
            waited = time.perf_counter() - began
        finally:
            os.kill(pid, signal.SIGCONT)
        assert allowed == [True, True, False]  # on from the one that Redis had counted
        assert waited < 0.5
        throttle._down_until = 0.0
        assert throttle.hit(mine, 100).remaining == 95  # Redis has counted them all


def test_what_was_counted_alone_is_told_to_redis_when_it_is_back() -> None:
    port, mine = free_port(), bucket()
    throttle = Throttle(f"redis://127.0.0.1:{port}/0")
    for _ in range(3):
        throttle.hit(mine, 10)
    with running_redis(port) as url:
        throttle._down_until = 0.0
        assert throttle.hit(mine, 10).remaining == 6
        assert Throttle(url).hit(mine, 10).remaining == 5


def test_redis_without_its_scripts_is_told_them_again(redis_url: str) -> None:
    throttle, mine = Throttle(redis_url), bucket()
    throttle.hit(mine, 9)
    connection = redis.Redis.from_url(redis_url)
    connection.script_flush()
    connection.close()
    assert throttle.hit(mine, 9).remaining == 7


def test_counts_of_one_process_are_exact_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttles, "_MOST_COUNTED", 10)
    throttle, mine, allowed = Throttle("redis://127.0.0.1:1/0"), bucket(), []
    throttle.hit(mine, 50)
    in_threads(8, lambda: allowed.extend(throttle.hit(mine, 51).allowed for _ in range(25)))
    assert sum(allowed) == 50
    for _ in range(30):
        throttle.hit(bucket(), 1)
    assert len(throttle._alone._windows) == 10
