"""Rows: written, read, counted, deleted."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from vectorstore.adapters.read_calls import RowQuery
from vectorstore.config.collection_config import DEFAULT_PARTITION, MAX_WINDOW
from vectorstore.config.settings import current
from vectorstore.domain.batch import Batch
from vectorstore.domain.errors import AlreadyExists, FieldError, InvalidRequest, PayloadTooLarge, PermissionDenied
from vectorstore.domain.filters import Node, everything, ids_in
from vectorstore.domain.models import RowId, SearchHit
from vectorstore.domain.requests import CountRequest, DeleteRequest, GetRequest, QueryRequest, Row
from vectorstore.domain.rows import MAX_REPORTED, read_id, read_rows
from vectorstore.domain.vector import Vector
from vectorstore.optimization.shared_state import State, shared_state
from vectorstore.service.aio import async_twin
from vectorstore.service.catalogue import KnownCollection, consistency_for
from vectorstore.service.embedding_service import EmbeddingService
from vectorstore.service.expressions import output_fields, read_filter, without_denied, write
from vectorstore.service.operation import Service
from vectorstore.service.row_limits import keep_within
from vectorstore.service.search_plan import check_window
from vectorstore.service.search_service import SearchService

_CHUNK_ROWS = 2_000
_CHUNK_IDS = 5_000


class VectorService(Service):
    """``insert``, ``upsert``, ``get``, ``query``, ``count`` and ``delete`` with their asynchronous twins.

    Rows are dicts of field names and values, as in the REST contract; ``Vector`` objects do as well.
    """

    def insert(self, collection_name: str, rows: Sequence[Row | Vector], partition: str | None = None) -> list[RowId]:
        """Write new rows, all or none; returns their ids in order.

        Raises:
            InvalidRequest: a bad row, each named as ``/vectors/17/vector``; nothing was written.
            AlreadyExists: some ids are in the collection already, each named; nothing was written.
            PayloadTooLarge: more rows than ``VECTORSTORE_MAX_BATCH_ROWS``.
        """
        with self.on_collection("vector.insert", collection_name) as act:
            known, state = act.known, act.state
            plain, batch = self._read(known, rows, partition)
            act.ids = batch.size
            self._refuse_existing(known, state, plain, batch)
            ids, written = known.engine.adapter.insert(self.scope.database, known.schema, batch, partition or "")
            shared_state().wrote(self.scope.address(known.schema.name), written)
            act.rows = batch.size
            return ids

    def upsert(self, collection_name: str, rows: Sequence[Row | Vector], partition: str | None = None) -> list[RowId]:
        """Write rows, each replacing the one with its id as a whole; returns the ids in order.

        Raises:
            InvalidRequest, PayloadTooLarge: as ``insert``.
            AlreadyExists: an id is that of a row which the caller may not change.
            PermissionDenied: the row replaced would lose fields that the caller may not see.
        """
        with self.on_collection("vector.upsert", collection_name) as act:
            known, state = act.known, act.state
            if known.schema.engine_ids:
                raise InvalidRequest("the engine makes the ids of this collection, so a row cannot be replaced by id")
            if known.denied:
                raise PermissionDenied("An upsert replaces whole rows, and some of their fields are denied to you.")
            _, batch = self._read(known, rows, partition)
            act.ids = batch.size
            if not known.is_whole:
                mine = set(self._existing(known, state, batch.ids))
                self._refuse_taken(known, batch, set(self._existing(known.whole, state, batch.ids)) - mine)
            written = known.engine.adapter.upsert(self.scope.database, known.schema, batch, partition or "")
            shared_state().wrote(self.scope.address(known.schema.name), written)
            self._leave_other_partitions(known, state, batch, partition or DEFAULT_PARTITION)
            act.rows = batch.size
            return batch.ids

    def _leave_other_partitions(self, known: KnownCollection, state: State, batch: Batch, partition: str) -> None:
        """Milvus replaces a row only within the partition it writes to: take it out of the others."""
        others = [name for name in known.partitions if name != partition]
        keyed = any(field.partition_key for field in known.schema.fields)
        if not others or keyed or known.engine.capabilities.insert_replaces:
            return
        for name in others:
            ids = self._existing(known, state, batch.ids, partitions=[name])
            if ids:
                expression = write(known, ids_in(known.schema.primary, ids))
                written = known.engine.adapter.delete(
                    self.scope.database, known.schema, expression, by_id=True, partition=name
                )
                shared_state().wrote(self.scope.address(known.schema.name), written)

    def insert_batch(
        self,
        collection_name: str,
        rows: Iterable[Row | Vector],
        partition: str | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> int:
        """Insert any number of rows in chunks; returns how many. ``progress`` gets the number written so far.

        All or none holds for each chunk of 2,000 rows; an error says how many rows were written before it.
        """
        done = 0
        chunk: list[Row | Vector] = []

        def flush() -> None:
            nonlocal done, chunk
            self.insert(collection_name, chunk, partition)
            done += len(chunk)
            chunk = []
            if progress is not None:
                progress(done)

        for row in rows:
            chunk.append(row)
            if len(chunk) >= _CHUNK_ROWS:
                flush()
        if chunk:
            flush()
        return done

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
        if partition and any(field.partition_key for field in known.schema.fields):
            raise InvalidRequest.at("/partition", "the collection has a partition key, which chooses the partition")
        if partition:
            known.require_partitions([partition])
        plain = [_as_row(row, known) for row in rows]
        keep_within(known, plain)
        if known.embedding is not None:
            EmbeddingService(self.scope).fill(known.embedding, known.schema, plain)
        return plain, read_rows(plain, known.schema, engine_ids=known.schema.engine_ids)

    def _refuse_existing(self, known: KnownCollection, state: State, rows: list[Row], batch: Batch) -> None:
        """Milvus would keep both rows of an id inserted twice and Milvus Lite only the second; neither is wanted."""
        name = known.schema.primary.name
        given = [identity for row, identity in zip(rows, batch.ids, strict=False) if row.get(name) is not None]
        self._refuse_taken(known, batch, set(self._existing(known.whole, state, given)))

    def _refuse_taken(self, known: KnownCollection, batch: Batch, found: set[RowId]) -> None:
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

    def _existing(
        self, known: KnownCollection, state: State, ids: Sequence[RowId], partitions: Sequence[str] = ()
    ) -> list[RowId]:
        primary = known.schema.primary
        found: list[RowId] = []
        for start in range(0, len(ids), _CHUNK_IDS):
            part = list(ids[start : start + _CHUNK_IDS])
            node = ids_in(primary, part)
            query = self._row_query(known, state, node, [primary.name], limit=len(part), partitions=partitions)
            found += [row[primary.name] for row in known.engine.adapter.query(self.scope.database, known.schema, query)]
        return found

    def _row_query(
        self, known: KnownCollection, state: State, node: Node | None, fields: list[str], **options: Any
    ) -> RowQuery:
        asked = options.pop("consistency", None)
        return RowQuery(
            expression=write(known, node),
            output_fields=fields,
            consistency=consistency_for(asked, known, state),
            after=state.written,
            **options,
        )

    def get(self, collection_name: str, request: GetRequest) -> list[Row]:
        """Rows by id in the order asked; ids that are not there are left out. All fields unless named.

        Milvus 2.3 cannot read the vector of a row whose id is 2^63-1: it is null, or, where it was asked for by
        name, an UnsupportedByEngine error.
        """
        with self.on_collection("vector.query", collection_name, request) as act:
            known, state = act.known, act.state
            ids = _read_ids(request.ids, known)
            act.ids = len(ids)
            primary = known.schema.primary
            fields = output_fields(known, request.output_fields, default_all=True)
            if len(ids) > MAX_WINDOW:
                raise InvalidRequest.at("/ids", f"at most {MAX_WINDOW} ids are read at once")
            lenient = request.output_fields is None
            node = ids_in(primary, ids)
            query = self._row_query(known, state, node, fields, limit=max(1, len(ids)), lenient=lenient)
            rows = known.engine.adapter.query(self.scope.database, known.schema, query) if ids else []
            by_id = {row[primary.name]: row for row in without_denied(known, rows)}
            act.rows = len(by_id)
            return [by_id[identity] for identity in dict.fromkeys(ids) if identity in by_id]

    def query(self, collection_name: str, request: QueryRequest) -> list[Row]:
        """Rows that match a filter, in no particular order; all fields unless named."""
        with self.on_collection("vector.query", collection_name, request) as act:
            known, state = act.known, act.state
            check_window(request.limit, request.offset)
            known.require_partitions(request.partitions)
            node = read_filter(known, request.filter, request.filters) or everything(known.schema.primary)
            fields = output_fields(known, request.output_fields, default_all=True)
            query = self._row_query(
                known,
                state,
                node,
                fields,
                limit=request.limit,
                offset=request.offset,
                partitions=request.partitions,
                consistency=request.consistency,
                lenient=request.output_fields is None,
            )
            rows = known.engine.adapter.query(self.scope.database, known.schema, query)
            act.rows = len(rows)
            return without_denied(known, rows)

    def count(self, collection_name: str, request: CountRequest | None = None) -> int:
        """Exact number of rows that match; all rows without a filter."""
        request = request or CountRequest()
        with self.on_collection("vector.query", collection_name, request) as act:
            known, state = act.known, act.state
            node = read_filter(known, request.filter, request.filters)
            query = self._row_query(known, state, node, [])
            return known.engine.adapter.count(self.scope.database, known.schema, query)

    def delete(self, collection_name: str, request: DeleteRequest) -> int:
        """Delete rows by id or by filter; returns how many were there.

        A filter is first resolved to the ids it matches, and exactly those rows are deleted.
        """
        action = "vector.delete" if request.ids is not None else "vector.delete_by_filter"
        with self.on_collection(action, collection_name, request) as act:
            known, state = act.known, act.state
            given = [item for item in (request.ids, request.filter, request.filters) if item is not None]
            if len(given) != 1:
                raise InvalidRequest.at("", "give exactly one of ids, filter and filters")
            if request.ids is not None:
                ids = self._existing(known, state, list(dict.fromkeys(_read_ids(request.ids, known))))
            else:
                ids = self._matching(known, state, read_filter(known, request.filter, request.filters))
            for start in range(0, len(ids), _CHUNK_IDS):
                expression = write(known, ids_in(known.schema.primary, ids[start : start + _CHUNK_IDS]))
                written = known.engine.adapter.delete(self.scope.database, known.schema, expression, by_id=True)
                shared_state().wrote(self.scope.address(known.schema.name), written)
            act.ids = act.rows = len(ids)
            return len(ids)

    def _matching(self, known: KnownCollection, state: State, node: Node | None) -> list[RowId]:
        if node is None:
            raise InvalidRequest.at("/filter", "the filter is empty; to delete every row, truncate the collection")
        name = known.schema.primary.name
        query = self._row_query(known, state, node, [name])
        pages = known.engine.adapter.read_pages(self.scope.database, known.schema, query)
        return [row[name] for page in pages for row in page]

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


def _as_row(row: Row | Vector, known: KnownCollection) -> Row:
    if not isinstance(row, Vector):
        return dict(row) if isinstance(row, dict) else row
    made: Row = {**row.fields, known.vector_field(None).name: row.values}
    if row.id is not None:
        made[known.schema.primary.name] = row.id
    return made


def _read_ids(ids: Sequence[RowId], known: KnownCollection) -> list[RowId]:
    read: list[RowId] = []
    errors: list[FieldError] = []
    for index, identity in enumerate(ids):
        try:
            read.append(read_id(identity, known.schema.primary))
        except ValueError as error:
            errors.append(FieldError(f"/ids/{index}", "invalid", str(error)))
    if errors:
        raise InvalidRequest(f"{len(errors)} of {len(ids)} ids are invalid", errors=tuple(errors[:MAX_REPORTED]))
    return read
