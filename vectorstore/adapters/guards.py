"""What keeps one slow or broken Milvus from taking the whole gateway with it: a circuit breaker and a bulkhead.

Each cluster has one of both for each class of calls: reads, writes and administration.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from vectorstore.domain.errors import EngineUnavailable, Overloaded

WINDOW_S = 10.0
LEAST_CALLS = 20
SHARE = 0.5
OPEN_S = 5.0
WAIT_S = 0.1


class CircuitBreaker:
    """Opens when at least half of 20 or more calls failed within ten seconds; lets one through after five more.

    A failure is a call that Milvus did not answer, or answered with being unable to: refusing a request is none.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._seconds: deque[list[float]] = deque()  # second, calls, failures
        self._open_until: float | None = None
        self._trying = False

    @property
    def state(self) -> str:
        """``closed``, ``open`` or ``half-open``."""
        if self._open_until is None:
            return "closed"
        return "open" if self._clock() < self._open_until else "half-open"

    def admit(self) -> None:
        """Before a call.

        Raises:
            EngineUnavailable: it is open; Milvus is not called.
        """
        with self._lock:
            if self._open_until is None:
                return
            left = self._open_until - self._clock()
            if left <= 0 and not self._trying:
                self._trying = True
                return
        detail = "Milvus has not been answering; it is asked again in a moment."
        raise EngineUnavailable(detail, retry_after=max(1, left))

    def record(self, *, failed: bool) -> None:
        """After a call that was admitted."""
        with self._lock:
            if self._open_until is not None:
                self._trying = False
                self._open_until = self._clock() + OPEN_S if failed else None
                self._seconds.clear()
                return
            now = self._clock()
            if not self._seconds or self._seconds[-1][0] != now // 1:
                self._seconds.append([now // 1, 0, 0])
            self._seconds[-1][1] += 1
            self._seconds[-1][2] += failed
            while self._seconds[0][0] <= now - WINDOW_S:
                self._seconds.popleft()
            calls, failures = (sum(second[place] for second in self._seconds) for place in (1, 2))
            if failed and calls >= LEAST_CALLS and failures >= SHARE * calls:
                self._open_until = now + OPEN_S


class Bulkhead:
    """At most ``places`` calls at once; who finds none free within 100 ms is told to come again."""

    def __init__(self, places: int) -> None:
        self._free = threading.BoundedSemaphore(places)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place.

        Raises:
            Overloaded: none became free in time; Milvus was not called.
        """
        if not self._free.acquire(timeout=WAIT_S):
            raise Overloaded("Too many calls to Milvus are under way; try again in a moment.", retry_after=1)
        try:
            yield
        finally:
            self._free.release()
