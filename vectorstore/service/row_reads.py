"""Rows read by id and by filter, and counted."""

from collections.abc import Sequence
from typing import Any

from vectorstore.adapters.read_calls import RowQuery
from vectorstore.adapters.retry_mechanism import CallStats
from vectorstore.config.collection_config import MAX_WINDOW
from vectorstore.domain.errors import FieldError, InvalidRequest
from vectorstore.domain.filters import Node, ids_in
from vectorstore.domain.models import RowId
from vectorstore.domain.requests import CountRequest, GetRequest, QueryRequest, Row
from vectorstore.domain.rows import MAX_REPORTED, read_id
from vectorstore.monitoring.profile import Profile
from vectorstore.optimization.shared_state import State
from vectorstore.service.answer_limits import check_answer
from vectorstore.service.catalogue import KnownCollection, consistency_for
from vectorstore.service.expressions import output_fields, read_filter, where, without_denied
from vectorstore.service.profiled import ProfiledService, Reading
from vectorstore.service.search_plan import check_window


class RowReads(ProfiledService):
    """The reading half of ``VectorService``."""

    def get(self, collection_name: str, request: GetRequest, profile: Profile | None = None) -> list[Row]:
        """Rows by id in the order asked; ids that are not there are left out. All fields unless named.

        ``profile`` is one that the caller goes on with and finishes, here as in the other reads.

        Milvus 2.3 cannot read the vector of a row whose id is 2^63-1: it is null, or, where it was asked for by
        name, an UnsupportedByEngine error.
        """
        with self.reading("get", collection_name, request, profile) as reading:
            act, known, state = reading.act, reading.act.known, reading.act.state
            ids = read_ids(request.ids, known)
            act.ids = len(ids)
            primary = known.schema.primary
            fields = output_fields(known, request.output_fields, default_all=True)
            if len(ids) > MAX_WINDOW:
                raise InvalidRequest.at("/ids", f"at most {MAX_WINDOW} ids are read at once")
            check_answer(known, fields, len(ids), rows_named="the number of ids")
            lenient = request.output_fields is None
            node = ids_in(primary, ids)
            query = self._row_query(known, state, node, fields, limit=max(1, len(ids)), lenient=lenient)
            rows = self._rows_of(reading, query) if ids else []
            by_id = {row[primary.name]: row for row in rows}
            reading.found(len(by_id))
            return [by_id[identity] for identity in dict.fromkeys(ids) if identity in by_id]

    def query(self, collection_name: str, request: QueryRequest, profile: Profile | None = None) -> list[Row]:
        """Rows that match a filter, in no particular order; all fields unless named."""
        with self.reading("query", collection_name, request, profile) as reading:
            known, state = reading.act.known, reading.act.state
            check_window(request.limit, request.offset)
            known.require_partitions(request.partitions)
            node = reading.filter = read_filter(known, request.filter, request.filters)
            fields = output_fields(known, request.output_fields, default_all=True)
            check_answer(known, fields, request.limit, rows_named="limit")
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
            rows = self._rows_of(reading, query)
            reading.found(len(rows))
            return rows

    def count(self, collection_name: str, request: CountRequest | None = None, profile: Profile | None = None) -> int:
        """Exact number of rows that match; all rows without a filter."""
        request = request or CountRequest()
        with self.reading("count", collection_name, request, profile) as reading:
            known, state, stats = reading.act.known, reading.act.state, CallStats()
            reading.filter = read_filter(known, request.filter, request.filters)
            query = self._row_query(known, state, reading.filter, [])
            reading.consistency = query.consistency
            reading.profile.end("plan")
            number = known.engine.adapter.count(self.scope.database, known.schema, query, stats)
            reading.profile.milvus(attempts=stats.attempts, decode_s=stats.decode_s)
            return number

    def _rows_of(self, reading: Reading, query: RowQuery) -> list[Row]:
        """The rows of the query as the caller may see them, timed."""
        known, profile, stats = reading.act.known, reading.profile, CallStats()
        reading.limit, reading.offset, reading.consistency = query.limit, query.offset, query.consistency
        profile.end("plan")
        rows = known.engine.adapter.query(self.scope.database, known.schema, query, stats)
        profile.milvus(attempts=stats.attempts, decode_s=stats.decode_s)
        rows = without_denied(known, rows)
        profile.end("decode")
        return rows

    def _row_query(
        self, known: KnownCollection, state: State, node: Node | None, fields: list[str], **options: Any
    ) -> RowQuery:
        asked = options.pop("consistency", None)
        return RowQuery(
            **where(known, node),
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
