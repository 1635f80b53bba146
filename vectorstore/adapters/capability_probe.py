"""Finds out what an engine can do by asking it, in scratch collections that are dropped afterwards.

Names of versions are not believed: each index kind is built over real rows (Milvus Lite accepts some kinds
while a collection is empty and fails later), expressions are sent, and calls that not every version has are
tried. Takes about a second on Milvus Lite and ten on Milvus, once per engine version.

DISKANN is not built: on an engine without its storage support the build never ends and blocks others. It
counts as present where Milvus says that it is 2.4 or later.
"""

import logging
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
from pymilvus.grpc_gen import milvus_pb2

from vectorstore.adapters.capabilities import Capabilities
from vectorstore.adapters.milvus_adapter import MilvusAdapter
from vectorstore.adapters.read_calls import LARGEST_INT64, RowQuery
from vectorstore.adapters.retry_mechanism import CallKind
from vectorstore.adapters.search_calls import VectorQuery
from vectorstore.domain.batch import Batch
from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.errors import EngineUnavailable, OutcomeUnknown, UnsupportedByEngine, VectorStoreError
from vectorstore.domain.filters import Dialect
from vectorstore.domain.models import Consistency, DataType, IndexKind, IndexSpec, Metric

log = logging.getLogger(__name__)

PROBE_PREFIX = "_vectorstore_probe_"
_DATABASE = "default"
_ROWS = 1100  # Milvus builds no index over fewer than 1,024 rows of a segment
_BUILD_DEADLINE_S = 15.0
_DIMENSION = 8

_PARAMS: dict[IndexKind, dict[str, Any]] = {
    IndexKind.IVF_FLAT: {"nlist": 8},
    IndexKind.IVF_SQ8: {"nlist": 8},
    IndexKind.IVF_PQ: {"nlist": 8, "m": 4, "nbits": 8},
    IndexKind.HNSW: {"M": 8, "efConstruction": 32},
    IndexKind.HNSW_SQ: {"M": 8, "efConstruction": 32, "sq_type": "SQ8"},
    IndexKind.HNSW_PQ: {"M": 8, "efConstruction": 32, "m": 4, "nbits": 8},
    IndexKind.SCANN: {"nlist": 8},
    IndexKind.BIN_IVF_FLAT: {"nlist": 8},
}
_DENSE_KINDS = (
    IndexKind.FLAT, IndexKind.IVF_FLAT, IndexKind.IVF_SQ8, IndexKind.IVF_PQ, IndexKind.HNSW, IndexKind.HNSW_SQ,
    IndexKind.HNSW_PQ, IndexKind.SCANN, IndexKind.AUTOINDEX,
)  # fmt: skip
_OTHER_TYPES: tuple[tuple[DataType, tuple[IndexKind, ...], Metric], ...] = (
    (DataType.SPARSE_FLOAT_VECTOR, (IndexKind.SPARSE_INVERTED_INDEX, IndexKind.SPARSE_WAND), Metric.IP),
    (DataType.BINARY_VECTOR, (IndexKind.BIN_FLAT, IndexKind.BIN_IVF_FLAT), Metric.HAMMING),
    (DataType.FLOAT16_VECTOR, (IndexKind.HNSW,), Metric.L2),
    (DataType.BFLOAT16_VECTOR, (IndexKind.HNSW,), Metric.L2),
)


def probe(adapter: MilvusAdapter) -> Capabilities:
    """Ask the engine behind ``adapter``.

    Raises:
        EngineUnavailable: it went away meanwhile; nothing is concluded from that.
    """
    version = adapter.version()
    kinds: list[IndexKind] = []
    metrics: list[Metric] = []
    vector_types = [DataType.FLOAT_VECTOR]
    with _scratch(adapter, _dense()) as (dense, habits):
        kinds += _buildable(adapter, dense, _DENSE_KINDS, Metric.L2)
        metrics += [metric for metric in (Metric.L2, Metric.IP, Metric.COSINE) if _has_metric(adapter, dense, metric)]
        habits |= _habits(adapter, dense)
        dialect = _dialect(adapter, dense)
        calls = _calls(adapter, dense)
    for kind, candidates, metric in _OTHER_TYPES:
        try:
            with _scratch(adapter, _other(kind)) as (other, _):
                accepted = _accepted(adapter, other, candidates, metric)
                if not accepted:
                    continue
                _use(adapter, other, accepted[0], metric)
                vector_types.append(kind)
                kinds += [item for item in accepted if item not in kinds]
                if kind is DataType.BINARY_VECTOR:
                    adapter.release_collection(_DATABASE, other.name)
                    adapter.drop_index(_DATABASE, other.name, "vector")
                    metrics += [m for m in (Metric.HAMMING, Metric.JACCARD) if _has_metric(adapter, other, m)]
        except (EngineUnavailable, OutcomeUnknown):
            raise
        except VectorStoreError:
            continue
    if re.match(r"v?2\.([4-9]|\d\d)\.|v?[3-9]\.", version):
        kinds.append(IndexKind.DISKANN)
    return Capabilities(
        version=version,
        index_kinds=tuple(kinds),
        vector_types=tuple(vector_types),
        metrics=tuple(metrics),
        dialect=dialect,
        several_vector_fields=_can_create(adapter, _two_vectors()),
        nullable=_can_create(adapter, _nullable()),
        **habits,
        **calls,
    )


def _dense(name: str = "") -> Collection:
    fields = (
        Field("id", DataType.INT64, primary=True),
        Field("vector", DataType.FLOAT_VECTOR, dimension=_DIMENSION),
        Field("word", DataType.VARCHAR, max_length=64),
        Field("meta", DataType.JSON),
        Field("number", DataType.INT64),
    )
    return Collection(name=name, fields=fields)


def _other(kind: DataType) -> Collection:
    dimension = None if kind is DataType.SPARSE_FLOAT_VECTOR else _DIMENSION
    fields = (Field("id", DataType.INT64, primary=True), Field("vector", kind, dimension=dimension))
    return Collection(name="", fields=fields)


def _two_vectors() -> Collection:
    base = _dense()
    return Collection(name="", fields=(*base.fields, Field("other", DataType.FLOAT_VECTOR, dimension=_DIMENSION)))


def _nullable() -> Collection:
    base = _dense()
    return Collection(name="", fields=(*base.fields, Field("maybe", DataType.INT64, nullable=True)))


def _named(collection: Collection) -> Collection:
    name = PROBE_PREFIX + secrets.token_hex(6)
    return Collection(name=name, fields=collection.fields, dynamic_fields=collection.dynamic_fields)


@contextmanager
def _scratch(adapter: MilvusAdapter, shape: Collection) -> Iterator[tuple[Collection, dict[str, Any]]]:
    """A collection, filled and flushed where it is the dense one, with the engine's habits seen on the way."""
    collection = _named(shape)
    adapter.create_collection(_DATABASE, collection)
    try:
        habits: dict[str, Any] = {}
        if collection.field("word"):
            _, timestamp = adapter.insert(_DATABASE, collection, _rows(range(1, _ROWS)))
            adapter.flush(_DATABASE, collection.name)
            habits["timestamps"] = timestamp > 0
            # Milvus Lite alone stamps no write; its other two habits show only in a crash or a race.
            habits["single_writer"] = habits["forgets_loaded"] = timestamp == 0
        yield collection, habits
    finally:
        _attempt(lambda: adapter.drop_collection(_DATABASE, collection.name))


def _rows(ids: range | list[int]) -> Batch:
    generator = np.random.default_rng(7)
    count = len(ids)
    return Batch(
        size=count,
        ids=list(ids),
        dynamic=[b'{"extra": 1}'] * count,
        columns={
            "id": list(ids),
            "vector": generator.normal(size=(count, _DIMENSION)).astype(np.float32),
            "word": ["probe"] * count,
            "meta": [b'{"k": 1}'] * count,
            "number": [number % 10 for number in range(count)],
        },
    )


def _attempt(call: Callable[[], object]) -> bool:
    try:
        call()
    except (EngineUnavailable, OutcomeUnknown):
        raise
    except VectorStoreError as error:
        log.debug("probe: %s", error)
        return False
    return True


def _accepted(
    adapter: MilvusAdapter, collection: Collection, kinds: tuple[IndexKind, ...], metric: Metric
) -> list[IndexKind]:
    """Kinds whose definition the engine takes."""
    found = []
    for kind in kinds:
        spec = IndexSpec("vector", kind, metric, _PARAMS.get(kind, {}))
        if _attempt(partial(adapter.create_index, _DATABASE, collection.name, spec)):
            found.append(kind)
        # Always: Milvus Lite keeps a definition that it has just refused.
        _attempt(lambda: _drop_index(adapter, collection))
    return found


def _drop_index(adapter: MilvusAdapter, collection: Collection) -> None:
    """Milvus Lite loads what it makes, and a loaded collection keeps its index."""
    adapter.release_collection(_DATABASE, collection.name)
    adapter.drop_index(_DATABASE, collection.name, "vector")


def _buildable(
    adapter: MilvusAdapter, collection: Collection, kinds: tuple[IndexKind, ...], metric: Metric
) -> list[IndexKind]:
    """Kinds that end in a finished index over the rows."""
    found = []
    for kind in kinds:
        spec = IndexSpec("vector", kind, metric, _PARAMS.get(kind, {}))

        def build(spec: IndexSpec = spec) -> None:
            adapter.create_index(_DATABASE, collection.name, spec)
            adapter.wait_for_index(_DATABASE, collection.name, "vector", _BUILD_DEADLINE_S)

        if _attempt(build):
            found.append(kind)
        _attempt(lambda: _drop_index(adapter, collection))
    return found


def _use(adapter: MilvusAdapter, collection: Collection, kind: IndexKind, metric: Metric) -> None:
    """Insert, index, load and search a vector of a type: some engines take a type and cannot use it."""
    field = collection.vector_fields[0]
    vector: Any = np.ones(_DIMENSION, np.float32)
    if field.type is DataType.SPARSE_FLOAT_VECTOR:
        vector = {1: 1.0}
    elif field.type is DataType.BINARY_VECTOR:
        vector = b"\x01"
    batch = Batch(size=1, ids=[1], dynamic=[b"{}"], columns={"id": [1], "vector": [vector]})
    adapter.insert(_DATABASE, collection, batch)
    adapter.create_index(_DATABASE, collection.name, IndexSpec("vector", kind, metric, _PARAMS.get(kind, {})))
    adapter.load_collection(_DATABASE, collection.name, deadline=_BUILD_DEADLINE_S)
    query = VectorQuery(field=field, vectors=[vector], limit=1, consistency=Consistency.STRONG)
    if [hit.id for hit in adapter.search(_DATABASE, collection, query)[0]] != [1]:
        raise UnsupportedByEngine(f"{field.type} is not found again")


def _has_metric(adapter: MilvusAdapter, collection: Collection, metric: Metric) -> bool:
    kind = IndexKind.BIN_FLAT if metric in (Metric.HAMMING, Metric.JACCARD) else IndexKind.FLAT
    return bool(_accepted(adapter, collection, (kind,), metric))


def _habits(adapter: MilvusAdapter, collection: Collection) -> dict[str, Any]:
    """Index and load the dense collection, then write and read it as a user would."""
    adapter.create_index(_DATABASE, collection.name, IndexSpec("vector", IndexKind.FLAT, Metric.L2))
    adapter.load_collection(_DATABASE, collection.name)
    adapter.insert(_DATABASE, collection, _rows([1, LARGEST_INT64]))

    def rows(expression: str) -> int:
        query = RowQuery(expression=expression, output_fields=["id"], consistency=Consistency.STRONG)
        return len(adapter.query(_DATABASE, collection, query))

    def count(expression: str) -> int:
        query = RowQuery(expression=expression, output_fields=[], consistency=Consistency.STRONG)
        return adapter.count(_DATABASE, collection, query)

    return {
        "insert_replaces": count("id == 1") == 1,
        "reads_largest_int64": rows(f"id == {LARGEST_INT64}") == 1,
    }


def _dialect(adapter: MilvusAdapter, collection: Collection) -> Dialect:
    def takes(expression: str) -> bool:
        query = RowQuery(expression=expression, output_fields=["id"], limit=1)
        return _attempt(lambda: adapter.query(_DATABASE, collection, query))

    return Dialect(
        json_path_in=takes('meta["k"] in [1, 2]'),
        infix_like=takes('word like "%rob%"'),
        is_null=takes('meta["k"] is null'),
        text_match=takes('text_match(word, "probe")'),
        modulo=takes("number % 2 == 1"),
    )


def _calls(adapter: MilvusAdapter, collection: Collection) -> dict[str, Any]:
    name = collection.name
    query = VectorQuery(
        field=collection.vector_fields[0], vectors=[np.ones(_DIMENSION, np.float32)], limit=1, output_fields=[]
    )
    rank = {"strategy": "rrf", "params": {"k": 60}}
    template = milvus_pb2.QueryRequest(collection_name=name, expr="number == {n}", output_fields=["id"])
    template.expr_template_values["n"].int64_val = 1
    more = Field("added", DataType.INT64, nullable=True)
    return {
        "hybrid_search": _attempt(lambda: adapter.hybrid_search(_DATABASE, collection, [query, query], rank, 1, [])),
        "templates": _attempt(lambda: adapter.rpc.call("Query", template, CallKind.READ)),
        "segments": _attempt(lambda: adapter.segments(_DATABASE, name)),
        "replicas": _has(lambda: adapter.replicas(_DATABASE, name)),
        "resource_groups": _attempt(adapter.list_resource_groups),
        "users": _attempt(adapter.list_users),
        "add_field": _attempt(lambda: adapter.add_field(_DATABASE, name, more)),
        "truncate": _attempt(lambda: adapter.truncate_collection(_DATABASE, name)),
    }


def _has(call: Callable[[], object]) -> bool:
    """Whether the engine knows the call, whatever it answers."""
    try:
        call()
    except UnsupportedByEngine:
        return False
    except (EngineUnavailable, OutcomeUnknown):
        raise
    except VectorStoreError:
        return True
    return True


def _can_create(adapter: MilvusAdapter, shape: Collection) -> bool:
    collection = _named(shape)
    if not _attempt(lambda: adapter.create_collection(_DATABASE, collection)):
        return False
    kept = adapter.describe_collection(_DATABASE, collection.name).schema
    adapter.drop_collection(_DATABASE, collection.name)
    # An older engine takes the message and forgets what it does not know.
    return all(kept.field(field.name) == field for field in collection.fields)
