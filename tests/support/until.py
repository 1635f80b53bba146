"""Waiting for what another thread or process does."""

import time
from collections.abc import Callable


def until(met: Callable[[], bool], seconds: float = 30) -> None:
    """Fails where ``met`` does not become true in time."""
    ends = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < ends, "it did not come to be"
        time.sleep(0.002)
