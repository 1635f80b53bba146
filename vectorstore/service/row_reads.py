"""Rows read by id and by filter, and counted."""

from collections.abc import Sequence
from typing import Any

from vectorstore.adapters.read_calls import RowQuery
from vectorstore.config.collection_config import MAX_WINDOW
from vectorstore.domain.errors import FieldError, InvalidRequest
from vectorstore.domain.filters import Node, everything, ids_in
from vectorstore.domain.models import RowId
from vectorstore.domain.requests import CountRequest, GetRequest, QueryRequest, Row
from vectorstore.domain.rows import MAX_REPORTED, read_id
from vectorstore.optimization.shared_state import State
from vectorstore.service.catalogue import KnownCollection, consistency_for
from vectorstore.service.expressions import output_fields, read_filter, without_denied, write
from vectorstore.service.operation import Service
from vectorstore.service.search_plan import check_window


class RowReads(Service):
    """The reading half of ``VectorService``."""

    def get(self, collection_name: str, request: GetRequest) -> list[Row]:
        """Rows by id in the order asked; ids that are not there are left out. All fields unless named.

        Milvus 2.3 cannot read the vector of a row whose id is 2^63-1: it is null, or, where it was asked for by
        name, an UnsupportedByEngine error.
        """
        with self.on_collection("vector.query", collection_name, request) as act:
            known, state = act.known, act.state
            ids = read_ids(request.ids, known)
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


def read_ids(ids: Sequence[RowId], known: KnownCollection) -> list[RowId]:
    """Ids as the collection's primary key takes them.

    Raises:
        InvalidRequest: naming each bad one as ``/ids/3``.
    """
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
