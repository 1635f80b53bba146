"""What became of entries, and where their frames are, until the index has been told."""

import threading
from collections.abc import Iterable, Mapping

from vectorstore.journal.entry import NOT_HERE
from vectorstore.models import JournalEntry


class Outcomes:
    """Thread-safe. Of the entries of one writer, and of those of others that came to their end here."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._offsets: dict[int, int] = {}
        self._states: dict[int, str] = {}

    @property
    def any(self) -> bool:
        """Whether the index is behind."""
        return bool(self._states)

    @property
    def awaited(self) -> bool:
        """Whether entries of this writer have no outcome that the index knows."""
        return bool(self._offsets)

    def written(self, offsets: Mapping[int, int]) -> None:
        """The frames of new entries, by number, are at these offsets."""
        with self._lock:
            self._offsets.update(offsets)

    def came(self, states: Mapping[int, str]) -> None:
        with self._lock:
            self._states.update(states)

    def offset(self, seq: int) -> int:
        with self._lock:
            return self._offsets.get(seq, NOT_HERE)

    def left(self, seq: int) -> None:
        """The entry is in doubt, and no longer awaited here."""
        with self._lock:
            self._offsets.pop(seq, None)

    def index(self) -> list[int]:
        """Tell the index, within a transaction; returns the numbers that can be forgotten once that is committed."""
        with self._lock:
            rows = [
                JournalEntry(seq=seq, state=state, offset=self._offsets.get(seq, NOT_HERE))
                for seq, state in self._states.items()
            ]
        here = [row for row in rows if row.offset != NOT_HERE]
        JournalEntry.objects.bulk_update(here, ["state", "offset", "doubt"], batch_size=500)
        for row in rows:
            if row.offset == NOT_HERE:  # the entry of another process, which came to its end here
                JournalEntry.objects.filter(seq=row.seq).update(state=row.state, doubt=False)
        return [row.seq for row in rows]

    def forget(self, seqs: Iterable[int]) -> None:
        with self._lock:
            for seq in seqs:
                self._states.pop(seq, None)
                self._offsets.pop(seq, None)
