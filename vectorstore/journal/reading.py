"""Reading the journal by its index: the changes of a collection, newest first, and whether all of it is there."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import orjson
from django.db.models import QuerySet

from vectorstore.domain.definition import Definition, from_json
from vectorstore.domain.errors import JournalBroken, WritesHeld
from vectorstore.journal.changes import Change, Cleared, Gone, Rows
from vectorstore.journal.frame import ENTRIES, BrokenFrame, Frame, Op, read_frame, read_frames
from vectorstore.journal.payload import unpack_keys, unpack_rows
from vectorstore.journal.segment import sha256_of
from vectorstore.journal.writer import folder, writer
from vectorstore.models import JournalEntry, JournalSegment

Locate = Callable[[JournalSegment], Path]
"""Where a segment can be read: it may have to be fetched first. Raises FileNotFoundError."""

_MOST_OPEN = 64
_SETTLE_S = 30.0
_TELL_S = 1.0


def local(segment: JournalSegment) -> Path:
    """A segment in this machine's journal folder."""
    path = folder() / segment.name
    if not path.is_file():
        raise FileNotFoundError(segment.name)
    return path


def settle(uids: Sequence[str], until: int, timeout: float = _SETTLE_S) -> None:
    """Wait until it is known what became of every entry up to ``until``.

    Raises:
        WritesHeld: of some it is still not known after ``timeout`` seconds.
    """
    ends = time.monotonic() + timeout
    while True:
        writer().flush()
        found = JournalEntry.objects.filter(uid__in=uids, seq__lte=until, state="open").first()
        if found is None:
            return
        if time.monotonic() > ends:
            raise WritesHeld(
                f"The write {found.seq} (request {found.request_id or 'unknown'}) is not settled yet; when Milvus"
                " answers again it is, and this can be repeated.",
                retry_after=5,
            )
        time.sleep(0.02)


def oldest_open(uids: Sequence[str], until: int) -> int:
    """The number of the first entry up to ``until`` of which it is not known what became of it; else ``until`` + 1."""
    writer().flush()
    found = JournalEntry.objects.filter(uid__in=uids, seq__lte=until, state="open").order_by("seq").first()
    return found.seq if found else until + 1


def changes(uid: str, after: int, until: int, locate: Locate = local) -> Iterator[Change]:
    """What the committed entries after ``after`` up to ``until`` changed, newest first.

    Raises:
        JournalBroken: a frame is missing or damaged; the changes before it in this order are good.
    """
    entries = JournalEntry.objects.filter(
        uid=uid, seq__gt=after, seq__lte=until, state="committed", op__in=("PUT", "DEL", "CLEAR")
    )
    with _Files(locate) as files:
        for entry in entries.select_related("segment").order_by("-seq").iterator(500):
            yield change_of(files.frame(entry))


def changes_since(uid: str, after: int, until: int, locate: Locate = local) -> Iterator[tuple[int, Change]]:
    """As ``changes``, oldest first, each with its number."""
    entries = JournalEntry.objects.filter(
        uid=uid, seq__gt=after, seq__lte=until, state="committed", op__in=("PUT", "DEL", "CLEAR")
    )
    with _Files(locate) as files:
        for entry in entries.select_related("segment").order_by("seq").iterator(500):
            yield entry.seq, change_of(files.frame(entry))


def change_of(frame: Frame) -> Change:
    """What an entry with rows, keys or a clearing says.

    Raises:
        ValueError: it is another one.
    """
    if frame.op is Op.PUT:
        return Rows(unpack_rows(frame.payload), frame.notes.get("partition", ""))
    if frame.op is Op.DEL:
        return Gone(unpack_keys(frame.payload))
    if frame.op is Op.CLEAR:
        return Cleared(frame.notes.get("partition"))
    raise ValueError(f"{frame.op.name} changes no rows")


def frame_of(seq: int, locate: Locate = local) -> Frame:
    """The frame of one entry.

    Raises:
        JournalBroken: it cannot be had.
    """
    with _Files(locate) as files:
        return files.frame(JournalEntry.objects.select_related("segment").get(seq=seq))


def await_definitions(until: int, uid: str = "") -> None:
    """Wait until the index says of the definitions up to ``until``, those of ``uid`` or all, what became of them.

    Their writers tell it within a quarter of a second; one that has died is waited for a second.
    """
    writer().flush()
    untold = JournalEntry.objects.filter(op="DEF", seq__lte=until, state="open")
    if uid:
        untold = untold.filter(uid=uid)
    ends = time.monotonic() + _TELL_S
    while untold.exists() and time.monotonic() < ends:
        time.sleep(0.02)


def definition_at(uid: str, until: int, locate: Locate = local) -> tuple[Definition, bool] | None:
    """How the collection was made up at entry ``until``, and whether it was dropped by then; None: not known."""
    await_definitions(until, uid)
    entry = JournalEntry.objects.filter(uid=uid, op="DEF", seq__lte=until, state="committed").order_by("-seq").first()
    if entry is None:
        return None
    frame = frame_of(entry.seq, locate)
    return from_json(orjson.loads(frame.payload)), bool(frame.notes.get("dropped"))


def check_chain(after: int, until: int, locate: Locate = local) -> None:
    """That every entry after ``after`` up to ``until`` is there and can be read.

    Raises:
        JournalBroken: naming the first that is not.
    """
    missing = first_missing(after, until)
    if missing is not None:
        raise JournalBroken(f"The journal has no entry {missing}; it can be used up to {missing - 1} only.")
    for segment in segments(after, until):
        wanted = segment.entries.filter(seq__gt=after, seq__lte=until).exclude(state="void")
        _check_segment(segment, set(wanted.values_list("seq", flat=True)), locate)


def first_missing(after: int, until: int) -> int | None:
    """The first number after ``after`` up to ``until`` that the index does not have."""
    seqs = JournalEntry.objects.filter(seq__gt=after, seq__lte=until).order_by("seq").values_list("seq", flat=True)
    expected = after + 1
    for seq in seqs.iterator(10_000):
        if seq != expected:
            break
        expected += 1
    return expected if expected <= until else None


def segments(after: int, until: int) -> QuerySet[JournalSegment]:
    """Those with entries after ``after`` up to ``until``."""
    return JournalSegment.objects.filter(entries__seq__gt=after, entries__seq__lte=until).distinct().order_by("id")


def _check_segment(segment: JournalSegment, wanted: set[int], locate: Locate) -> None:
    """That the entries ``wanted`` can be read; what is damaged behind the last of them does not matter."""
    if not wanted:
        return
    reason = "is not what was sealed"
    try:
        path = locate(segment)
        if segment.sealed_at is not None and sha256_of(path) == segment.sha256:
            return
        with path.open("rb") as file:
            for frame in read_frames(file):
                if frame.op in ENTRIES:
                    wanted.discard(frame.seq)
                if not wanted:
                    return
    except FileNotFoundError:
        reason = "is missing"
    except BrokenFrame as error:
        reason = f"is damaged {error}"
    first = min(wanted)
    raise JournalBroken(
        f"The segment {segment.name} {reason}: entry {first} cannot be read; the journal can be used up to {first - 1}"
        " only."
    )


class _Files:
    """Segments that are open for reading; at most ``_MOST_OPEN``."""

    def __init__(self, locate: Locate) -> None:
        self._locate = locate
        self._open: dict[int, BinaryIO] = {}
        self._stack = ExitStack()

    def __enter__(self) -> "_Files":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def frame(self, entry: JournalEntry) -> Frame:
        segment = entry.segment
        try:
            frame = self._frame(entry, self._file(segment))
        except FileNotFoundError:
            raise JournalBroken(f"The segment {segment.name} with entry {entry.seq} is missing.") from None
        except BrokenFrame as error:
            raise JournalBroken(f"Entry {entry.seq} is damaged in {segment.name} {error}.") from None
        if frame is None or frame.seq != entry.seq or frame.uid != entry.uid:
            raise JournalBroken(f"Entry {entry.seq} is not where it should be in {segment.name}.")
        return frame

    def _frame(self, entry: JournalEntry, file: BinaryIO) -> Frame | None:
        if entry.offset >= 0:
            return read_frame(file, entry.offset)
        # Its writer has not told the index yet.
        return next((frame for frame in read_frames(file) if frame.seq == entry.seq and frame.op in ENTRIES), None)

    def _file(self, segment: JournalSegment) -> BinaryIO:
        if segment.pk not in self._open:
            if len(self._open) >= _MOST_OPEN:
                self._stack.close()
                self._open.clear()
            self._open[segment.pk] = self._stack.enter_context(self._locate(segment).open("rb"))
        return self._open[segment.pk]
