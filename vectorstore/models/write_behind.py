"""Rows on their way to the database: in batches, off the way of the request that brings them."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from multiprocessing.util import Finalize
from typing import Generic, TypeVar

from django.db import close_old_connections

from vectorstore.domain.errors import VectorStoreError

log = logging.getLogger("vectorstore.write_behind")

T = TypeVar("T")
_TELL_EVERY_S = 60.0


class WriteBehind(Generic[T]):
    """``write`` takes a batch; a batch on which it raises stays, in its place, and is tried again.

    At most ``limit`` items wait. They are written ``batch`` at a time, and ``every_s`` seconds after they came at the
    latest. ``tell`` is called at most once a minute with how many have been given up since.
    """

    def __init__(
        self,
        write: Callable[[Sequence[T]], None],
        *,
        name: str,
        limit: int,
        batch: int,
        every_s: float,
        tell: Callable[[int], None],
    ) -> None:
        self._write, self._tell = write, tell
        self.name, self.limit, self.batch, self.every_s = name, limit, batch, every_s
        self.begin_anew()

    def begin_anew(self) -> None:
        """As new; in a forked process: the parent's threads are not there, its locks may be held."""
        self._waiting: deque[T] = deque()
        self._changing = threading.Lock()
        self._flushing = threading.Lock()
        self._some = threading.Event()
        self._many = threading.Event()
        self._thread: threading.Thread | None = None
        self._dropped = 0
        self._told_at = float("-inf")

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, item: T) -> bool:
        """False if there is no room."""
        with self._changing:
            count = len(self._waiting)
            if count >= self.limit:
                return False
            self._waiting.append(item)
        if count == 0:
            self._some.set()
        elif count + 1 == self.batch:
            self._many.set()
        return True

    def flush(self) -> None:
        """Write what waits, in this thread and, if it is in a transaction, within that. What ``write`` raises goes on
        to the caller."""
        with self._flushing:
            for _ in range(self.limit // self.batch + 1):  # others may go on filling it
                with self._changing:  # a deque that grows cannot be iterated
                    batch = list(islice(self._waiting, self.batch))
                if not batch:
                    return
                self._write(batch)
                with self._changing:
                    for _ in batch:
                        self._waiting.popleft()

    def drop(self, number: int = 1) -> None:
        """Count what is given up."""
        with self._changing:
            self._dropped += number
            now = time.monotonic()
            if now - self._told_at < _TELL_EVERY_S:
                return
            dropped, self._dropped, self._told_at = self._dropped, 0, now
        self._tell(dropped)

    def discard(self) -> None:
        """Forget what waits."""
        with self._flushing, self._changing:
            self._waiting.clear()

    def ensure_thread(self) -> None:
        """Start flushing in the background, unless this process does so already."""
        if self._thread is not None:
            return
        with self._changing:
            if self._thread is not None:
                return
            self._thread = threading.Thread(target=self._keep_flushing, name=self.name, daemon=True)
        self._thread.start()
        # Unlike atexit, this also runs at the end of a worker that multiprocessing forked.
        Finalize(None, self._flush_at_exit, exitpriority=10)

    def _keep_flushing(self) -> None:
        while True:
            self._some.wait()
            self._many.wait(self.every_s)
            self._many.clear()
            self._some.clear()
            try:
                self.flush()
            except VectorStoreError:  # who raised it has logged why
                time.sleep(self.every_s)
            except Exception:
                log.exception("%s: a batch could not be written", self.name)
                time.sleep(self.every_s)
            finally:
                close_old_connections()
            if self._waiting:
                self._some.set()

    def _flush_at_exit(self) -> None:
        try:
            self.flush()
        except Exception as error:
            log.error("%s: %d are lost at exit: %s", self.name, len(self), type(error).__name__)
