"""Callers who ask for the same at once."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from vectorstore.optimization.single_flight import SingleFlight


class Gate:
    """A call that begins, and ends when it is let."""

    def __init__(self, answer: str | None = "answer", error: Exception | None = None) -> None:
        self.begun, self.let, self.calls = threading.Event(), threading.Event(), 0
        self._answer, self._error = answer, error

    def __call__(self) -> str | None:
        self.calls += 1
        self.begun.set()
        assert self.let.wait(30)
        if self._error:
            raise self._error
        return self._answer


def never() -> str:
    raise AssertionError("This caller was to wait.")


def test_those_who_come_meanwhile_get_the_answer_of_the_first() -> None:
    flights: SingleFlight[str] = SingleFlight()
    gate = Gate()
    with ThreadPoolExecutor(5) as pool:
        first = pool.submit(flights.ask, "key", gate, 30)
        assert gate.begun.wait(30)
        others = [pool.submit(flights.ask, "key", never, 30) for _ in range(3)]
        assert flights.ask("another", lambda: "own", 30) == ("own", True)
        gate.let.set()
        assert first.result(30) == ("answer", True)
        assert {other.result(30) for other in others} == {("answer", False)}
    assert flights.ask("key", lambda: "anew", 30) == ("anew", True)


def test_the_error_of_the_first_is_its_own() -> None:
    flights: SingleFlight[str] = SingleFlight()
    gate = Gate(error=RuntimeError("of the first"))
    with ThreadPoolExecutor(5) as pool:
        first = pool.submit(flights.ask, "key", gate, 30)
        assert gate.begun.wait(30)
        others = [pool.submit(flights.ask, "key", never, 30) for _ in range(3)]
        gate.let.set()
        with pytest.raises(RuntimeError, match="of the first"):
            first.result(30)
        assert {other.result(30) for other in others} == {(None, False)}
    assert flights.ask("key", lambda: "anew", 30) == ("anew", True)


def test_nobody_waits_for_longer_than_it_said() -> None:
    flights: SingleFlight[str] = SingleFlight()
    gate = Gate()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(flights.ask, "key", gate, 30)
        assert gate.begun.wait(30)
        assert flights.ask("key", never, 0.01) == (None, False)
        gate.let.set()
        assert first.result(30) == ("answer", True)
