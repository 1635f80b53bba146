"""Bodies of ``collections/``: the contract's request types, and a collection as JSON."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NotRequired, TypedDict

from vectorstore.api.schemas.indexes import IndexBody, index_body
from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.models import Consistency, DataType, LoadState
from vectorstore.domain.requests import EmbeddingSpec
from vectorstore.service.representations import CollectionStats, CollectionView


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameRequest:
    new_name: str


class FieldBody(TypedDict):
    """A field as the create form takes it; what does not apply is left out."""

    name: str
    type: DataType
    primary: NotRequired[bool]
    auto_id: NotRequired[bool]
    dimension: NotRequired[int]
    max_length: NotRequired[int]
    element_type: NotRequired[DataType]
    max_capacity: NotRequired[int]
    nullable: NotRequired[bool]
    default: NotRequired[Any]
    partition_key: NotRequired[bool]
    description: NotRequired[str]


class EmbeddingBody(TypedDict):
    provider: str
    source: str
    field: str | None
    options: dict[str, Any]


class CollectionBody(TypedDict):
    """A collection with its live state.

    ``row_count`` is exact; it is null while the collection is not loaded. ``load_progress`` is a percentage.
    ``generation`` moves with every change of the schema. ``cache_ttl_s`` is 0 where the gateway's setting counts.
    """

    name: str
    description: str
    dynamic_fields: bool
    auto_id: bool
    consistency: Consistency
    shards: int
    replicas: int
    fields: list[FieldBody]
    indexes: list[IndexBody]
    load_state: LoadState
    load_progress: int
    row_count: int | None
    protected: bool
    owner: str | None
    created_at: datetime
    properties: dict[str, str]
    aliases: list[str]
    partitions: list[str]
    generation: int
    embedding: EmbeddingBody | None
    cache_enabled: bool
    cache_ttl_s: int


class CacheCounts(TypedDict):
    """Searches that the cache answered (``hit``), did not have (``miss``) and was not asked for (``bypass``), answers
    that it was given (``store``), and values in it that were no answer to their key (``refused``).
    """

    hit: int
    miss: int
    bypass: int
    store: int
    refused: int


class SegmentBody(TypedDict):
    """``id`` is a string, because Milvus's segment ids pass 2^53."""

    id: str
    rows: int
    state: str
    memory_bytes: int | None
    index: str


class StatsBody(TypedDict):
    """``row_count`` leaves deleted rows out, ``stored_rows`` counts what the segments still hold.

    For a caller who may see some rows only, ``row_count`` counts those and the rest is null or empty. ``cache`` counts
    since the gateway was started.
    """

    row_count: int | None
    stored_rows: int | None
    size_bytes: int | None
    segments: list[SegmentBody]
    cache: CacheCounts | None


def collection_body(view: CollectionView) -> CollectionBody:
    schema = view.collection
    return {
        "name": schema.name,
        "description": schema.description,
        "dynamic_fields": schema.dynamic_fields,
        "auto_id": schema.auto_id,
        "consistency": schema.consistency,
        "shards": schema.shards,
        "replicas": view.replicas,
        "fields": [_field_body(field, schema) for field in schema.fields],
        "indexes": [index_body(state) for state in view.indexes],
        "load_state": view.load_state,
        "load_progress": view.load_progress,
        "row_count": view.row_count,
        "protected": view.protected,
        "owner": view.owner,
        "created_at": view.created_at,
        "properties": schema.properties,
        "aliases": view.aliases,
        "partitions": view.partitions,
        "generation": view.generation,
        "embedding": _embedding_body(view.embedding),
        "cache_enabled": view.cache_enabled,
        "cache_ttl_s": view.cache_ttl_s,
    }


def stats_body(stats: CollectionStats) -> StatsBody:
    return {
        "row_count": stats.row_count,
        "stored_rows": stats.stored_rows,
        "size_bytes": stats.size_bytes,
        "segments": [
            {
                "id": str(segment.id),
                "rows": segment.rows,
                "state": segment.state,
                "memory_bytes": segment.memory_bytes,
                "index": segment.index,
            }
            for segment in stats.segments
        ],
        "cache": CacheCounts(**stats.cache) if stats.cache is not None else None,  # type: ignore[typeddict-item]
    }


def _embedding_body(spec: EmbeddingSpec | None) -> EmbeddingBody | None:
    if spec is None:
        return None
    return {"provider": spec.provider, "source": spec.source, "field": spec.field, "options": spec.options}


def _field_body(field: Field, schema: Collection) -> FieldBody:
    body: FieldBody = {"name": field.name, "type": field.type}
    if field.primary:
        body["primary"] = True
        body["auto_id"] = schema.auto_id
    if field.dimension is not None:
        body["dimension"] = field.dimension
    if field.max_length is not None:
        body["max_length"] = field.max_length
    if field.element_type is not None:
        body["element_type"] = field.element_type
    if field.max_capacity is not None:
        body["max_capacity"] = field.max_capacity
    if field.nullable:
        body["nullable"] = True
    if field.default is not None:
        body["default"] = field.default
    if field.partition_key:
        body["partition_key"] = True
    if field.description:
        body["description"] = field.description
    return body
