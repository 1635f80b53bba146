"""Rows in batches, several at a time."""

import threading
from collections.abc import Iterator
from contextvars import ContextVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vectorstore.domain.errors import EngineFailed
from vectorstore.optimization import batch_processor
from vectorstore.optimization.batch_processor import BatchProcessor

SIZE = 1_000


class Sink:
    """Keeps what it is given, except a batch with one of ``refused``."""

    def __init__(self, *refused: int) -> None:
        self._lock = threading.Lock()
        self._refused = set(refused)
        self.batches: list[list[int]] = []

    def __call__(self, batch: list[int]) -> None:
        if self._refused & set(batch):
            raise EngineFailed("The engine refuses one of these.")
        with self._lock:
            self.batches.append(batch)

    @property
    def rows(self) -> list[int]:
        return sorted(row for batch in self.batches for row in batch)


def processor(sink: Sink, *, most_rows: int = 2_000, size: int = SIZE, at_once: int = 2) -> BatchProcessor[int]:
    return BatchProcessor(sink, size_of=lambda row: size, most_rows=most_rows, at_once=at_once)


def test_all_rows_are_written_and_told() -> None:
    sink, told = Sink(), list[int]()
    assert processor(sink).run(iter(range(10_123)), told.append) == 10_123
    assert sink.rows == list(range(10_123))
    assert told == sorted(told)
    assert told[-1] == 10_123


def test_batches_grow_while_they_are_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_processor, "_TARGET_S", 60.0)
    sink = Sink()
    processor(sink).run(range(20_000))
    assert max(len(batch) for batch in sink.batches) == 2_000


def test_batches_shrink_while_they_are_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_processor, "_TARGET_S", 0.0)
    sink = Sink()
    made = processor(sink)
    made.run(range(5_000))
    assert made.rows == 50
    assert min(len(batch) for batch in sink.batches[:-1]) == 50


def test_large_rows_make_small_batches() -> None:
    sink = Sink()
    processor(sink, size=5 * 1024 * 1024).run(range(10))
    assert {len(batch) for batch in sink.batches} == {3, 1}
    alone = Sink()
    processor(alone, size=100 * 1024 * 1024).run(range(3))
    assert {len(batch) for batch in alone.batches} == {1}


def test_no_more_is_held_than_what_is_under_way_and_one_batch() -> None:
    """However many rows there are, and however slow the engine is."""
    taken, going_on = 0, threading.Event()

    def rows() -> Iterator[int]:
        nonlocal taken
        for number in range(100_000):
            taken += 1
            if taken == 1_501:  # two of 500 are under way, the third is full, and this one is in no batch yet
                going_on.set()
            yield number

    def write(batch: list[int]) -> None:
        assert going_on.wait(30)
        assert taken <= written + 3 * made.rows + 1

    written = 0

    def told(number: int) -> None:
        nonlocal written
        written = number

    made: BatchProcessor[int] = BatchProcessor(write, size_of=lambda row: SIZE, most_rows=500, at_once=2)
    assert made.run(rows(), told) == 100_000


def test_a_refused_batch_ends_it_and_the_error_says_what_is_missing() -> None:
    sink = Sink(2_600)
    with pytest.raises(EngineFailed) as caught:
        processor(sink, most_rows=500).run(range(100_000))
    (note,) = caught.value.__notes__
    assert "Not written: rows 2500 to 2999, and all that come after these." in note
    assert note.startswith(f"{len(sink.rows)} rows were written.")
    assert set(sink.rows) >= set(range(2_500))
    assert max(sink.rows) < 4_000


def test_rows_that_cannot_be_read_end_it_once_what_was_sent_is_done() -> None:
    def rows() -> Iterator[int]:
        yield from range(1_500)
        raise OSError("the disk is gone")

    sink = Sink()
    with pytest.raises(OSError, match="the disk is gone"):
        processor(sink, most_rows=500).run(rows())
    assert sink.rows in (list(range(1_000)), list(range(1_500)))


def test_writers_know_the_request_they_write_for() -> None:
    current: ContextVar[str] = ContextVar("current", default="")
    current.set("mine")
    seen: set[str] = set()
    BatchProcessor(lambda batch: seen.add(current.get()), size_of=lambda row: 1, most_rows=10).run(range(100))
    assert seen == {"mine"}


@settings(deadline=None, max_examples=50)
@given(count=st.integers(0, 3_000), most=st.integers(1, 700), at_once=st.integers(1, 4), bad=st.integers(0, 4_000))
def test_what_is_written_is_what_is_said(count: int, most: int, at_once: int, bad: int) -> None:
    sink = Sink(bad)
    made = processor(sink, most_rows=most, at_once=at_once)
    if bad >= count:
        assert made.run(range(count)) == count
        assert sink.rows == list(range(count))
        return
    with pytest.raises(EngineFailed) as caught:
        made.run(range(count))
    assert caught.value.__notes__[0].startswith(f"{len(sink.rows)} rows were written.")
    assert len(set(sink.rows)) == len(sink.rows)
    assert bad not in sink.rows
