"""Where the time of a request goes."""

import time
from functools import cache

ORDER = ("parse", "authorise", "plan", "cache", "queue", "milvus", "decode", "serialise")
"""The stages of a search, as it goes through them."""


class Stages:
    """The stages of one request; each lasts from the end of the one before it, so that together they are the whole.

    ``began`` is a reading of ``time.perf_counter``; now without it.
    """

    __slots__ = ("_began", "_last", "ms")

    def __init__(self, began: float | None = None) -> None:
        self._began = self._last = time.perf_counter() if began is None else began
        self.ms: dict[str, float] = {}

    def end(self, name: str) -> None:
        """``name`` ends now; one that comes again adds to its milliseconds."""
        now = time.perf_counter()
        self.ms[name] = self.ms.get(name, 0.0) + (now - self._last) * 1000
        self._last = now

    def move(self, seconds: float, source: str, target: str) -> None:
        """That part of ``source`` was ``target``: time that is measured within a stage."""
        part = min(seconds * 1000, self.ms[source])
        self.ms[source] -= part
        self.ms[target] = self.ms.get(target, 0.0) + part

    @property
    def total_ms(self) -> float:
        """From the beginning until the last stage ended."""
        return (self._last - self._began) * 1000

    def rounded(self) -> dict[str, float]:
        """Milliseconds by stage, to the microsecond, in their order."""
        return in_order({name: round(ms, 3) for name, ms in self.ms.items()})

    def server_timing(self) -> str:
        """The value of a ``Server-Timing`` header (W3C Server Timing), with the whole as ``total``."""
        return _header(tuple(self.ms)) % (*self.ms.values(), self.total_ms)


def in_order(ms: dict[str, float]) -> dict[str, float]:
    """As ``ORDER`` has them, others last: PostgreSQL keeps objects in an order of its own."""
    return {name: ms[name] for name in ORDER if name in ms} | ms


@cache
def _header(names: tuple[str, ...]) -> str:
    return ", ".join(f"{name};dur=%.3f" for name in (*names, "total"))
