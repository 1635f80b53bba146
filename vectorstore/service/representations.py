"""What services answer with."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vectorstore.adapters.collection_calls import SegmentInfo
from vectorstore.domain.collection import Collection
from vectorstore.domain.models import IndexState, LoadState, SearchHit
from vectorstore.domain.requests import EmbeddingSpec


@dataclass(frozen=True, slots=True)
class CollectionView:
    """A collection with its live state. ``row_count`` is exact (``count(*)``), None while it is not loaded.

    ``cache_ttl_s`` is 0 where the gateway's setting counts.
    """

    collection: Collection
    indexes: list[IndexState]
    load_state: LoadState
    load_progress: int
    replicas: int
    row_count: int | None
    protected: bool
    owner: str | None
    created_at: datetime
    generation: int
    aliases: list[str]
    partitions: list[str]
    embedding: EmbeddingSpec | None
    cache_enabled: bool
    cache_ttl_s: int


@dataclass(frozen=True, slots=True)
class CollectionStats:
    """``size_bytes`` is the memory of loaded segments; None where the engine does not tell.

    ``cache`` is how often the cache was asked and with what result, since the gateway was started.

    Of a caller who may see some rows only, ``row_count`` counts those, and nothing else is said.
    """

    row_count: int | None
    stored_rows: int | None
    size_bytes: int | None
    segments: list[SegmentInfo]
    cache: dict[str, int] | None


@dataclass(frozen=True, slots=True)
class PartitionView:
    name: str
    row_count: int | None


@dataclass(frozen=True, slots=True)
class AliasView:
    alias: str
    collection: str


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """``results`` is a list per query where several vectors were asked for, else one list.

    ``primary`` is the name of the key field, which output fields may repeat.
    """

    results: list[SearchHit] | list[list[SearchHit]]
    cache: str
    took_ms: float
    profile: dict[str, Any] | None = None
    primary: str = ""
