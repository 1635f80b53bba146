"""What callers ask for, as the REST contract names it. The API decodes JSON straight into these.

They are plain data: the services check them against the schema and the connected engine.
"""

from dataclasses import dataclass
from dataclasses import field as made_by
from typing import Any, Literal

from vectorstore.domain.models import Consistency, DataType, IndexKind, Metric, RowId

JsonVector = list[float] | str | dict[str, float]
"""A dense vector, base64 of little-endian float32, or a sparse ``{"index": weight}``."""

Row = dict[str, Any]
Filters = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSpec:
    name: str
    type: DataType
    primary: bool = False
    auto_id: bool = False
    dimension: int | None = None
    max_length: int | None = None
    element_type: DataType | None = None
    max_capacity: int | None = None
    nullable: bool = False
    default: Any = None
    partition_key: bool = False
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexRequest:
    """``field`` may be left out where the collection has one vector field; ``type`` AUTO lets us choose."""

    field: str | None = None
    type: IndexKind = IndexKind.AUTO
    metric: Metric | None = None
    params: dict[str, Any] = made_by(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdviceRequest:
    """Measure indexes on a sample of ``sample`` rows, all where there are fewer, for ``max_seconds`` at the most.

    ``field`` may be left out where the collection has one vector field; ``memory_budget_mb`` is in mebibytes, for the
    whole collection.
    """

    field: str | None = None
    sample: int = 50_000
    recall_target: float = 0.95
    memory_budget_mb: float | None = None
    max_seconds: int = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyAdviceRequest:
    """Build the index of ``point``, a place in the advice's points; without it the recommended one."""

    field: str | None = None
    point: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingSpec:
    """Which embedder turns the text of ``source`` into the vector of ``field``; ``options`` are the embedder's own."""

    provider: str
    source: str
    field: str | None = None
    options: dict[str, Any] = made_by(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionSpec:
    """Create a collection: the short form gives ``dimension`` and ``metric``, the full form ``fields``."""

    name: str
    dimension: int | None = None
    metric: Metric | None = None
    auto_id: bool = False
    description: str = ""
    fields: list[FieldSpec] | None = None
    index: IndexRequest | None = None
    dynamic_fields: bool = True
    shards: int | None = None
    replicas: int | None = None
    expected_rows: int | None = None
    consistency: Consistency = Consistency.BOUNDED
    protected: bool = False
    properties: dict[str, str] = made_by(default_factory=dict)
    embedding: EmbeddingSpec | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionChanges:
    """PATCH of a collection: what is None stays as it is.

    ``cache_ttl_s`` is how many seconds an answer to a search is kept, 0 for as many as the gateway's setting says.
    """

    description: str | None = None
    properties: dict[str, str | None] | None = None
    replicas: int | None = None
    protected: bool | None = None
    embedding: EmbeddingSpec | None = None
    cache_enabled: bool | None = None
    cache_ttl_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteRequest:
    vectors: list[Row]
    partition: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GetRequest:
    ids: list[RowId]
    output_fields: list[str] | None = None
    profile: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryRequest:
    filter: str | None = None
    filters: Filters | None = None
    output_fields: list[str] | None = None
    limit: int = 100
    offset: int = 0
    partitions: list[str] = made_by(default_factory=list)
    consistency: Consistency | None = None
    profile: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CountRequest:
    filter: str | None = None
    filters: Filters | None = None
    profile: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteRequest:
    """Exactly one of the three."""

    ids: list[RowId] | None = None
    filter: str | None = None
    filters: Filters | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _SearchOptions:
    filter: str | None = None
    filters: Filters | None = None
    output_fields: list[str] | None = None
    field: str | None = None
    partitions: list[str] = made_by(default_factory=list)
    params: dict[str, Any] = made_by(default_factory=dict)
    recall_target: float | None = None
    consistency: Consistency | None = None
    cache: bool = True
    profile: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest(_SearchOptions):
    """Exactly one of ``vector``, ``vectors``, ``id`` and (where an embedder is configured) ``text``."""

    vector: JsonVector | None = None
    vectors: list[JsonVector] | None = None
    id: RowId | None = None
    text: str | None = None
    top_k: int = 10
    offset: int = 0
    group_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeRequest(_SearchOptions):
    """Every row within ``radius``; ``range_filter`` is the nearer bound of a ring."""

    radius: float
    vector: JsonVector | None = None
    id: RowId | None = None
    text: str | None = None
    range_filter: float | None = None
    limit: int = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class HybridPart:
    vector: JsonVector | None = None
    text: str | None = None
    field: str | None = None
    filter: str | None = None
    filters: Filters | None = None
    top_k: int = 10
    params: dict[str, Any] = made_by(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rerank:
    """Reciprocal rank fusion with constant ``k``, or a weighted sum of normalised scores."""

    strategy: Literal["rrf", "weighted"] = "rrf"
    k: float = 60
    weights: list[float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HybridRequest:
    searches: list[HybridPart]
    rerank: Rerank = made_by(default_factory=Rerank)
    top_k: int = 10
    filter: str | None = None
    filters: Filters | None = None
    output_fields: list[str] | None = None
    partitions: list[str] = made_by(default_factory=list)
    consistency: Consistency | None = None
    profile: bool = False
    cache: bool = True
