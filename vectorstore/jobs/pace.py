"""How fast a job goes: over the last seconds, so that neither a start nor a pause long ago weighs in."""

from collections import deque

WINDOW_S = 10.0
_SHORTEST_S = 1.0


class Pace:
    """Times are seconds of a clock that only goes forward."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()

    def add(self, at: float, done: int) -> None:
        """``done`` units at the time ``at``; fewer than before: another count has begun."""
        if self._samples and done < self._samples[-1][1]:
            self._samples.clear()
        self._samples.append((at, done))
        while len(self._samples) > 2 and at - self._samples[1][0] >= WINDOW_S:
            self._samples.popleft()

    def restart(self) -> None:
        self._samples.clear()

    @property
    def rate(self) -> float | None:
        """Units a second; None until there is a second to judge by."""
        if len(self._samples) < 2:
            return None
        (began, first), (now, last) = self._samples[0], self._samples[-1]
        spent = now - began
        return round((last - first) / spent, 3) if spent >= _SHORTEST_S else None
