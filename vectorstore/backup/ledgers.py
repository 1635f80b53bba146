"""The ledger of a collection (``journal.ledger``), brought up to date from its base and the journal."""

from collections.abc import Callable, Iterator

from vectorstore.backup.history import source_of
from vectorstore.backup.merge import conform, live_rows
from vectorstore.backup.parts import never
from vectorstore.backup.place import BackupPlace
from vectorstore.config.settings import current
from vectorstore.domain.collection import Collection
from vectorstore.domain.errors import NotFound
from vectorstore.journal.changes import Change, Rows
from vectorstore.journal.ledger import Ledger, LedgerState
from vectorstore.journal.reading import changes_since, settle
from vectorstore.journal.sequence import position
from vectorstore.service.catalogue import KnownCollection


def up_to_date(
    known: KnownCollection,
    place: BackupPlace,
    until: int | None = None,
    check: Callable[[], None] = never,
) -> LedgerState | None:
    """The ledger, brought up to now or at least to ``until``; None where what the collection began with is not known.

    ``check`` (``Work.check``) is called for each piece that is read.
    """
    until = position()[0] if until is None else until
    settle([known.uid], until)
    ledger = ledger_of(known)

    def since(after: int) -> Iterator[tuple[int, Change]]:
        for item in changes_since(known.uid, after, until, place.locate):
            check()
            yield item[0], _with_fields(item[1], known.schema)

    if ledger.state() is not None:
        return ledger.advance(until, since)
    try:
        source = source_of(known.uid, until)
    except NotFound:
        return None
    changes = source.changes(place, check)
    return ledger.begin(until, (Rows(part, None) for part in live_rows(changes, known.schema, place.scratch)))


def ledger_of(known: KnownCollection) -> Ledger:
    return Ledger(current().data_dir / "ledger", known.uid, known.schema)


def _with_fields(change: Change, schema: Collection) -> Change:
    """Rows from before a field was added have its default, or null."""
    return Rows(conform(change, schema), None) if isinstance(change, Rows) else change
