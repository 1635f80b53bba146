"""Calls to a collection of Milvus Lite wait while it is renamed or dropped, in all threads and processes.

Lite opens a collection at the first call that names it, and takes no lock for that: a call that comes while the
collection is renamed opens the old name once more, and leaves a folder there that no call removes and that keeps the
name from everybody.
"""

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from vectorstore.adapters.file_lock import ALONE, SHARED, let_go, open_lock, take

_DOOR, _ROOM = 0, 1
"""Bytes of the lock. Who wants to be alone shuts the door first, so that a stream of others does not keep them out."""
_WAIT_S = 30.0
_LATE = "The collection is being renamed or dropped, and that did not end in time."


class Gate:
    """``folder`` holds the locks; ``address`` tells one engine from another."""

    def __init__(self, folder: Path, address: str) -> None:
        self._folder, self._address = folder, address

    @contextmanager
    def through(self, database: str, name: str) -> Iterator[None]:
        """With others, and not while one is alone with that collection.

        Raises:
            Overloaded: one was for longer than half a minute.
        """
        descriptor = self._open(database, name)
        ends = time.monotonic() + _WAIT_S
        try:
            take(descriptor, SHARED, _DOOR, 1, ends, _LATE)
            take(descriptor, SHARED, _ROOM, 1, ends, _LATE)
            let_go(descriptor, _DOOR, 1)
            yield
        finally:
            os.close(descriptor)

    @contextmanager
    def alone(self, database: str, *names: str) -> Iterator[None]:
        """Nobody else calls for any of those collections.

        Raises:
            Overloaded: the calls under way took longer than half a minute.
        """
        ends = time.monotonic() + _WAIT_S
        with ExitStack() as held:
            for name in sorted(set(names)):  # in one order, so that no two wait for each other
                descriptor = self._open(database, name)
                held.callback(os.close, descriptor)
                take(descriptor, ALONE, _DOOR, 1, ends, _LATE)
                take(descriptor, ALONE, _ROOM, 1, ends, _LATE)
            yield

    def _open(self, database: str, name: str) -> int:
        key = f"{self._address}/{database or 'default'}/{name}"
        return open_lock(self._folder, f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.gate")
