"""The way of every write: the keys are locked, the journal has it, then Milvus.

What Milvus refuses is aborted in the journal. What has no clear answer stays in doubt, and until that is settled
(``service.redrive``) nothing else is written to the collection.
"""

import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from django.db import Error as DatabaseError
from django.db.models import Min, QuerySet

from vectorstore.domain.arrow import to_arrow
from vectorstore.domain.batch import Batch
from vectorstore.domain.errors import (
    Conflict,
    DeadlineExceeded,
    EngineFailed,
    JournalUnavailable,
    OutcomeUnknown,
    VectorStoreError,
    WritesHeld,
)
from vectorstore.domain.models import RowId
from vectorstore.journal import recovery
from vectorstore.journal.entry import Draft
from vectorstore.journal.frame import Op
from vectorstore.journal.locks import key_locks, lock_folder
from vectorstore.journal.payload import pack_keys, pack_rows
from vectorstore.journal.sequence import position
from vectorstore.journal.writer import writer
from vectorstore.models import JournalEntry
from vectorstore.monitoring import request_id
from vectorstore.optimization.shared_state import State, shared_state
from vectorstore.service.catalogue import KnownCollection, forget, look_up
from vectorstore.service.context import Scope
from vectorstore.service.definitions import ensure_recorded
from vectorstore.service.redrive import in_doubt, redrive

_UNCLEAR = (OutcomeUnknown, EngineFailed, DeadlineExceeded)
_LOOK_FOR_THE_DEAD_S = 2.0
_looked_at = float("-inf")


@contextmanager
def writing(
    scope: Scope, known: KnownCollection, keys: Sequence[RowId] | None
) -> Iterator[tuple[KnownCollection, State]]:
    """Hold the right to write ``keys`` (None: everything), with the collection as it is once that is held.

    Raises:
        Conflict: it was replaced by another one meanwhile.
        WritesHeld: a former write is in doubt, and Milvus does not answer.
        Overloaded: others held some of the keys for too long.
    """
    _end_the_dead()
    for _ in range(3):
        with key_locks(lock_folder(), known.uid, keys):
            doubtful = in_doubt(known)
            if doubtful is False:
                fresh, state = look_up(scope, known.schema.name)
                if fresh.uid != known.uid:
                    raise Conflict(f"The collection {known.schema.name} was replaced meanwhile; ask again.")
                ensure_recorded(scope, fresh, state)
                with _announced(scope, fresh):
                    yield dataclasses.replace(fresh, rows=known.rows, denied=known.denied), state
                return
        if doubtful is None:  # its record was deleted: it is adopted again, as another one
            forget(scope)
            known = dataclasses.replace(look_up(scope, known.schema.name)[0], rows=known.rows, denied=known.denied)
            continue
        with key_locks(lock_folder(), known.uid, None):
            write = shared_state().begin_write(scope.address(known.schema.name))
            redrive(scope, known)
            shared_state().settle(write)
    raise WritesHeld("Writes to the collection keep losing their answers; look at Milvus's log.", retry_after=5)


@contextmanager
def _announced(scope: Scope, known: KnownCollection) -> Iterator[None]:
    """No process keeps an answer while the body runs, and none finds one afterwards that was kept before.

    After a write without a clear outcome none is kept until it is settled, or for ten minutes.

    Raises:
        OutcomeUnknown: the other processes cannot be told that it is done.
    """
    write = shared_state().begin_write(scope.address(known.schema.name))
    clear = False
    try:
        yield
        clear = True
    except VectorStoreError as error:
        journalled_refusal = known.point_in_time and isinstance(error, EngineFailed)
        clear = journalled_refusal or not isinstance(error, _UNCLEAR)
        raise
    finally:
        try:
            shared_state().end_write(write, clear=clear)
        except DatabaseError as error:
            raise OutcomeUnknown(
                "The write has ended, and neither Redis nor the database takes the news that other processes need."
            ) from error


def settled_at(known: KnownCollection) -> int:
    """A sequence of the journal up to which every write to the collection has ended: a read sees them all."""
    before = position()[0]
    pending = JournalEntry.objects.filter(uid=known.uid, state="open").aggregate(first=Min("seq"))["first"]
    return before if pending is None else min(before, pending - 1)


def sent_since(known: KnownCollection, seq: int) -> QuerySet[JournalEntry]:
    """The entries after ``seq`` that have put rows into the collection, or may have."""
    entries = JournalEntry.objects.filter(uid=known.uid, seq__gt=seq, op="PUT")
    return entries.exclude(state__in=("aborted", "void"))


@contextmanager
def journalled(
    known: KnownCollection, draft: Draft, undone: Callable[[], bool] | None = None
) -> Iterator[Callable[[], None]]:
    """The journal has ``draft`` before the body runs, and what became of it afterwards.

    The body calls what it is given once Milvus has done a part: from then on a refusal leaves the write half done.
    ``undone`` looks whether nothing of it is in Milvus, where an answer leaves that open.

    Raises:
        JournalUnavailable: it cannot be written; the body has not run.
        OutcomeUnknown: the body's write has no clear outcome.
    """
    half_done = False

    def applied() -> None:
        nonlocal half_done
        half_done = True

    if not known.point_in_time:
        yield applied
        return
    (entry,) = writer().intend(draft)
    try:
        yield applied
    except VectorStoreError as error:
        refused = not half_done and not isinstance(error, _UNCLEAR)
        if refused or (isinstance(error, EngineFailed) and undone is not None and _sure(undone)):
            _abort(entry.seq, draft.uid)
            raise
        writer().doubt(entry.seq)
        if isinstance(error, OutcomeUnknown):
            raise
        raise OutcomeUnknown(
            f"Milvus did not do all of the write ({error.detail}) It will be sent again until it is done; until then"
            " the collection takes no other writes."
        ) from error
    except BaseException:
        writer().doubt(entry.seq)
        raise
    writer().resolve(entry.seq, draft.uid, Op.COMMIT)


def _sure(undone: Callable[[], bool]) -> bool:
    try:
        return undone()
    except VectorStoreError:
        return False


def _abort(seq: int, uid: str) -> None:
    try:
        writer().resolve(seq, uid, Op.ABORT)
    except JournalUnavailable:  # left open, it is sent again, and refused again
        writer().doubt(seq)


def put(known: KnownCollection, batch: Batch, partition: str, note: str, origin: str = "") -> Draft:
    """Rows to be there as a whole; ``note`` says by which act."""
    rows = pack_rows(to_arrow(batch, known.schema)) if known.point_in_time else b""
    notes = {"partition": partition, "by": note}
    return Draft(Op.PUT, known.uid, rows, batch.size, request_id.current.get(), notes, origin)


def gone(known: KnownCollection, keys: Sequence[RowId], note: str) -> Draft:
    """Keys to be gone."""
    packed = pack_keys(keys, known.schema.primary) if known.point_in_time else b""
    return Draft(Op.DEL, known.uid, packed, len(keys), request_id.current.get(), {"by": note})


def cleared(known: KnownCollection, partition: str | None, note: str) -> Draft:
    """All rows to be gone, or those of one partition."""
    return Draft(Op.CLEAR, known.uid, b"", 0, request_id.current.get(), {"partition": partition, "by": note})


def _end_the_dead() -> None:
    global _looked_at
    if time.monotonic() - _looked_at < _LOOK_FOR_THE_DEAD_S:
        return
    _looked_at = time.monotonic()
    recovery.end_the_dead()
