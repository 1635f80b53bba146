"""What Milvus holds compared with what the journal says: by count, by a sample of key ranges, by schema.

What is found is adopted (Milvus is right: the journal gets the differences) or reverted (the journal is right).
"""

import logging
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa
from django.utils import timezone

from vectorstore.adapters.read_calls import RowQuery
from vectorstore.backup import agreed
from vectorstore.backup.history import source_of
from vectorstore.backup.ledgers import ledger_of, up_to_date
from vectorstore.backup.merge import live_rows
from vectorstore.backup.place import BackupPlace
from vectorstore.backup.shipping import anywhere
from vectorstore.domain.arrow import PARTITION, from_arrow, to_arrow
from vectorstore.domain.digest import RowHasher, row_hashes
from vectorstore.domain.errors import Conflict, NotFound
from vectorstore.domain.models import Consistency, LoadState, RowId
from vectorstore.journal.entry import Draft
from vectorstore.journal.frame import Op
from vectorstore.journal.ledger import LedgerState
from vectorstore.journal.payload import pack_keys, pack_rows
from vectorstore.journal.reading import definition_at
from vectorstore.journal.sequence import position
from vectorstore.journal.writer import writer
from vectorstore.models import Drift, JournalEntry
from vectorstore.service import row_calls
from vectorstore.service.catalogue import KnownCollection, forget, look_up
from vectorstore.service.context import Scope
from vectorstore.service.definitions import definition_of
from vectorstore.service.write_path import writing

log = logging.getLogger("vectorstore.backup")

SAMPLE_ROWS = 2_000
_STRONG = RowQuery(expression="", output_fields=[], consistency=Consistency.STRONG)


@dataclass(slots=True)
class Differences:
    """By key: rows that only Milvus has, that only the journal has, and that are not the same."""

    extra: list[RowId] = field(default_factory=list)
    missing: list[RowId] = field(default_factory=list)
    changed: list[RowId] = field(default_factory=list)

    @property
    def any(self) -> bool:
        return bool(self.extra or self.missing or self.changed)

    def __str__(self) -> str:
        return f"{len(self.extra)} rows more, {len(self.missing)} rows less, {len(self.changed)} rows changed"


def look(scope: Scope, name: str, place: BackupPlace) -> Drift | None:
    """Compare count, schema and a sample; returns the drift that is open afterwards, if there is one.

    While writes go on it may not be possible to say: then nothing is found.
    """
    known = _as_it_is(scope, name)
    loaded = known.engine.adapter.load_state(scope.database, known.schema.name)[0] is LoadState.LOADED
    began = position()[1]
    state = up_to_date(known, place) if known.point_in_time and loaded else None
    if state is None:
        return None
    what: agreed.What = "count"
    problem = _schema(scope, known) or _count(scope, known, state)
    if problem is None and not _moved(known.uid, state.seq):
        agreed.note(known.uid, began, "count")
        what, problem = "rows", _sample(scope, known, state, began)
    still = Drift.objects.filter(uid=known.uid, resolved_at=None).first()
    if problem is None or still is not None or _moved(known.uid, state.seq):
        return still
    kind, found, detail = problem
    log.warning("writes to %s bypassed the gateway: %s", name, detail)
    return Drift.objects.create(
        uid=known.uid,
        cluster=scope.cluster,
        database=scope.database,
        collection=known.schema.name,
        kind=kind,
        expected=state.rows,
        found=found,
        detail=detail,
        since=agreed.since(known.uid, what),
    )


def compare(
    scope: Scope, known: KnownCollection, after: RowId | None = None, until: RowId | None = None
) -> Differences:
    """Milvus and the ledger, key by key, within a range of keys."""
    found = Differences()
    ours = ledger_of(known).hashes(after, until)
    mine = next(ours, None)
    for key, value in _hashes(scope, known, after, until):
        while mine is not None and _before(mine[0], key):
            found.missing.append(mine[0])
            mine = next(ours, None)
        if mine is None or mine[0] != key:
            found.extra.append(key)
            continue
        if mine[1] != value:
            found.changed.append(key)
        mine = next(ours, None)
    while mine is not None:
        found.missing.append(mine[0])
        mine = next(ours, None)
    return found


def adopt(scope: Scope, name: str, place: BackupPlace) -> Differences:
    """Milvus is right: the journal gets what it lacks."""
    began = position()[1]
    with writing(scope, _as_it_is(scope, name), None) as (known, _):
        known = known.whole
        found = _all(scope, known, place)
        for part in _rows_of_engine(scope, known, [*found.extra, *found.changed]):
            _record(Draft(Op.PUT, known.uid, pack_rows(part), part.num_rows, "", {"partition": None, "by": "adopted"}))
        if found.missing:
            packed = pack_keys(found.missing, known.schema.primary)
            _record(Draft(Op.DEL, known.uid, packed, len(found.missing), "", {"by": "adopted"}))
    _resolve(known.uid, "adopted", began)
    return found


def revert(scope: Scope, name: str, place: BackupPlace) -> Differences:
    """The journal is right: Milvus gets what it lacks and loses what it should not have.

    Raises:
        Conflict: fields were added or dropped.
    """
    began = position()[1]
    with writing(scope, _as_it_is(scope, name), None) as (known, _):
        known = known.whole
        if Drift.objects.filter(uid=known.uid, kind="schema", resolved_at=None).exists():
            raise Conflict(f"The fields of {known.schema.name} were changed around the gateway: adopt that.")
        found = _all(scope, known, place)
        row_calls.delete(scope, known, found.extra)
        wanted = {*found.missing, *found.changed}
        for part in _rows_of_journal(known, wanted, place):
            for partition in dict.fromkeys(part.column(PARTITION).to_pylist()):
                rows = part.filter(pa.compute.equal(part.column(PARTITION), partition))
                row_calls.replace(scope, known, from_arrow(rows, known.schema), _place(known, partition))
    _resolve(known.uid, "reverted", began)
    return found


def tainted(uid: str) -> list[tuple[datetime, datetime]]:
    """Stretches of time in which nobody knows what the collection held; what was reverted is as the journal says."""
    now = timezone.now()
    drifts = Drift.objects.filter(uid=uid, kind="rows").exclude(resolution="reverted")
    return [(drift.since or drift.found_at, drift.resolved_at or now) for drift in drifts]


def _as_it_is(scope: Scope, name: str) -> KnownCollection:
    """The collection with the fields that Milvus says now: no change around the gateway tells it to forget."""
    known = look_up(scope, name)[0]
    there = known.engine.adapter.describe_collection(scope.database, known.schema.name).schema
    if [field.name for field in there.fields] != [field.name for field in known.schema.fields]:
        forget(scope)
        known = look_up(scope, name)[0]
    return known.whole


def _all(scope: Scope, known: KnownCollection, place: BackupPlace) -> Differences:
    """The caller holds the locks, so that nothing moves."""
    if up_to_date(known, place) is None:
        raise NotFound(f"It is not known what {known.schema.name} should hold; make a backup first.")
    return compare(scope, known)


def _schema(scope: Scope, known: KnownCollection) -> tuple[str, int | None, str] | None:
    last = definition_at(known.uid, position()[0], anywhere)
    if last is None:
        return None
    there = {field.name for field in definition_of(scope, known).schema.fields}
    recorded = {field.name for field in last[0].schema.fields}
    if there == recorded:
        return None
    return "schema", None, f"fields {', '.join(sorted(there ^ recorded))} were added or dropped around the gateway"


def _count(scope: Scope, known: KnownCollection, state: LedgerState) -> tuple[str, int | None, str] | None:
    found = known.engine.adapter.count(scope.database, known.schema, _STRONG)
    if found == state.rows or _moved(known.uid, state.seq):
        return None
    return "rows", found, f"Milvus has {found} rows, the journal {state.rows}"


def _sample(
    scope: Scope, known: KnownCollection, state: LedgerState, began: datetime
) -> tuple[str, int | None, str] | None:
    """A random stretch of the keys: all of them get their turn in time."""
    ledger = ledger_of(known)
    start = random.randrange(max(1, state.rows - SAMPLE_ROWS + 1))
    after = ledger.key_at(start - 1) if start else None
    until = ledger.key_at(start + SAMPLE_ROWS)
    found = compare(scope, known, after, until)
    if _moved(known.uid, state.seq):
        return None
    if not found.any:
        if after is None and until is None:
            agreed.note(known.uid, began, "rows")
        return None
    return "rows", state.rows, f"in a sample: {found}"


def _moved(uid: str, seq: int) -> bool:
    """Whether the gateway has written meanwhile."""
    return JournalEntry.objects.filter(uid=uid, seq__gt=seq, op__in=("PUT", "DEL", "CLEAR")).exists()


def _hashes(
    scope: Scope, known: KnownCollection, after: RowId | None, until: RowId | None
) -> Iterator[tuple[RowId, bytes]]:
    hasher = RowHasher(known.schema)
    for batch in known.engine.adapter.scan(scope.database, known.schema, _STRONG, after=after, until=until):
        yield from sorted(
            zip(batch.ids, row_hashes(hasher.hashes(to_arrow(batch, known.schema))), strict=True), key=_key
        )


def _key(item: tuple[RowId, bytes]) -> bytes | int:
    return item[0].encode() if isinstance(item[0], str) else item[0]


def _before(left: RowId, right: RowId) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        return left.encode() < right.encode()
    return left < right  # type: ignore[operator]


def _rows_of_engine(scope: Scope, known: KnownCollection, keys: list[RowId]) -> Iterator[pa.RecordBatch]:
    wanted = set(keys)
    keyed = any(item.partition_key for item in known.schema.fields)
    for partition in [""] if keyed or len(known.partitions) < 2 else known.partitions:
        query = row_calls.in_partition(_STRONG, partition)
        for batch in known.engine.adapter.scan(scope.database, known.schema, query) if wanted else ():
            rows = to_arrow(batch, known.schema).filter(pa.array([key in wanted for key in batch.ids]))
            if rows.num_rows:
                yield rows.append_column(PARTITION, pa.repeat(pa.scalar(partition, pa.string()), rows.num_rows))


def _rows_of_journal(known: KnownCollection, keys: set[RowId], place: BackupPlace) -> Iterator[pa.RecordBatch]:
    if not keys:
        return
    source = source_of(known.uid, position()[0])
    changes = source.changes(place)
    for rows in live_rows(changes, known.schema, place.scratch):
        part = rows.filter(pa.array([key in keys for key in rows.column(known.schema.primary.name).to_pylist()]))
        if part.num_rows:
            yield part


def _place(known: KnownCollection, partition: str) -> str:
    return partition if partition in known.partitions and len(known.partitions) > 1 else ""


def _record(draft: Draft) -> None:
    (entry,) = writer().intend(draft)
    writer().resolve(entry.seq, draft.uid, Op.COMMIT)


def _resolve(uid: str, how: str, began: datetime) -> None:
    agreed.note(uid, began, "count", "rows")
    Drift.objects.filter(uid=uid, resolved_at=None).update(resolved_at=timezone.now(), resolution=how)
