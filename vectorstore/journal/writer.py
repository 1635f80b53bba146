"""Writing to the journal: one transaction and one fsync for all that the threads of a process want to write at once.

An entry is numbered and indexed in the database, then its frame goes to this process's segment file, and only when that
is on the disk does ``intend`` return. What became of it follows: an outcome's frame goes to the file at once, and into
the index with the next transaction. A commit that a power cut takes back is harmless: the entry is sent again, and
comes to the same.
"""

import logging
import os
import secrets
import threading
from collections.abc import Sequence
from datetime import timedelta
from multiprocessing.util import Finalize
from pathlib import Path

from django.conf import settings
from django.db import Error, close_old_connections, transaction
from django.utils import timezone

from vectorstore.config.settings import current
from vectorstore.domain.errors import JournalUnavailable
from vectorstore.journal.entry import Draft, Entry, frame_parts, row_of, void_parts
from vectorstore.journal.frame import OUTCOMES, Op
from vectorstore.journal.outcomes import Outcomes
from vectorstore.journal.segment import FrameParts, SegmentFile
from vectorstore.journal.sequence import next_moments, position
from vectorstore.models import JournalEntry, JournalSegment

log = logging.getLogger("vectorstore.journal")

SEAL_BYTES = 64 * 1024 * 1024
SEAL_AFTER_S = 60.0
_FLUSH_EVERY_S = 0.25


class _Ticket:
    __slots__ = ("drafts", "entries", "error")

    def __init__(self, drafts: Sequence[Draft]) -> None:
        self.drafts = drafts
        self.entries: list[Entry] | None = None
        self.error: JournalUnavailable | None = None


class Writer:
    """One for each process. ``folder`` holds the segments of all of them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._name = secrets.token_hex(8)
        self._number = 0
        self._file: SegmentFile | None = None
        self._segment: JournalSegment | None = None
        self._opened = timezone.now()
        self._last_seq = 0
        self._tickets: list[_Ticket] = []
        self._outcomes = Outcomes()
        self._voids: list[FrameParts] = []
        self._queueing = threading.Lock()
        self._writing = threading.RLock()
        self._thread: threading.Thread | None = None

    def intend(self, *drafts: Draft) -> list[Entry]:
        """Durable on return, in this order.

        Raises:
            JournalUnavailable: none of them was written.
        """
        mine = _Ticket(drafts)
        with self._queueing:
            self._tickets.append(mine)
        with self._writing:
            if mine.entries is None and mine.error is None:
                self._write_for_all()
        if mine.error is not None:
            raise mine.error
        self._ensure_thread()
        return mine.entries or []

    def resolve(self, seq: int, uid: str, op: Op) -> None:
        """What became of an entry. An ABORT is durable on return: what was refused must not come to life again.

        A COMMIT that meets a full disk is in the index only: without it the entry is sent again, and comes to the same.

        Raises:
            JournalUnavailable: an ABORT could not be written.
        """
        with self._writing:
            try:
                file, _ = self._current()
                file.append([(op, seq, timezone.now(), uid, {}, b"")], durable=op is Op.ABORT)
            except (OSError, Error) as error:
                log.error("the outcome of journal entry %d could not be written: %s", seq, error)
                if op is Op.ABORT:
                    raise JournalUnavailable("The journal cannot be written; see the gateway's log.") from error
            self._last_seq = max(self._last_seq, seq)
            self._outcomes.came({seq: OUTCOMES[op]})
            if op is Op.ABORT:
                self.flush()

    def doubt(self, seq: int) -> None:
        """Record that nobody knows what became of an entry: any process may find out, and none writes before."""
        try:
            JournalEntry.objects.filter(seq=seq).update(doubt=True, offset=self._outcomes.offset(seq))
            self._outcomes.left(seq)
        except Error as error:  # it is open in the index and in the file: the next start settles it
            log.error("entry %d is in doubt, which could not be recorded: %s", seq, error)

    def flush(self) -> None:
        """Bring the index up to date with the outcomes that are in the file."""
        with self._writing:
            try:
                with transaction.atomic():
                    written = self._outcomes.index()
            except Error as error:
                log.warning("the journal's index could not be written: %s", error)
                return
            self._outcomes.forget(written)

    def seal(self) -> None:
        """End the segment, so that it can be shipped; the next entry opens another.

        While entries have no outcome another one is open: that nobody holds it any more tells that they are in doubt.
        """
        with self._writing:
            self.flush()
            if self._file is None or self._segment is None:
                return
            file, segment = self._file, self._segment
            self._file = self._segment = None
            if self._outcomes.awaited:
                try:
                    self._current()
                except (OSError, Error) as error:
                    log.error("the segment %s stays open, as no other can be opened: %s", segment.name, error)
                    self._file, self._segment = file, segment
                    return
            try:
                digest = file.seal(timezone.now(), {"last_seq": self._last_seq}, self._voids)
                self._voids.clear()
                JournalSegment.objects.filter(pk=segment.pk).update(
                    sealed_at=timezone.now(), sha256=digest, size_bytes=file.size, last_seq=self._last_seq
                )
            except (OSError, Error) as error:  # whoever looks for the segments of dead writers seals it
                log.error("the segment %s could not be sealed: %s", segment.name, error)
            finally:
                file.close()

    def _write_for_all(self) -> None:
        with self._queueing:
            tickets, self._tickets = self._tickets, []
        try:
            entries = self._write([draft for ticket in tickets for draft in ticket.drafts])
        except (OSError, Error) as error:
            log.error("the journal cannot be written: %s", error)
            refusal = JournalUnavailable(
                "The journal cannot be written, so nothing was changed; see the gateway's log.", retry_after=2
            )
            for ticket in tickets:
                ticket.error = refusal
            return
        except BaseException:
            for ticket in tickets:
                ticket.error = JournalUnavailable("The write was ended before it was journalled; nothing was changed.")
            raise
        place = 0
        for ticket in tickets:
            ticket.entries = entries[place : place + len(ticket.drafts)]
            place += len(ticket.drafts)

    def _write(self, drafts: Sequence[Draft]) -> list[Entry]:
        file, segment = self._current()
        with transaction.atomic():
            moments = next_moments(len(drafts))
            written = self._outcomes.index()
            entries = [Entry(seq, at, draft) for (seq, at), draft in zip(moments, drafts, strict=True)]
            JournalEntry.objects.bulk_create(row_of(entry, segment) for entry in entries)
        self._outcomes.forget(written)
        self._last_seq = max(self._last_seq, entries[-1].seq)
        voids = list(self._voids)
        try:
            offsets = file.append([*voids, *(frame_parts(entry) for entry in entries)], durable=True)[len(voids) :]
        except BaseException:
            self._void(entries)
            raise
        self._voids.clear()
        self._outcomes.written(dict(zip((entry.seq for entry in entries), offsets, strict=True)))
        return entries

    def _void(self, entries: Sequence[Entry]) -> None:
        """Their numbers are taken, their frames are nowhere: the next frames that can be written say so."""
        self._voids += [void_parts(entry.seq, entry.at, entry.draft.uid) for entry in entries]
        self._outcomes.came({entry.seq: OUTCOMES[Op.VOID] for entry in entries})
        self.flush()

    def _current(self) -> tuple[SegmentFile, JournalSegment]:
        """The open segment; a new one where there is none, or the old one is full or old."""
        old = timezone.now() - self._opened > timedelta(seconds=SEAL_AFTER_S)
        if self._file is not None and (self._file.size >= SEAL_BYTES or old):
            self.seal()
        if self._file is None or self._segment is None:
            seq, at, timeline = position()
            name = f"{timeline:06d}/{seq + 1:020d}-{self._name}-{self._number:06d}.seg"
            file = SegmentFile(self._folder / name, at, {"writer": self._name, "number": self._number})
            try:
                self._segment = JournalSegment.objects.create(
                    name=name, writer=self._name, timeline=timeline, first_seq=seq + 1
                )
            except BaseException:
                file.close()
                (self._folder / name).unlink(missing_ok=True)
                raise
            self._file, self._opened = file, timezone.now()
            self._number += 1
        return self._file, self._segment

    def _ensure_thread(self) -> None:
        if self._thread is not None or not getattr(settings, "JOURNAL_FLUSHER", True):
            return
        with self._queueing:
            if self._thread is not None:
                return
            self._thread = threading.Thread(target=self._keep, name="journal-flusher", daemon=True)
        self._thread.start()
        Finalize(None, self.seal, exitpriority=10)  # unlike atexit, it also runs in a worker that was forked

    def _keep(self) -> None:
        pause = threading.Event()
        while not pause.wait(_FLUSH_EVERY_S):
            try:
                if self._outcomes.any:
                    self.flush()
                if self._file is not None and timezone.now() - self._opened > timedelta(seconds=SEAL_AFTER_S):
                    self.seal()
            except Exception:
                log.exception("the journal could not be brought up to date")
            finally:
                close_old_connections()

    def abandon(self) -> None:
        """Close what is open, unsealed, as the end of the process would; for tests."""
        with self._writing:
            if self._file is not None:
                self._file.close()
            self._file = self._segment = None
            self._outcomes = Outcomes()
            self._voids.clear()


_writer: Writer | None = None
_making = threading.Lock()


def folder() -> Path:
    """Where the segments are."""
    return current().data_dir / "journal"


def writer() -> Writer:
    """This process's."""
    global _writer
    with _making:
        if _writer is None:
            _writer = Writer(folder())
        return _writer


def discard() -> None:
    """Let go of this process's writer, as its end would; for tests."""
    global _writer
    with _making:
        if _writer is not None:
            _writer.abandon()
        _writer = None


def _begin_anew() -> None:
    """In a forked process: the file and its lock are the parent's."""
    global _writer, _making
    _making = threading.Lock()
    _writer = None


os.register_at_fork(after_in_child=_begin_anew)
