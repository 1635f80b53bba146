"""Value types that name Milvus's own concepts."""

from dataclasses import dataclass
from dataclasses import field as made_by
from enum import StrEnum
from typing import Any

Sparse = dict[int, float]
RowId = str | int


class DataType(StrEnum):
    """Field types, by Milvus's names."""

    BOOL = "BOOL"
    INT8 = "INT8"
    INT16 = "INT16"
    INT32 = "INT32"
    INT64 = "INT64"
    FLOAT = "FLOAT"
    DOUBLE = "DOUBLE"
    VARCHAR = "VARCHAR"
    JSON = "JSON"
    ARRAY = "ARRAY"
    FLOAT_VECTOR = "FLOAT_VECTOR"
    FLOAT16_VECTOR = "FLOAT16_VECTOR"
    BFLOAT16_VECTOR = "BFLOAT16_VECTOR"
    BINARY_VECTOR = "BINARY_VECTOR"
    SPARSE_FLOAT_VECTOR = "SPARSE_FLOAT_VECTOR"

    @property
    def is_vector(self) -> bool:
        return self.endswith("VECTOR")

    @property
    def is_integer(self) -> bool:
        return self in INTEGER_RANGES

    @property
    def is_float(self) -> bool:
        return self in (DataType.FLOAT, DataType.DOUBLE)


INTEGER_RANGES: dict[DataType, tuple[int, int]] = {
    DataType.INT8: (-(2**7), 2**7 - 1),
    DataType.INT16: (-(2**15), 2**15 - 1),
    DataType.INT32: (-(2**31), 2**31 - 1),
    DataType.INT64: (-(2**63), 2**63 - 1),
}


class Metric(StrEnum):
    """How two vectors are compared. For L2, HAMMING and JACCARD smaller is nearer; for IP and COSINE larger."""

    L2 = "L2"
    IP = "IP"
    COSINE = "COSINE"
    HAMMING = "HAMMING"
    JACCARD = "JACCARD"

    @property
    def larger_is_nearer(self) -> bool:
        return self in (Metric.IP, Metric.COSINE)


METRICS_BY_TYPE: dict[DataType, tuple[Metric, ...]] = {
    DataType.FLOAT_VECTOR: (Metric.L2, Metric.IP, Metric.COSINE),
    DataType.FLOAT16_VECTOR: (Metric.L2, Metric.IP, Metric.COSINE),
    DataType.BFLOAT16_VECTOR: (Metric.L2, Metric.IP, Metric.COSINE),
    DataType.BINARY_VECTOR: (Metric.HAMMING, Metric.JACCARD),
    DataType.SPARSE_FLOAT_VECTOR: (Metric.IP,),
}


class IndexKind(StrEnum):
    """Index kinds by Milvus's names; ``AUTO`` is our choice, ``AUTOINDEX`` the engine's."""

    AUTO = "AUTO"
    AUTOINDEX = "AUTOINDEX"
    FLAT = "FLAT"
    IVF_FLAT = "IVF_FLAT"
    IVF_SQ8 = "IVF_SQ8"
    IVF_PQ = "IVF_PQ"
    HNSW = "HNSW"
    HNSW_SQ = "HNSW_SQ"
    HNSW_PQ = "HNSW_PQ"
    SCANN = "SCANN"
    DISKANN = "DISKANN"
    BIN_FLAT = "BIN_FLAT"
    BIN_IVF_FLAT = "BIN_IVF_FLAT"
    SPARSE_INVERTED_INDEX = "SPARSE_INVERTED_INDEX"
    SPARSE_WAND = "SPARSE_WAND"


class Consistency(StrEnum):
    """Milvus's levels. Bounded is the default and, through the gateway, always includes this gateway's own writes."""

    STRONG = "Strong"
    SESSION = "Session"
    BOUNDED = "Bounded"
    EVENTUALLY = "Eventually"


class LoadState(StrEnum):
    LOADED = "loaded"
    LOADING = "loading"
    NOT_LOADED = "not_loaded"


@dataclass(frozen=True, slots=True)
class IndexSpec:
    """An index as asked for or as built on one field."""

    field: str
    kind: IndexKind
    metric: Metric
    params: dict[str, Any] = made_by(default_factory=dict)


@dataclass(frozen=True, slots=True)
class IndexState:
    """An index as the engine reports it; ``state`` is ``Finished``, ``InProgress`` or ``Failed``.

    The counts are of all rows, and None for who may not know of all of them.
    """

    spec: IndexSpec
    state: str
    indexed_rows: int | None
    total_rows: int | None


@dataclass(frozen=True, slots=True)
class SearchHit:
    """One row found. ``score`` is the metric's own value (L2: squared distance, as Milvus gives it)."""

    id: RowId
    score: float
    fields: dict[str, Any] = made_by(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CollectionName:
    """Where a collection is: cluster, database, name. The address used in locks, caches and logs."""

    cluster: str
    database: str
    name: str

    def __str__(self) -> str:
        return f"{self.cluster}/{self.database}/{self.name}"
