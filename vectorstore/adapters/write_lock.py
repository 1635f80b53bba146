"""One writer at a time on a collection of Milvus Lite, across threads and processes."""

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vectorstore.adapters.file_lock import ALONE, open_lock, take

_LATE = "Another write to this collection is under way and did not end in time."


@contextmanager
def write_lock(folder: Path, key: str, timeout: float = 30) -> Iterator[None]:
    """Hold the lock named ``key``; waits at most ``timeout`` seconds.

    Raises:
        Overloaded: another writer kept it for longer.
    """
    descriptor = open_lock(folder, f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.lock")
    try:
        take(descriptor, ALONE, 0, 1, time.monotonic() + timeout, _LATE)
        yield
    finally:
        os.close(descriptor)
