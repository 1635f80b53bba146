"""Items made in a thread ahead of their use."""

import threading
from collections.abc import Iterator

import pytest

from vectorstore.service.ahead import read_ahead
from vectorstore.service.work import Cancelled


def going_on() -> None:
    pass


def test_they_come_in_order_each_made_while_the_one_before_is_used() -> None:
    made = [threading.Event() for _ in range(5)]

    def items() -> Iterator[int]:
        for number, event in enumerate(made, 1):
            event.set()
            yield number

    for number in (found := read_ahead(items(), going_on)):
        if number < 5:
            assert made[number].wait(5)
    assert list(found) == []


def test_at_most_one_is_made_ahead() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for number in range(1, 100):
            made.append(number)
            yield number

    found = read_ahead(items(), going_on)
    assert next(found) == 1
    found.close()  # type: ignore[attr-defined]
    assert made in ([1], [1, 2])


def test_an_error_comes_in_its_place() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("damaged")

    found = read_ahead(items(), going_on)
    assert next(found) == 1
    with pytest.raises(ValueError, match="damaged"):
        next(found)


def test_who_waits_can_be_stopped() -> None:
    asked, hung = 0, threading.Event()

    def items() -> Iterator[int]:
        yield 1
        hung.wait(60)
        yield 2

    def check() -> None:
        nonlocal asked
        asked += 1
        if asked == 3:
            raise Cancelled

    found = read_ahead(items(), check)
    assert next(found) == 1
    with pytest.raises(Cancelled):
        next(found)
    assert not hung.is_set()
    hung.set()
