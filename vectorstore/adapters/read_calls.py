"""Reads of rows by expression and by primary-key ranges."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from pymilvus.grpc_gen import milvus_pb2

from vectorstore.adapters.columnar_codec import decode_rows
from vectorstore.adapters.consistency import guarantee
from vectorstore.adapters.retry_mechanism import CallKind, CallStats
from vectorstore.adapters.schema_codec import key_values
from vectorstore.adapters.search_calls import SearchCalls, VectorQuery
from vectorstore.domain.collection import Collection
from vectorstore.domain.errors import UnsupportedByEngine
from vectorstore.domain.filters import Compare, FieldRef, Literal, everything, serialise
from vectorstore.domain.models import INTEGER_RANGES, Consistency, DataType

LARGEST_INT64 = INTEGER_RANGES[DataType.INT64][1]
MAX_WINDOW = 16_384
"""Milvus's limit of offset + limit for one query, and of top_k."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowQuery:
    """``expression`` is text that our own serialiser wrote; empty for all rows (with a limit). ``nothing``: no row can
    meet it, so that Milvus is not asked.

    ``lenient``: a vector that the engine cannot read back (see ``_largest``) is null instead of an error.
    """

    expression: str
    output_fields: Sequence[str]
    nothing: bool = False
    limit: int = MAX_WINDOW
    offset: int = 0
    partitions: Sequence[str] = ()
    consistency: Consistency = Consistency.BOUNDED
    after: int = 0
    ordered: bool = False
    lenient: bool = False
    timeout: float | None = None


class ReadCalls(SearchCalls):
    def query(
        self, database: str, collection: Collection, query: RowQuery, stats: CallStats | None = None
    ) -> list[dict[str, Any]]:
        """Matching rows as dicts, in no particular order unless ``ordered`` (by primary key)."""
        if query.nothing:
            return []
        stats = stats or CallStats()
        query = replace(query, expression=query.expression or every_row(collection))
        answer = self._query(database, collection.name, query, stats)
        began = time.perf_counter()
        rows = decode_rows(answer.fields_data, row_count(answer), query.output_fields)
        stats.decode_s += time.perf_counter() - began
        if self._may_miss_largest(collection) and len(rows) < query.limit and not query.offset:
            rows += self._largest(database, collection, query)
        return rows

    def _query(
        self, database: str, name: str, query: RowQuery, stats: CallStats | None = None
    ) -> milvus_pb2.QueryResults:
        timestamp, level = guarantee(query.consistency, query.after)
        params: dict[str, Any] = {"limit": query.limit, "offset": query.offset}
        if query.ordered:
            params |= {"iterator": "True", "reduce_stop_for_best": "True"}
        if query.output_fields == ["count(*)"]:
            params = {}
        request = milvus_pb2.QueryRequest(
            db_name=database,
            collection_name=name,
            expr=query.expression,
            output_fields=query.output_fields,
            partition_names=query.partitions,
            guarantee_timestamp=timestamp,
            consistency_level=level,
            query_params=key_values(params),
        )
        return self.read(
            database,
            name,
            lambda: self.rpc.call("Query", request, CallKind.READ, timeout=query.timeout, stats=stats),
        )

    def count(self, database: str, collection: Collection, query: RowQuery, stats: CallStats | None = None) -> int:
        """Exact number of matching rows that are not deleted; ``query``'s output fields are not used."""
        if query.nothing:
            return 0
        # Milvus Lite looks at the partitions only where there is an expression.
        expression = query.expression or (every_row(collection) if query.partitions else "")
        asked = replace(query, expression=expression, output_fields=["count(*)"])
        answer = self._query(database, collection.name, asked, stats)
        return int(answer.fields_data[0].scalars.long_data.data[0])

    def read_pages(
        self, database: str, collection: Collection, query: RowQuery, page: int = MAX_WINDOW
    ) -> Iterator[list[dict[str, Any]]]:
        """All matching rows in primary-key order, ``page`` at a time, by key ranges.

        Ends at the first empty page; a short page is no end (Milvus has had short pages with rows left).
        """
        if query.nothing:
            return
        primary = collection.primary
        last: Any = None
        while True:
            after = serialise(Compare(">", FieldRef(primary.name), Literal(last))) if last is not None else ""
            expression = " and ".join(f"({part})" for part in (query.expression, after) if part)
            if not expression:
                expression = every_row(collection)
            wanted = list(dict.fromkeys([primary.name, *query.output_fields]))
            step = replace(query, expression=expression, output_fields=wanted, limit=page, ordered=True)
            answer = self._query(database, collection.name, step)
            rows = decode_rows(answer.fields_data, row_count(answer), wanted)
            if not rows:
                break
            last = max(row[primary.name] for row in rows)
            yield rows
        if self._may_miss_largest(collection) and last != LARGEST_INT64:
            largest = self._largest(database, collection, query)
            if largest:
                yield largest

    def _may_miss_largest(self, collection: Collection) -> bool:
        return not self.reads_largest_int64 and collection.primary.type is DataType.INT64

    def _largest(self, database: str, collection: Collection, query: RowQuery) -> list[dict[str, Any]]:
        """The row whose key is 2^63-1. Milvus 2.3 merges query results by "smaller than the largest integer" and
        so loses it; a search finds it, but not its vectors.

        Raises:
            UnsupportedByEngine: the row is there and a vector of it was asked for, not ``lenient``.
        """
        field = next(f for f in collection.vector_fields if f.type is not DataType.SPARSE_FLOAT_VECTOR)
        probe: Any = bytes((field.dimension or 0) // 8)
        if field.type is not DataType.BINARY_VECTOR:
            probe = np.ones(field.dimension or 0, np.float32)
        key = f"{collection.primary.name} == {LARGEST_INT64}"
        vectors = {item.name for item in collection.vector_fields} & set(query.output_fields)
        named = str(LARGEST_INT64) in query.expression  # asked for by its key: worth waiting for
        hits = self.search(
            database,
            collection,
            VectorQuery(
                field=field,
                vectors=[probe],
                limit=1,
                expression=f"({query.expression}) and {key}" if query.expression else key,
                output_fields=[name for name in query.output_fields if name not in vectors],
                partitions=query.partitions,
                consistency=Consistency.STRONG if named else query.consistency,
                after=query.after,
            ),
        )
        if hits[0] and vectors and not query.lenient:
            raise UnsupportedByEngine(
                f"The connected Milvus cannot read the vector of the row with the id {LARGEST_INT64} (a defect of"
                " Milvus 2.3); leave vectors out of output_fields, or choose a smaller id."
            )
        missing = dict.fromkeys(sorted(vectors))
        return [{**hit.fields, **missing, collection.primary.name: hit.id} for hit in hits[0]]


def row_count(answer: milvus_pb2.QueryResults) -> int:
    """Milvus names no count of rows; each column has one value (or validity mark) per row."""
    for data in answer.fields_data:
        if data.valid_data:
            return len(data.valid_data)
        which = data.WhichOneof("field")
        if which == "scalars":
            kind = data.scalars.WhichOneof("data")
            return len(getattr(data.scalars, kind).data) if kind else 0
    return 0


def every_row(collection: Collection) -> str:
    return serialise(everything(collection.primary))
