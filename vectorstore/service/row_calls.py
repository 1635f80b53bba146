"""Rows written to and deleted from Milvus, with what the engines do differently evened out."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace as changed

from vectorstore.adapters.read_calls import RowQuery
from vectorstore.domain.arrow import DEFAULT_PARTITION
from vectorstore.domain.batch import Batch
from vectorstore.domain.filters import Node, everything, ids_in, serialise
from vectorstore.domain.models import Consistency, RowId
from vectorstore.optimization.shared_state import shared_state
from vectorstore.service.catalogue import KnownCollection
from vectorstore.service.context import Scope
from vectorstore.service.expressions import where

Applied = Callable[[], None]
_CHUNK_IDS = 5_000


def insert(scope: Scope, known: KnownCollection, batch: Batch, partition: str) -> list[RowId]:
    """New rows; returns their ids."""
    ids, written = known.engine.adapter.insert(scope.database, known.schema, batch, partition)
    shared_state().wrote(scope.address(known.schema.name), written)
    return ids


def replace(
    scope: Scope, known: KnownCollection, batch: Batch, partition: str, applied: Applied = lambda: None
) -> None:
    """Rows, each in place of the one with its id, wherever that is. ``applied`` is called once a part is done."""
    keyed = any(field.partition_key for field in known.schema.fields)
    others = [] if keyed else [name for name in known.partitions if name != (partition or DEFAULT_PARTITION)]
    if others and known.engine.capabilities.insert_replaces:
        _move(scope, known, batch, partition or DEFAULT_PARTITION, others, applied)
        others = []
    written = known.engine.adapter.upsert(scope.database, known.schema, batch, partition)
    applied()
    shared_state().wrote(scope.address(known.schema.name), written)
    _leave(scope, known, batch, others)


def _move(scope: Scope, known: KnownCollection, batch: Batch, to: str, others: Sequence[str], applied: Applied) -> None:
    """Milvus Lite would go on giving the old row to who asks for its partition."""
    known.require_partitions([to])
    delete(scope, known, existing(scope, known, batch.ids, partitions=others), applied)


def _leave(scope: Scope, known: KnownCollection, batch: Batch, partitions: Sequence[str]) -> None:
    """Milvus replaces a row only within the partition it writes to: take it out of the others."""
    for name in partitions:
        for ids in _in_chunks(existing(scope, known, batch.ids, partitions=[name])):
            expression = where(known, ids_in(known.schema.primary, ids))["expression"]
            written = known.engine.adapter.delete(scope.database, known.schema, expression, by_id=True, partition=name)
            shared_state().wrote(scope.address(known.schema.name), written)


def delete(scope: Scope, known: KnownCollection, ids: Sequence[RowId], applied: Applied = lambda: None) -> None:
    """Rows by id, in every partition. ``applied`` is called once a part is done."""
    for part in _in_chunks(ids):
        expression = serialise(ids_in(known.schema.primary, part))
        written = known.engine.adapter.delete(scope.database, known.schema, expression, by_id=True)
        applied()
        shared_state().wrote(scope.address(known.schema.name), written)
    if ids and len(known.partitions) > 1:
        keep_deleted(scope, known)


def keep_deleted(scope: Scope, known: KnownCollection) -> None:
    """Milvus Lite forgets a deletion where the key comes back before the next flush, and then gives the old row to who
    asks for its partition."""
    if known.engine.capabilities.insert_replaces:
        known.engine.adapter.flush(scope.database, known.schema.name)


def truncate(scope: Scope, known: KnownCollection) -> None:
    """Every row. Milvus Lite truncates by removing the files, which whoever reads meanwhile brings back or breaks."""
    adapter, schema, able = known.engine.adapter, known.schema, known.engine.capabilities
    if able.truncate and not able.single_writer:
        adapter.truncate_collection(scope.database, schema.name)
        return
    written = adapter.delete(scope.database, schema, serialise(everything(schema.primary)), by_id=True)
    shared_state().wrote(scope.address(schema.name), written)
    if len(known.partitions) > 1:
        keep_deleted(scope, known)


def existing(scope: Scope, known: KnownCollection, ids: Sequence[RowId], partitions: Sequence[str] = ()) -> list[RowId]:
    """Those of ``ids`` that are there for the caller of ``known``."""
    primary = known.schema.primary
    found: list[RowId] = []
    for part in _in_chunks(ids):
        query = _now(scope, known, ids_in(primary, part), [primary.name])
        query = changed(query, limit=len(part), partitions=partitions)
        found += [row[primary.name] for row in known.engine.adapter.query(scope.database, known.schema, query)]
    return found


def none_there(scope: Scope, known: KnownCollection, ids: Sequence[RowId]) -> bool:
    """Whether none of ``ids`` is there, with all that Milvus has taken so far."""
    shared_state().wrote(scope.address(known.schema.name), known.engine.adapter.now())
    return not existing(scope, known.whole, ids)


def matching(scope: Scope, known: KnownCollection, node: Node | None, partition: str = "") -> list[RowId]:
    """The ids of all rows that match, of the caller of ``known``."""
    name = known.schema.primary.name
    query = in_partition(_now(scope, known, node, [name]), partition)
    pages = known.engine.adapter.read_pages(scope.database, known.schema, query)
    return [row[name] for page in pages for row in page]


def in_partition(query: RowQuery, partition: str) -> RowQuery:
    return changed(query, partitions=[partition]) if partition else query


def _now(scope: Scope, known: KnownCollection, node: Node | None, fields: list[str]) -> RowQuery:
    """A read of what is there now: it waits for the gateway's last write, or, where that is not known, for all."""
    state = shared_state().read(scope.address(known.schema.name))
    blind = state.blind and known.engine.capabilities.timestamps
    return RowQuery(
        **where(known, node),
        output_fields=fields,
        consistency=Consistency.STRONG if blind else Consistency.BOUNDED,
        after=state.written,
    )


def _in_chunks(ids: Sequence[RowId]) -> Iterator[list[RowId]]:
    for start in range(0, len(ids), _CHUNK_IDS):
        yield list(ids[start : start + _CHUNK_IDS])
