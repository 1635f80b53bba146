"""Rows: written, read, counted, deleted."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from vectorstore.config.settings import current
from vectorstore.domain.batch import Batch
from vectorstore.domain.errors import AlreadyExists, FieldError, InvalidRequest, PayloadTooLarge, PermissionDenied
from vectorstore.domain.models import RowId, SearchHit
from vectorstore.domain.requests import DeleteRequest, Row
from vectorstore.domain.rows import MAX_REPORTED, read_rows
from vectorstore.domain.vector import Vector
from vectorstore.optimization.batch_processor import BatchProcessor
from vectorstore.service import row_calls
from vectorstore.service.aio import async_twin
from vectorstore.service.catalogue import KnownCollection
from vectorstore.service.embedding_service import EmbeddingService
from vectorstore.service.expressions import read_filter
from vectorstore.service.operation import CollectionOperation
from vectorstore.service.row_limits import keep_within
from vectorstore.service.row_reads import RowReads, read_ids
from vectorstore.service.search_service import SearchService
from vectorstore.service.write_path import gone, journalled, put, sent_since, writing


class VectorService(RowReads):
    """``insert``, ``upsert``, ``get``, ``query``, ``count`` and ``delete`` with their asynchronous twins.

    Rows are dicts of field names and values, as in the REST contract; ``Vector`` objects do as well.
    """

    origin = ""
    """Names the transfer that writes, in the journal."""

    def insert(self, collection_name: str, rows: Sequence[Row | Vector], partition: str | None = None) -> list[RowId]:
        """Write new rows, all or none; returns their ids in order.

        Raises:
            InvalidRequest: a bad row, each named as ``/vectors/17/vector``; nothing was written.
            AlreadyExists: some ids are in the collection already, each named; nothing was written.
            PayloadTooLarge: more rows than ``VECTORSTORE_MAX_BATCH_ROWS``.
            OutcomeUnknown: Milvus gave no clear answer; the rows are sent again until they are there.
        """
        with self.on_collection("vector.insert", collection_name) as act:
            name = act.known.schema.primary.name
            plain, batch = self._read(act.known, rows, partition)
            given = [identity for row, identity in zip(plain, batch.ids, strict=False) if row.get(name) is not None]
            return self._insert(act, batch, given, partition or "")

    def _insert(
        self,
        act: CollectionOperation,
        batch: Batch,
        given: Sequence[RowId],
        partition: str,
        absent_at: int | None = None,
    ) -> list[RowId]:
        """``given`` are the ids that may be taken: those that we made are not."""
        act.ids = batch.size
        with self.writing(act.known, given) as known:
            if absent_at is None or self._others_wrote(known, absent_at):
                _refuse_taken(known, batch, set(row_calls.existing(self.scope, known.whole, given)))
            undone = partial(row_calls.none_there, self.scope, known, batch.ids)
            with journalled(known, put(known, batch, partition, "insert", self.origin), undone):
                ids = row_calls.insert(self.scope, known, batch, partition)
        act.rows = batch.size
        return ids

    def upsert(self, collection_name: str, rows: Sequence[Row | Vector], partition: str | None = None) -> list[RowId]:
        """Write rows, each replacing the one with its id as a whole; returns the ids in order.

        Raises:
            InvalidRequest, PayloadTooLarge, OutcomeUnknown: as ``insert``.
            AlreadyExists: an id is that of a row which the caller may not change.
            PermissionDenied: the row replaced would lose fields that the caller may not see.
        """
        with self.on_collection("vector.upsert", collection_name) as act:
            _refuse_upsert(act.known)
            _, batch = self._read(act.known, rows, partition)
            self._upsert(act, batch, partition or "")
            return batch.ids

    def _upsert(self, act: CollectionOperation, batch: Batch, partition: str) -> None:
        act.ids = batch.size
        with self.writing(act.known, batch.ids) as known:
            if not known.is_whole:
                mine = set(row_calls.existing(self.scope, known, batch.ids))
                _refuse_taken(known, batch, set(row_calls.existing(self.scope, known.whole, batch.ids)) - mine)
            with journalled(known, put(known, batch, partition, "upsert", self.origin)) as applied:
                row_calls.replace(self.scope, known.whole, batch, partition, applied)
        act.rows = batch.size

    def _others_wrote(self, known: KnownCollection, since: int) -> bool:
        """Whether anything else than this transfer may have put rows there since that sequence of the journal."""
        if not known.point_in_time or not self.origin:
            return True
        return sent_since(known, since).exclude(origin=self.origin).exists()

    @contextmanager
    def writing(self, known: KnownCollection, keys: Sequence[RowId]) -> Iterator[KnownCollection]:
        """Hold the right to write ``keys``, with the collection as it is then; see ``service.write_path.writing``."""
        with writing(self.scope, known, keys) as (fresh, _):
            yield fresh

    def write_batch(
        self,
        collection_name: str,
        batch: Batch,
        partition: str | None = None,
        *,
        replace: bool = False,
        absent_at: int | None = None,
    ) -> int:
        """Insert, or with ``replace`` upsert, rows that ``read_rows`` or its like has checked; returns how many.

        ``absent_at`` is a sequence of the journal at which none of the ids was there, and none is in what this transfer
        (``origin``) has written since: Milvus is asked again only if others have written meanwhile.

        Raises:
            PermissionDenied: the caller's rights are limited to some rows or fields: its rows are read one by one.
            InvalidRequest, AlreadyExists, OutcomeUnknown: as ``insert``.
        """
        with self.on_collection("vector.upsert" if replace else "vector.insert", collection_name) as act:
            if not act.known.is_whole or act.known.denied:
                raise PermissionDenied("Your grant is limited to some rows or fields; write rows, not batches.")
            _check_partition(act.known, partition)
            if replace:
                _refuse_upsert(act.known)
                self._upsert(act, batch, partition or "")
            else:
                self._insert(act, batch, batch.ids, partition or "", absent_at)
            return batch.size

    def insert_batch(
        self,
        collection_name: str,
        rows: Iterable[Row | Vector],
        partition: str | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> int:
        """Insert any number of rows, in batches; returns how many. ``progress`` gets the number written so far.

        All or none holds for each batch; see ``BatchProcessor`` for their sizes and for what is held in memory.

        Raises:
            VectorStoreError: as ``insert``, with a note that says which rows are not written.
        """
        processor: BatchProcessor[Row | Vector] = BatchProcessor(
            lambda batch: self.insert(collection_name, batch, partition),
            size_of=_size_of,
            most_rows=current().max_batch_rows,
        )
        return processor.run(rows, progress)

    def _read(
        self, known: KnownCollection, rows: Sequence[Row | Vector], partition: str | None
    ) -> tuple[list[Row], Batch]:
        most = current().max_batch_rows
        if len(rows) > most:
            raise PayloadTooLarge(
                f"The batch has {len(rows)} rows; at most {most} are taken at once. Send it in parts."
            )
        if not rows:
            raise InvalidRequest.at("/vectors", "give at least one row")
        _check_partition(known, partition)
        plain = [_as_row(row, known) for row in rows]
        keep_within(known, plain)
        if known.embedding is not None:
            EmbeddingService(self.scope).fill(known.embedding, known.schema, plain)
        return plain, read_rows(plain, known.schema, engine_ids=known.schema.engine_ids)

    def delete(self, collection_name: str, request: DeleteRequest) -> int:
        """Delete rows by id or by filter; returns how many were there.

        A filter is first resolved to the ids it matches, and exactly those rows are deleted.

        Raises:
            OutcomeUnknown: Milvus gave no clear answer; the deletion is sent again until it is done.
        """
        action = "vector.delete" if request.ids is not None else "vector.delete_by_filter"
        with self.on_collection(action, collection_name, request) as act:
            given = [item for item in (request.ids, request.filter, request.filters) if item is not None]
            if len(given) != 1:
                raise InvalidRequest.at("", "give exactly one of ids, filter and filters")
            wanted = None if request.ids is None else list(dict.fromkeys(read_ids(request.ids, act.known)))
            with writing(self.scope, act.known, wanted) as (known, _):
                if wanted is not None:
                    ids = row_calls.existing(self.scope, known, wanted)
                else:
                    node = read_filter(known, request.filter, request.filters)
                    if node is None:
                        raise InvalidRequest.at(
                            "/filter", "the filter is empty; to delete every row, truncate the collection"
                        )
                    ids = row_calls.matching(self.scope, known, node)
                if ids:
                    with journalled(known, gone(known, ids, action)) as applied:
                        row_calls.delete(self.scope, known, ids, applied)
            act.ids = act.rows = len(ids)
            return len(ids)

    def search(self, collection_name: str, query_vector: Vector, top_k: int = 10) -> list[SearchHit]:
        """The ``top_k`` nearest rows with all their scalar fields, nearest first."""
        return SearchService(collection_name, self.scope).similar(query_vector, top_k)

    def delete_ids(self, collection_name: str, ids: list[str]) -> int:
        """Delete rows by id; returns how many were there."""
        return self.delete(collection_name, DeleteRequest(ids=list(ids)))

    insert_vectors = async_twin(insert)
    search_vectors = async_twin(search)
    batch_insert = async_twin(insert_batch)
    delete_vectors = async_twin(delete_ids)


def _size_of(row: Row | Vector) -> int:
    """Bytes of a row, roughly: numbers as eight, text as it is."""
    values = [*row.fields.values(), row.values] if isinstance(row, Vector) else row.values()
    return sum(len(value) * 8 if hasattr(value, "__len__") else 8 for value in values)


def _as_row(row: Row | Vector, known: KnownCollection) -> Row:
    if not isinstance(row, Vector):
        return dict(row) if isinstance(row, dict) else row
    made: Row = {**row.fields, known.vector_field(None).name: row.values}
    if row.id is not None:
        made[known.schema.primary.name] = row.id
    return made


def _check_partition(known: KnownCollection, partition: str | None) -> None:
    if not partition:
        return
    if any(field.partition_key for field in known.schema.fields):
        raise InvalidRequest.at("/partition", "the collection has a partition key, which chooses the partition")
    known.require_partitions([partition])


def _refuse_upsert(known: KnownCollection) -> None:
    if known.schema.engine_ids:
        raise InvalidRequest("the engine makes the ids of this collection, so a row cannot be replaced by id")
    if known.denied:
        raise PermissionDenied("An upsert replaces whole rows, and some of their fields are denied to you.")


def _refuse_taken(known: KnownCollection, batch: Batch, found: set[RowId]) -> None:
    """Milvus would keep both rows of an id inserted twice and Milvus Lite only the second; neither is wanted."""
    name = known.schema.primary.name
    if found:
        taken = [index for index, identity in enumerate(batch.ids) if identity in found]
        errors = tuple(
            FieldError(f"/vectors/{index}/{name}", "already_exists", "the id is in the collection already")
            for index in taken[:MAX_REPORTED]
        )
        raise AlreadyExists(
            f"{len(taken)} of {batch.size} ids are in the collection already; nothing was written."
            " To replace rows, upsert them.",
            errors=errors,
        )
