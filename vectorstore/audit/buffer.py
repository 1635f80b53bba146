"""Records of reads, written in batches off the request's way."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from multiprocessing.util import Finalize

from django.db import close_old_connections

from vectorstore.audit.entry import Entry
from vectorstore.domain.errors import AuditUnavailable

log = logging.getLogger("vectorstore.audit")

LIMIT = 10_000
"""Records that may wait."""
BATCH = 500
EVERY_S = 0.25
_TELL_EVERY_S = 60.0


class Buffer:
    """``write`` takes a batch; a batch that cannot be written stays, in its place, and is tried again."""

    def __init__(self, write: Callable[[Sequence[Entry]], None]) -> None:
        self._write = write
        self._waiting: deque[Entry] = deque()
        self._changing = threading.Lock()
        self._flushing = threading.Lock()
        self._some = threading.Event()
        self._many = threading.Event()
        self._thread: threading.Thread | None = None
        self._dropped = 0
        self._told_at = float("-inf")

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, entry: Entry) -> bool:
        """False if there is no room."""
        with self._changing:
            count = len(self._waiting)
            if count >= LIMIT:
                return False
            self._waiting.append(entry)
        if count == 0:
            self._some.set()
        elif count + 1 == BATCH:
            self._many.set()
        return True

    def flush(self) -> None:
        """Write what waits, in this thread and, if it is in a transaction, within that.

        Raises:
            AuditUnavailable: what could not be written waits on.
        """
        with self._flushing:
            for _ in range(LIMIT // BATCH + 1):  # others may go on filling it
                with self._changing:  # a deque that grows cannot be iterated
                    batch = list(islice(self._waiting, BATCH))
                if not batch:
                    return
                self._write(batch)
                with self._changing:
                    for _ in batch:
                        self._waiting.popleft()

    def drop(self) -> None:
        """Count a record that is given up, and say so once a minute."""
        with self._changing:
            self._dropped += 1
            now = time.monotonic()
            if now - self._told_at < _TELL_EVERY_S:
                return
            dropped, self._dropped, self._told_at = self._dropped, 0, now
        log.error("%d reads were served without a record in the audit log: it cannot be written", dropped)

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
            self._thread = threading.Thread(target=self._keep_flushing, name="audit-flusher", daemon=True)
        self._thread.start()
        # Unlike atexit, this also runs at the end of a worker that multiprocessing forked.
        Finalize(None, self._flush_at_exit, exitpriority=10)

    def _keep_flushing(self) -> None:
        while True:
            self._some.wait()
            self._many.wait(EVERY_S)
            self._many.clear()
            self._some.clear()
            try:
                self.flush()
            except AuditUnavailable:
                time.sleep(EVERY_S)
            except Exception:
                log.exception("records of reads could not be written")
                time.sleep(EVERY_S)
            finally:
                close_old_connections()
            if self._waiting:
                self._some.set()

    def _flush_at_exit(self) -> None:
        try:
            self.flush()
        except Exception as error:
            log.error("%d records of reads are lost at exit: %s", len(self), type(error).__name__)
