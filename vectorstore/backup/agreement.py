"""The rows that a backup has read compared with those that the collection should have, before the set is sealed.

The journal's ledger says it exactly, at whatever entry, however busy the collection is. Where the two differ, either
Milvus gave other rows than it holds: then there is no set. Or others wrote around the gateway: then there is one, which
says that it holds what Milvus held.
"""

from collections.abc import Callable
from dataclasses import dataclass

from vectorstore.adapters.read_calls import RowQuery
from vectorstore.backup.history import newest_set
from vectorstore.backup.ledgers import ledger_of, up_to_date
from vectorstore.backup.place import BackupPlace
from vectorstore.backup.writer import CollectionWriter
from vectorstore.domain.digest import RunningDigest
from vectorstore.domain.errors import BackupDamaged, BackupKeyMissing, EngineFailed, JournalBroken, NotFound
from vectorstore.domain.models import Consistency
from vectorstore.journal.changes import Rows
from vectorstore.journal.ledger import LedgerState
from vectorstore.journal.reading import changes
from vectorstore.models import CollectionRecord, Drift, JournalEntry
from vectorstore.optimization.shared_state import shared_state
from vectorstore.service.catalogue import KnownCollection
from vectorstore.service.context import Scope
from vectorstore.service.write_path import writing

_STRONG = RowQuery(expression="", output_fields=[], consistency=Consistency.STRONG)


@dataclass(frozen=True, slots=True)
class Counted:
    """What Milvus counts, and the time of the gateway's last write then (0: not known): for what no journal says."""

    rows: int
    written: int


def count(scope: Scope, known: KnownCollection) -> Counted:
    written = shared_state().read(scope.address(known.schema.name)).written
    return Counted(known.engine.adapter.count(scope.database, known.schema, _STRONG), written)


def doubt_without_journal(scope: Scope, known: KnownCollection, before: Counted, read: RunningDigest) -> str:
    """Why the rows may not be all; empty where their number is one that the collection has had.

    Raises:
        EngineFailed: nobody has written since ``before``, and Milvus counts other rows than it gave.
    """
    now = count(scope, known)
    if min(before.rows, now.rows) <= read.rows <= max(before.rows, now.rows):
        return ""
    if now == before:
        raise _other_rows(known, now.rows, read.rows)
    return (
        f"{read.rows} rows of {known.schema.name} were read; Milvus counted {before.rows} before and {now.rows}"
        " afterwards, and others were written meanwhile. Back it up when fewer writes are under way."
    )


@dataclass(frozen=True, slots=True)
class Agreement:
    """``made`` holds the collection as it was at entry ``until``, up to which every outcome is known."""

    scope: Scope
    known: KnownCollection
    made: CollectionWriter
    until: int
    place: BackupPlace
    check: Callable[[], None]

    def doubt(self, read: RunningDigest) -> str:
        """What is to be said of rows that are Milvus's and not the journal's; empty where the two agree.

        Raises:
            EngineFailed: Milvus holds other rows than it gave.
        """
        if not self._has_ledger():
            self._begin(read)
            return ""
        state = ledger_of(self.known).placed_state(self.check)
        if state.seq != self.until and touched(self.known.uid, self.until, state.seq):
            read = self.made.count(changes(self.known.uid, self.until, state.seq, self.place.locate))
        if (read.rows, read.hex) == (state.rows, state.digest):
            return ""
        once = self.made.count(changes(self.known.uid, self.until, state.seq, self.place.locate))
        there, ours = self._now()
        if once.rows != read.rows or there - ours != read.rows - state.rows:
            raise _other_rows(self.known, there - ours + state.rows, read.rows)
        self._tell(state, read)
        return (
            f"Milvus has {read.rows} rows of {self.known.schema.name} and the journal {state.rows}, or they are not the"
            " same: others wrote around the gateway. The backup holds what Milvus held. Adopt or revert the drift."
        )

    def _has_ledger(self) -> bool:
        """Not where the journal or the set before is damaged: this one is a new base."""
        try:
            return up_to_date(self.known, self.place, self.until, self.check) is not None
        except (JournalBroken, BackupDamaged, BackupKeyMissing, NotFound):
            return False

    def _begin(self, read: RunningDigest) -> None:
        """What the collection began with was not known: it is what was read, if Milvus counts as many."""
        ledger = ledger_of(self.known)
        ledger.begin(self.until, (Rows(part, None) for part in self.made.rows()))
        there, ours = self._now()
        if there != ours:
            ledger.forget()
            raise _other_rows(self.known, there - ours + read.rows, read.rows)

    def _now(self) -> tuple[int, int]:
        """The rows that Milvus counts and those of the journal, while nobody writes."""
        up_to_date(self.known, self.place, None, self.check)  # so that others wait a moment only
        with writing(self.scope, self.known, None):
            ours = up_to_date(self.known, self.place)
            there = self.known.engine.adapter.count(self.scope.database, self.known.schema, _STRONG)
        return there, ours.rows if ours is not None else there

    def _tell(self, state: LedgerState, read: RunningDigest) -> None:
        """The drift is shown as any other; it began after the last set that was compared."""
        uid, schema = self.known.uid, self.known.schema
        if Drift.objects.filter(uid=uid, resolved_at=None).exists():
            return
        last = newest_set(uid, self.until)
        born = CollectionRecord.objects.values_list("created_at", flat=True).get(pk=self.known.record_id)
        Drift.objects.create(
            uid=uid,
            cluster=self.scope.cluster,
            database=self.scope.database,
            collection=schema.name,
            kind="rows",
            expected=state.rows,
            found=read.rows,
            detail=f"a backup read {read.rows} rows, the journal has {state.rows}, or they are not the same",
            since=(last.end_at if last else None) or born,
        )


def touched(uid: str, after: int, until: int) -> bool:
    """Whether rows were written after entry ``after``, up to ``until``."""
    found = JournalEntry.objects.filter(uid=uid, seq__gt=after, seq__lte=until, op__in=("PUT", "DEL", "CLEAR"))
    return found.exclude(state__in=("aborted", "void")).exists()


def _other_rows(known: KnownCollection, there: int, read: int) -> EngineFailed:
    return EngineFailed(
        f"Milvus has {there} rows of {known.schema.name} and gave {read}: it left some out, or gave some twice."
        " Nothing was kept; try again."
    )
