"""Searches that differ only in their vectors share one call of Milvus."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import orjson
from prometheus_client import Histogram

from vectorstore.adapters.milvus_adapter import MilvusAdapter
from vectorstore.adapters.retry_mechanism import CallKind, CallStats
from vectorstore.adapters.search_calls import VectorQuery
from vectorstore.domain.collection import Collection
from vectorstore.domain.models import SearchHit
from vectorstore.optimization.coalescing import Coalescer, Shared

_MOST = 64
_ROWS_A_PLACE = 160
"""A search for more rows takes several places of a batch, so that an answer has about 10,000 rows at the most."""


@dataclass(frozen=True, slots=True)
class Found:
    """The hits of each vector, and what the call took that gave them, for all who shared it."""

    hits: list[list[SearchHit]]
    stats: CallStats


_SIZES = Histogram(
    "vectorstore_search_batch_size",
    "Searches that were sent to Milvus in one call.",
    buckets=(1, 2, 4, 8, 16, 32, 64),
)
_coalescer: Coalescer[VectorQuery, Found] = Coalescer(most=_MOST, sizes=_SIZES)
_one_at_a_time: Coalescer[VectorQuery, Found] = Coalescer(most=_MOST, at_once=1, sizes=_SIZES)
"""For Milvus Lite: its calls run one after the other, and each takes 20 ms before the first vector is looked at."""


def search(adapter: MilvusAdapter, database: str, collection: Collection, query: VectorQuery) -> Shared[Found]:
    """As ``MilvusAdapter.search``, together with others who ask for the same of other vectors at this moment.

    Raises:
        DeadlineExceeded: ``query.timeout``, or that of reads, was over first.
        VectorStoreError: what this search alone raises.
    """

    def call(queries: Sequence[VectorQuery], seconds: float) -> list[Found]:
        stats = CallStats()
        together = replace(
            query,
            vectors=[vector for each in queries for vector in each.vectors],
            after=max(each.after for each in queries),
            timeout=seconds,
        )
        found = iter(adapter.search(database, collection, together, stats))
        return [Found([next(found) for _ in each.vectors], stats) for each in queries]

    if query.nothing:
        return Shared(call([query], 0.0)[0], batch=1, waited=0.0)
    asked = len(query.vectors)
    size = max(asked, asked * query.limit // _ROWS_A_PLACE)
    deadline = CallKind.READ.value.deadline if query.timeout is None else query.timeout
    return _of(adapter).ask(_key(adapter, database, collection, query), query, call, size=size, deadline=deadline)


def waiting(adapter: MilvusAdapter, database: str, collection: Collection, query: VectorQuery) -> int:
    """How many wait at this moment to ask for the same as ``query``."""
    return len(_of(adapter).waiting(_key(adapter, database, collection, query)))


def _of(adapter: MilvusAdapter) -> Coalescer[VectorQuery, Found]:
    return _one_at_a_time if adapter.single_writer else _coalescer


def _key(adapter: MilvusAdapter, database: str, collection: Collection, query: VectorQuery) -> Hashable:
    return (
        id(adapter),
        database,
        collection.name,
        query.field.name,
        query.limit,
        query.offset,
        orjson.dumps(query.params, option=orjson.OPT_SORT_KEYS),
        query.expression,
        tuple(query.output_fields),
        tuple(query.partitions),
        query.consistency,
        query.group_by,
        query.timeout,
    )
