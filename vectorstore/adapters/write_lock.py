"""One writer at a time on a collection of Milvus Lite, across threads and processes.

An advisory lock on a file: the kernel drops it when its holder dies, so no crash leaves it behind.
"""

import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vectorstore.domain.errors import Overloaded

_POLL_S = 0.002


@contextmanager
def write_lock(folder: Path, key: str, timeout: float = 30) -> Iterator[None]:
    """Hold the lock named ``key``; waits at most ``timeout`` seconds.

    Raises:
        Overloaded: another writer kept it for longer.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _acquire(descriptor, timeout)
        yield
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, timeout: float) -> None:
    ends = time.monotonic() + timeout
    pause = _POLL_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= ends:
                raise Overloaded(
                    "Another write to this collection is under way and did not end in time.", retry_after=1
                ) from None
            time.sleep(pause)
            pause = min(pause * 2, 0.05)
