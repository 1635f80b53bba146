"""Writes whose outcome nobody knows, sent again: the same image comes to the same rows.

The caller holds the locks of the whole collection.
"""

import logging
from collections.abc import Sequence

import pyarrow as pa
from django.db.models import Exists

from vectorstore.adapters.read_calls import RowQuery
from vectorstore.domain.arrow import from_arrow, to_arrow
from vectorstore.domain.batch import Batch
from vectorstore.domain.errors import (
    Conflict,
    DeadlineExceeded,
    EngineUnavailable,
    NotFound,
    OutcomeUnknown,
    Overloaded,
    VectorStoreError,
    WritesHeld,
)
from vectorstore.domain.filters import ids_in, serialise
from vectorstore.domain.models import Consistency, RowId
from vectorstore.journal.changes import Change, Gone, Rows
from vectorstore.journal.entry import Draft
from vectorstore.journal.frame import TOLD, Frame, Op
from vectorstore.journal.payload import pack_keys, pack_rows
from vectorstore.journal.reading import change_of, frame_of
from vectorstore.journal.writer import writer
from vectorstore.models import CollectionRecord, JournalEntry
from vectorstore.optimization.shared_state import shared_state
from vectorstore.service import row_calls
from vectorstore.service.catalogue import KnownCollection, look_up
from vectorstore.service.context import Scope

log = logging.getLogger("vectorstore.journal")

_NO_ANSWER = (OutcomeUnknown, EngineUnavailable, DeadlineExceeded, Overloaded)


def in_doubt(known: KnownCollection) -> bool | None:
    """Whether a write to the collection is in doubt; None where it is no longer on record."""
    doubts = JournalEntry.objects.filter(uid=known.uid, state="open", doubt=True)
    record = CollectionRecord.objects.filter(pk=known.record_id, uid=known.uid)
    return record.annotate(doubtful=Exists(doubts)).values_list("doubtful", flat=True).first()


def redrive(scope: Scope, known: KnownCollection) -> None:
    """Settle every write of the collection that is in doubt, oldest first.

    Raises:
        WritesHeld: Milvus does not answer.
        Conflict: another collection has the name now.
        NotFound: it was dropped.
    """
    fresh = look_up(scope, known.schema.name)[0].whole
    if fresh.uid != known.uid:
        raise Conflict(f"The collection {known.schema.name} was replaced meanwhile; ask again.")
    for entry in JournalEntry.objects.filter(uid=known.uid, state="open", doubt=True).order_by("seq"):
        frame = frame_of(entry.seq)
        outcome = Op.COMMIT
        try:
            if frame.op not in TOLD:
                _again(scope, fresh, frame)
        except NotFound:  # the collection or the partition was dropped since: the rows are gone with it
            outcome = Op.ABORT
        except _NO_ANSWER as error:
            raise WritesHeld(
                f"A former write (request {entry.request_id or 'unknown'}) has no outcome yet and Milvus does not"
                " answer; the collection takes no writes until it does.",
                retry_after=2,
            ) from error
        except VectorStoreError as error:
            log.warning("entry %d is refused when it is sent again: %s", entry.seq, error.detail)
            _take_as_it_is(scope, fresh, frame)
            outcome = Op.ABORT
        writer().resolve(entry.seq, known.uid, outcome)
        writer().flush()
        log.info("entry %d is settled: %s", entry.seq, outcome.name)


def _again(scope: Scope, known: KnownCollection, frame: Frame) -> None:
    """Without the keys that a later entry has decided."""
    change, later = change_of(frame), _later_keys(known, frame.seq)
    if isinstance(change, Rows):
        batch = _without(change.columns, known, later)
        if batch.size:
            row_calls.replace(scope, known, batch, str(change.partition or ""))
    elif isinstance(change, Gone):
        row_calls.delete(scope, known, [key for key in change.keys if key not in later])
    elif not change.partition or change.partition in known.engine.adapter.list_partitions(
        scope.database, known.schema.name
    ):
        there = row_calls.matching(scope, known, None, change.partition or "")
        row_calls.delete(scope, known, [key for key in there if key not in later])


def _later_keys(known: KnownCollection, seq: int) -> set[RowId]:
    found: set[RowId] = set()
    later = JournalEntry.objects.filter(uid=known.uid, seq__gt=seq, op__in=("PUT", "DEL")).exclude(
        state__in=("aborted", "void")
    )
    for number in later.values_list("seq", flat=True):
        found.update(_keys_of(change_of(frame_of(number)), known))
    return found


def _keys_of(change: Change, known: KnownCollection) -> Sequence[RowId]:
    if isinstance(change, Rows):
        keys: Sequence[RowId] = change.columns.column(known.schema.primary.name).to_pylist()
        return keys
    return change.keys if isinstance(change, Gone) else []


def _without(rows: pa.RecordBatch, known: KnownCollection, keys: set[RowId]) -> Batch:
    if keys:
        primary = rows.column(known.schema.primary.name).to_pylist()
        rows = rows.filter(pa.array([key not in keys for key in primary]))
    return from_arrow(rows, known.schema)


def _take_as_it_is(scope: Scope, known: KnownCollection, frame: Frame) -> None:
    """Milvus refuses the write for good, and may have done a part: the journal gets what is there instead."""
    later = _later_keys(known, frame.seq)
    keys = [key for key in _keys_of(change_of(frame), known) if key not in later]
    if not keys:
        return
    expression = serialise(ids_in(known.schema.primary, keys))
    query = RowQuery(expression=expression, output_fields=[], consistency=Consistency.STRONG)
    drafts, present = [], set()
    for partition in known.partitions if len(known.partitions) > 1 else ("",):
        for batch in known.engine.adapter.scan(scope.database, known.schema, row_calls.in_partition(query, partition)):
            present.update(batch.ids)
            rows = pack_rows(to_arrow(batch, known.schema))
            drafts.append(Draft(Op.PUT, known.uid, rows, batch.size, "", {"partition": partition, "by": "mended"}))
    absent = [key for key in keys if key not in present]
    if absent:
        packed = pack_keys(absent, known.schema.primary)
        drafts.append(Draft(Op.DEL, known.uid, packed, len(absent), "", {"by": "mended"}))
    for entry in writer().intend(*drafts):
        writer().resolve(entry.seq, known.uid, Op.COMMIT)
    shared_state().wrote(scope.address(known.schema.name), known.engine.adapter.now())
