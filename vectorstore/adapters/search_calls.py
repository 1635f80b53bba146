"""Vector searches."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field as made_by
from typing import Any

import orjson
from pymilvus.grpc_gen import common_pb2, milvus_pb2, schema_pb2

from vectorstore.adapters.collection_calls import CollectionCalls
from vectorstore.adapters.columnar_codec import decode_rows, encode_vector
from vectorstore.adapters.consistency import guarantee
from vectorstore.adapters.retry_mechanism import CallKind, CallStats
from vectorstore.adapters.schema_codec import TYPE_NUMBERS
from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.models import Consistency, SearchHit


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorQuery:
    """One call with ``len(vectors)`` queries. ``vectors`` are as ``read_vector`` gives them; ``params`` are the
    index's search parameters, with ``radius`` and ``range_filter`` for a range search. ``nothing``: no row can meet
    ``expression``, so that Milvus is not asked."""

    field: Field
    vectors: Sequence[Any]
    limit: int
    offset: int = 0
    params: dict[str, Any] = made_by(default_factory=dict)
    expression: str = ""
    nothing: bool = False
    output_fields: Sequence[str] = ()
    partitions: Sequence[str] = ()
    consistency: Consistency = Consistency.BOUNDED
    after: int = 0
    group_by: str | None = None
    timeout: float | None = None


class SearchCalls(CollectionCalls):
    def search(
        self, database: str, collection: Collection, query: VectorQuery, stats: CallStats | None = None
    ) -> list[list[SearchHit]]:
        """Hits of each query, nearest first."""
        if query.nothing:
            return [[] for _ in query.vectors]
        stats = stats or CallStats()
        request = _request(database, collection, query)
        answer = self.read(
            database,
            collection.name,
            lambda: self.rpc.call("Search", request, CallKind.READ, timeout=query.timeout, stats=stats),
        )
        return _decode(answer.results, query.output_fields, stats)

    def hybrid_search(
        self,
        database: str,
        collection: Collection,
        parts: Sequence[VectorQuery],
        rank: dict[str, Any],
        limit: int,
        output_fields: Sequence[str],
        stats: CallStats | None = None,
    ) -> list[SearchHit]:
        """The engine's own fusion of several searches; ``rank`` is ``{"strategy", "params"}`` as Milvus takes it."""
        if not parts:
            return []
        first, stats = parts[0], stats or CallStats()
        timestamp, level = guarantee(first.consistency, first.after)
        request = milvus_pb2.HybridSearchRequest(
            db_name=database,
            collection_name=collection.name,
            partition_names=first.partitions,
            requests=[_request(database, collection, part) for part in parts],
            rank_params=_json_pairs({**rank, "limit": limit, "offset": 0, "round_decimal": -1}),
            output_fields=_named(collection, output_fields),
            guarantee_timestamp=timestamp,
            consistency_level=level,
        )
        answer = self.read(
            database,
            collection.name,
            lambda: self.rpc.call("HybridSearch", request, CallKind.READ, timeout=first.timeout, stats=stats),
        )
        hits = _decode(answer.results, output_fields, stats)
        return hits[0] if hits else []


def _request(database: str, collection: Collection, query: VectorQuery) -> milvus_pb2.SearchRequest:
    timestamp, level = guarantee(query.consistency, query.after)
    params: dict[str, Any] = {
        "anns_field": query.field.name,
        "topk": query.limit,
        "params": query.params,
        "round_decimal": -1,
        "offset": query.offset,
    }
    if query.group_by:
        params["group_by_field"] = query.group_by
    placeholder = common_pb2.PlaceholderValue(
        tag="$0",
        type=TYPE_NUMBERS[query.field.type],
        values=[encode_vector(vector, query.field.type) for vector in query.vectors],
    )
    return milvus_pb2.SearchRequest(
        db_name=database,
        collection_name=collection.name,
        partition_names=query.partitions,
        dsl=query.expression,
        dsl_type=common_pb2.BoolExprV1,
        placeholder_group=common_pb2.PlaceholderGroup(placeholders=[placeholder]).SerializeToString(),
        output_fields=_named(collection, query.output_fields),
        search_params=_json_pairs(params),
        guarantee_timestamp=timestamp,
        consistency_level=level,
        nq=len(query.vectors),
    )


def _named(collection: Collection, output_fields: Sequence[str]) -> Sequence[str]:
    """Milvus Lite gives every field, vectors too, to who names none; the key is there in any case."""
    return output_fields or [collection.primary.name]


def _json_pairs(values: dict[str, Any]) -> list[common_pb2.KeyValuePair]:
    return [
        common_pb2.KeyValuePair(key=key, value=value if isinstance(value, str) else orjson.dumps(value).decode())
        for key, value in values.items()
    ]


def _decode(results: schema_pb2.SearchResultData, wanted: Sequence[str], stats: CallStats) -> list[list[SearchHit]]:
    began = time.perf_counter()
    ids = results.ids.int_id.data or results.ids.str_id.data
    rows = decode_rows(results.fields_data, len(ids), wanted) if wanted else [{} for _ in ids]
    hits = [SearchHit(*item) for item in zip(ids, results.scores, rows, strict=True)]
    found, start = [], 0
    for size in results.topks:
        found.append(hits[start : start + size])
        start += size
    while len(found) < results.num_queries:  # Milvus leaves out the counts when nothing was found at all
        found.append([])
    stats.decode_s += time.perf_counter() - began
    return found
