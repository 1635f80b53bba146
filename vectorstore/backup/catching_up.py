"""What was written to a collection since some entry, written to a copy of it too."""

from collections.abc import Callable

import pyarrow.compute as pc

from vectorstore.backup.merge import fold
from vectorstore.backup.place import BackupPlace
from vectorstore.domain.arrow import PARTITION, from_arrow
from vectorstore.journal.changes import Change, Cleared, Gone, Rows
from vectorstore.journal.reading import changes, settle
from vectorstore.journal.sequence import position
from vectorstore.models import JournalEntry
from vectorstore.service import row_calls
from vectorstore.service.catalogue import KnownCollection
from vectorstore.service.context import Scope

_MOST_ROWS = 50_000
"""In memory at once."""
_ROUNDS = 20
_FEW_ROWS = 500
"""So many are written in a moment; then it may be ended while nobody else writes."""


class CatchingUp:
    """``copy`` is the collection of the journal's ``uid`` as it was at entry ``after``, out of sight."""

    def __init__(self, scope: Scope, copy: KnownCollection, uid: str, after: int, place: BackupPlace) -> None:
        self._scope, self.copy, self._uid, self._place = scope, copy, uid, place
        self.after = after

    def nearly(self, check: Callable[[], None]) -> None:
        """Until little is left, or others write faster than this does."""
        for _ in range(_ROUNDS):
            if self._rows_after(position()[0]) <= _FEW_ROWS:
                return
            self.wholly(check)

    def wholly(self, check: Callable[[], None]) -> None:
        """Up to now.

        Raises:
            WritesHeld: of some entry it is not known what became of it.
        """
        until = position()[0]
        settle([self._uid], until)
        while self.after < until:
            check()
            step = self._step(until)
            found = fold(
                changes(self._uid, self.after, step, self._place.locate), self.copy.schema, self._place.scratch
            )
            for change in reversed(list(found)):  # what was cleared first, then what came to be
                self._apply(change)
            self.after = step

    def _rows_after(self, until: int) -> int:
        entries = JournalEntry.objects.filter(uid=self._uid, seq__gt=self.after, seq__lte=until)
        return sum(max(1, rows) for rows in entries.values_list("rows", flat=True))

    def _step(self, until: int) -> int:
        """The entry up to which there are not too many rows."""
        count = 0
        entries = JournalEntry.objects.filter(uid=self._uid, seq__gt=self.after, seq__lte=until).order_by("seq")
        for seq, rows in entries.values_list("seq", "rows").iterator(1_000):
            count += rows
            if count > _MOST_ROWS:
                return seq
        return until

    def _apply(self, change: Change) -> None:
        scope, copy = self._scope, self.copy
        match change:
            case Cleared(partition=None):
                row_calls.truncate(scope, copy)
            case Cleared(partition=str(partition)):
                if partition in copy.partitions:
                    row_calls.delete(scope, copy, row_calls.matching(scope, copy, None, partition))
            case Gone(keys=keys):
                row_calls.delete(scope, copy, keys)
            case Rows(columns=rows):
                keyed = any(field.partition_key for field in copy.schema.fields)
                named = rows.column(PARTITION)
                for partition in [""] if keyed else pc.unique(named).to_pylist():
                    part = rows if keyed else rows.filter(pc.equal(named, partition))
                    target = partition if partition in copy.partitions and len(copy.partitions) > 1 else ""
                    row_calls.replace(scope, copy, from_arrow(part, copy.schema), target)
