"""Callers that ask for the very same at the same time are served by the first of them."""

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class _Flight(Generic[Answer]):
    __slots__ = ("answer", "landed")

    def __init__(self) -> None:
        self.landed = threading.Event()
        self.answer: Answer | None = None


class SingleFlight(Generic[Answer]):
    """Thread-safe, within one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flights: dict[Hashable, _Flight[Answer]] = {}

    def ask(self, key: Hashable, call: Callable[[], Answer | None], wait_s: float) -> tuple[Answer | None, bool]:
        """The answer, and whether it was made for this caller.

        None for those who waited where the first one failed, or took longer than ``wait_s``: each asks by itself.
        """
        with self._lock:
            flight = self._flights.get(key)
            first = flight is None
            if flight is None:
                flight = self._flights[key] = _Flight()
        if not first:
            flight.landed.wait(wait_s)
            return flight.answer, False
        try:
            flight.answer = call()
            return flight.answer, True
        finally:
            with self._lock:
                del self._flights[key]
            flight.landed.set()
