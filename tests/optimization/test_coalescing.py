"""Callers that share calls: each gets its own answer or its own error, within its own time."""

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.until import until
from vectorstore.domain.errors import DeadlineExceeded, EngineFailed
from vectorstore.optimization.coalescing import Coalescer, Shared

KEY = "key"
LONG = 30.0


class Engine:
    """Doubles numbers, refuses negative ones, and goes on only when it is let."""

    def __init__(self, *, open_: bool = False) -> None:
        self.calls: list[list[int]] = []
        self._gate = threading.Event()
        if open_:
            self._gate.set()

    def __call__(self, items: Sequence[int], seconds: float) -> list[int]:
        self.calls.append(list(items))
        if not self._gate.wait(seconds):
            raise DeadlineExceeded("The engine took too long.")
        if any(item < 0 for item in items):
            raise EngineFailed(f"The engine refuses {[item for item in items if item < 0]}.")
        return [2 * item for item in items]

    def open(self) -> None:
        self._gate.set()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(80) as made:
        yield made


def begin(pool: ThreadPoolExecutor, coalescer: Coalescer[int, int], engine: Engine, *items: int) -> list[Future[Any]]:
    """One after the other, so that their order is known."""
    futures = []
    for item in items:
        waiting = len(coalescer.waiting(KEY))
        calls = len(engine.calls)
        futures.append(pool.submit(coalescer.ask, KEY, item, engine, deadline=LONG))
        until(lambda waiting=waiting, calls=calls: len(coalescer.waiting(KEY)) + len(engine.calls) > waiting + calls)
    return futures


def test_who_is_alone_asks_alone_and_at_once() -> None:
    engine, coalescer = Engine(open_=True), Coalescer[int, int]()
    assert [coalescer.ask(KEY, number, engine, deadline=LONG).answer for number in (1, 2, 3)] == [2, 4, 6]
    assert engine.calls == [[1], [2], [3]]


def test_those_who_come_during_the_calls_are_the_next_batch_in_their_order(pool: ThreadPoolExecutor) -> None:
    engine, coalescer = Engine(), Coalescer[int, int](most=4, at_once=2)
    asked = begin(pool, coalescer, engine, *range(1, 12))
    assert engine.calls == [[1], [2]]
    engine.open()
    answers = [future.result(LONG) for future in asked]
    assert [each.answer for each in answers] == [2 * number for number in range(1, 12)]
    assert sorted(engine.calls[2:]) == [[3, 4, 5, 6], [7, 8, 9, 10], [11]]
    assert [each.batch for each in answers] == [1, 1, *([4] * 8), 1]
    assert all(each.waited > 0 for each in answers[2:])


def test_a_large_one_takes_the_places_that_it_needs(pool: ThreadPoolExecutor) -> None:
    engine, coalescer = Engine(), Coalescer[int, int](most=4, at_once=1)
    asked = begin(pool, coalescer, engine, 1)
    for number, size in ((2, 9), (3, 2), (4, 2), (5, 1)):
        asked.append(pool.submit(coalescer.ask, KEY, number, engine, size=size, deadline=LONG))
        until(lambda number=number: len(coalescer.waiting(KEY)) == number - 1)
    engine.open()
    assert [future.result(LONG).answer for future in asked] == [2, 4, 6, 8, 10]
    assert engine.calls == [[1], [2], [3, 4], [5]]


def test_one_that_is_refused_fails_alone(pool: ThreadPoolExecutor) -> None:
    engine, coalescer = Engine(), Coalescer[int, int]()
    asked = begin(pool, coalescer, engine, 1, 2, *range(3, 66), -1)
    engine.open()
    assert [future.result(LONG).answer for future in asked[:-1]] == [2 * number for number in range(1, 66)]
    with pytest.raises(EngineFailed, match=r"refuses \[-1\]"):
        asked[-1].result(LONG)


def test_each_keeps_its_deadline_while_the_engine_hangs(pool: ThreadPoolExecutor) -> None:
    engine, coalescer = Engine(), Coalescer[int, int]()
    first = begin(pool, coalescer, engine, 1, 2)
    with pytest.raises(DeadlineExceeded):
        coalescer.ask(KEY, 3, engine, deadline=0.05)
    assert not coalescer.waiting(KEY)
    engine.open()
    assert [future.result(LONG).answer for future in first] == [2, 4]


def test_a_leader_without_time_leaves_the_others_their_answers(pool: ThreadPoolExecutor) -> None:
    """Its turn comes as its time is over."""
    engine, coalescer = Engine(), Coalescer[int, int](at_once=1)
    first = begin(pool, coalescer, engine, 1)
    hasty = pool.submit(coalescer.ask, KEY, 2, engine, deadline=0.2)
    until(lambda: len(coalescer.waiting(KEY)) == 1)
    patient = begin(pool, coalescer, engine, 3, 4)
    time.sleep(0.2)
    engine.open()
    assert [future.result(LONG).answer for future in (*first, *patient)] == [2, 6, 8]
    with pytest.raises(DeadlineExceeded):
        hasty.result(LONG)


def test_a_key_whose_calls_hang_holds_up_no_other(pool: ThreadPoolExecutor) -> None:
    hanging, engine, coalescer = Engine(), Engine(open_=True), Coalescer[int, int]()
    stuck = begin(pool, coalescer, hanging, *range(10))
    assert coalescer.ask("another", 7, engine, deadline=LONG).answer == 14
    hanging.open()
    assert [future.result(LONG).answer for future in stuck] == [2 * number for number in range(10)]


def test_a_leader_that_is_killed_takes_nobody_along(pool: ThreadPoolExecutor) -> None:
    engine, coalescer = Engine(), Coalescer[int, int](at_once=1)
    first = begin(pool, coalescer, engine, 1)

    def killed(items: Sequence[int], seconds: float) -> list[int]:
        raise KeyboardInterrupt

    leader = pool.submit(coalescer.ask, KEY, 2, killed, deadline=LONG)
    until(lambda: len(coalescer.waiting(KEY)) == 1)
    others = begin(pool, coalescer, engine, 3, 4)
    engine.open()
    assert [future.result(LONG).answer for future in (*first, *others)] == [2, 6, 8]
    with pytest.raises(KeyboardInterrupt):
        leader.result(LONG)
    assert coalescer.idle


ASKED = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(-3, 30), st.integers(1, 5), st.sampled_from([0.001, LONG])),
    min_size=1,
    max_size=60,
)


@settings(deadline=None)
@given(asked=ASKED, pause=st.sampled_from([0.0, 0.0005, 0.002]))
def test_each_gets_its_own_answer_or_its_own_error(asked: list[tuple[str, int, int, float]], pause: float) -> None:
    coalescer = Coalescer[int, int](most=8)

    def call(items: Sequence[int], seconds: float) -> list[int]:
        time.sleep(pause)
        return Engine(open_=True)(items, seconds)

    def ask(key: str, item: int, size: int, deadline: float) -> Shared[int]:
        return coalescer.ask(key, item, call, size=size, deadline=deadline)

    with ThreadPoolExecutor(len(asked)) as pool:
        futures = [pool.submit(ask, *each) for each in asked]
    for (_, item, _, deadline), future in zip(asked, futures, strict=True):
        error = future.exception()
        if isinstance(error, DeadlineExceeded):
            assert deadline < LONG
        elif item < 0:
            assert isinstance(error, EngineFailed)
            assert str(item) in str(error)
        else:
            assert future.result().answer == 2 * item
    assert coalescer.idle
