"""Any number of rows, written in batches whose size follows what a batch takes, some of them at a time."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db import connections

Row = TypeVar("Row")

_FIRST_ROWS = 500
_LEAST_ROWS = 50
_BATCH_BYTES = 16 * 1024 * 1024
_TARGET_S = 0.5


@dataclass(frozen=True, slots=True)
class _Sent:
    """A batch on its way; ``start`` is the number of its first row, counted from 0."""

    start: int
    rows: int
    future: Future[float]


class BatchProcessor(Generic[Row]):
    """``write`` takes a batch, all or none of it, in a thread of its own.

    Batches grow while one takes less than half a second and shrink where it takes longer, up to ``most_rows`` and 16 MB
    by ``size_of``, the bytes of a row. ``at_once`` batches are under way and one more is held, whatever comes in all.
    """

    def __init__(
        self,
        write: Callable[[list[Row]], object],
        *,
        size_of: Callable[[Row], int],
        most_rows: int,
        at_once: int = 2,
    ) -> None:
        self._write, self._size_of, self._most, self._at_once = write, size_of, most_rows, at_once
        self.rows = min(_FIRST_ROWS, most_rows)
        """How many the next batch takes at the most."""

    def run(self, rows: Iterable[Row], progress: Callable[[int], None] | None = None) -> int:
        """Write all; returns how many. ``progress`` gets the number written so far, in the caller's thread.

        Raises:
            Exception: that of the first batch that failed, with a note of which rows are not written. No batch is begun
                after it.
        """
        under_way: deque[_Sent] = deque()
        start = done = 0
        with ThreadPoolExecutor(self._at_once, thread_name_prefix="batches") as pool:
            for batch in self._batches(rows):
                if len(under_way) == self._at_once:
                    done += self._ended(under_way, done)
                    _tell(progress, done)
                future = pool.submit(copy_context().run, self._timed, batch)
                under_way.append(_Sent(start, len(batch), future))
                start += len(batch)
            while under_way:
                done += self._ended(under_way, done)
                _tell(progress, done)
        return done

    def _batches(self, rows: Iterable[Row]) -> Iterator[list[Row]]:
        batch: list[Row] = []
        size = 0
        for row in rows:
            own = self._size_of(row)
            if batch and (len(batch) >= self.rows or size + own > _BATCH_BYTES):
                yield batch
                batch, size = [], 0
            batch.append(row)
            size += own
        if batch:
            yield batch

    def _timed(self, batch: list[Row]) -> float:
        began = time.monotonic()
        try:
            self._write(batch)
        finally:
            connections.close_all()  # the thread's own
        return time.monotonic() - began

    def _ended(self, under_way: deque[_Sent], done: int) -> int:
        """Wait for the oldest batch; returns its rows."""
        sent = under_way.popleft()
        try:
            took = sent.future.result()
        except Exception as error:
            failed = [sent, *(later for later in under_way if later.future.exception() is not None)]
            written = done + sum(later.rows for later in under_way if later not in failed)
            spans = ", ".join(f"{each.start} to {each.start + each.rows - 1}" for each in failed)
            error.add_note(f"{written} rows were written. Not written: rows {spans}, and all that come after these.")
            raise
        if took < _TARGET_S and sent.rows >= self.rows:
            self.rows = min(2 * self.rows, self._most)
        elif took > 2 * _TARGET_S:
            self.rows = max(self.rows // 2, min(_LEAST_ROWS, self._most))
        return sent.rows


def _tell(progress: Callable[[int], None] | None, done: int) -> None:
    if progress is not None:
        progress(done)
