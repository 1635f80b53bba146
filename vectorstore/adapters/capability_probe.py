"""Finds out what an engine can do by asking it, in scratch collections that are dropped afterwards.

Names of versions are not believed: each index kind is built over real rows (Milvus Lite accepts some kinds
while a collection is empty and fails later), expressions are sent, and calls that not every version has are
tried. Takes about a second on Milvus Lite and ten on Milvus, once per engine version.

DISKANN is not built: on an engine without its storage support the build never ends and blocks others. It
counts as present where Milvus says that it is 2.4 or later.
"""

import logging
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from pymilvus.grpc_gen import milvus_pb2

from vectorstore.adapters.capabilities import Capabilities
from vectorstore.adapters.milvus_adapter import MilvusAdapter
from vectorstore.adapters.probe_scratch import (
    DATABASE,
    DIMENSION,
    attempt,
    dense_shape,
    named,
    nullable,
    rows_for,
    scratch,
    shape_of,
    two_vectors,
)
from vectorstore.adapters.read_calls import LARGEST_INT64, RowQuery
from vectorstore.adapters.retry_mechanism import CallKind
from vectorstore.adapters.search_calls import VectorQuery
from vectorstore.domain.batch import Batch
from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.errors import EngineUnavailable, OutcomeUnknown, UnsupportedByEngine, VectorStoreError
from vectorstore.domain.filters import Dialect
from vectorstore.domain.models import Consistency, DataType, IndexKind, IndexSpec, Metric

log = logging.getLogger(__name__)

_BUILD_DEADLINE_S = 15.0

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
    with scratch(adapter, dense_shape()) as (dense, habits):
        kinds += _buildable(adapter, dense, _DENSE_KINDS, Metric.L2)
        metrics += [metric for metric in (Metric.L2, Metric.IP, Metric.COSINE) if _has_metric(adapter, dense, metric)]
        habits |= _habits(adapter, dense)
        dialect = _dialect(adapter, dense)
        calls = _calls(adapter, dense)
    for kind, candidates, metric in _OTHER_TYPES:
        try:
            with scratch(adapter, shape_of(kind)) as (other, _):
                accepted = _accepted(adapter, other, candidates, metric)
                if not accepted:
                    continue
                _use(adapter, other, accepted[0], metric)
                vector_types.append(kind)
                kinds += [item for item in accepted if item not in kinds]
                if kind is DataType.BINARY_VECTOR:
                    adapter.release_collection(DATABASE, other.name)
                    adapter.drop_index(DATABASE, other.name, "vector")
                    metrics += [m for m in (Metric.HAMMING, Metric.JACCARD) if _has_metric(adapter, other, m)]
        except (EngineUnavailable, OutcomeUnknown):
            raise
        except VectorStoreError:
            continue
    if re.match(r"v?2\.([4-9]|\d\d)\.|v?[3-9]\.", version):
        kinds.append(IndexKind.DISKANN)
    nulls = _can_create(adapter, nullable())
    return Capabilities(
        version=version,
        index_kinds=tuple(kinds),
        vector_types=tuple(vector_types),
        metrics=tuple(metrics),
        dialect=replace(dialect, null_is_unknown=not nulls or _null_is_unknown(adapter)),
        several_vector_fields=_can_create(adapter, two_vectors()),
        nullable=nulls,
        **habits,
        **calls,
    )


def _accepted(
    adapter: MilvusAdapter, collection: Collection, kinds: tuple[IndexKind, ...], metric: Metric
) -> list[IndexKind]:
    """Kinds whose definition the engine takes."""
    found = []
    for kind in kinds:
        spec = IndexSpec("vector", kind, metric, _PARAMS.get(kind, {}))
        if attempt(partial(adapter.create_index, DATABASE, collection.name, spec)):
            found.append(kind)
        # Always: Milvus Lite keeps a definition that it has just refused.
        attempt(lambda: _drop_index(adapter, collection))
    return found


def _drop_index(adapter: MilvusAdapter, collection: Collection) -> None:
    """Milvus Lite loads what it makes, and a loaded collection keeps its index."""
    adapter.release_collection(DATABASE, collection.name)
    adapter.drop_index(DATABASE, collection.name, "vector")


def _buildable(
    adapter: MilvusAdapter, collection: Collection, kinds: tuple[IndexKind, ...], metric: Metric
) -> list[IndexKind]:
    """Kinds that end in a finished index over the rows."""
    found = []
    for kind in kinds:
        spec = IndexSpec("vector", kind, metric, _PARAMS.get(kind, {}))

        def build(spec: IndexSpec = spec) -> None:
            adapter.create_index(DATABASE, collection.name, spec)
            adapter.wait_for_index(DATABASE, collection.name, "vector", _BUILD_DEADLINE_S)

        if attempt(build):
            found.append(kind)
        attempt(lambda: _drop_index(adapter, collection))
    return found


def _use(adapter: MilvusAdapter, collection: Collection, kind: IndexKind, metric: Metric) -> None:
    """Insert, index, load and search a vector of a type: some engines take a type and cannot use it."""
    field = collection.vector_fields[0]
    vector: Any = np.ones(DIMENSION, np.float32)
    if field.type is DataType.SPARSE_FLOAT_VECTOR:
        vector = {1: 1.0}
    elif field.type is DataType.BINARY_VECTOR:
        vector = b"\x01"
    batch = Batch(size=1, ids=[1], dynamic=[b"{}"], columns={"id": [1], "vector": [vector]})
    adapter.insert(DATABASE, collection, batch)
    adapter.create_index(DATABASE, collection.name, IndexSpec("vector", kind, metric, _PARAMS.get(kind, {})))
    adapter.load_collection(DATABASE, collection.name, deadline=_BUILD_DEADLINE_S)
    query = VectorQuery(field=field, vectors=[vector], limit=1, consistency=Consistency.STRONG)
    if [hit.id for hit in adapter.search(DATABASE, collection, query)[0]] != [1]:
        raise UnsupportedByEngine(f"{field.type} is not found again")


def _has_metric(adapter: MilvusAdapter, collection: Collection, metric: Metric) -> bool:
    kind = IndexKind.BIN_FLAT if metric in (Metric.HAMMING, Metric.JACCARD) else IndexKind.FLAT
    return bool(_accepted(adapter, collection, (kind,), metric))


def _habits(adapter: MilvusAdapter, collection: Collection) -> dict[str, Any]:
    """Index and load the dense collection, then write and read it as a user would."""
    adapter.create_index(DATABASE, collection.name, IndexSpec("vector", IndexKind.FLAT, Metric.L2))
    adapter.load_collection(DATABASE, collection.name)
    adapter.insert(DATABASE, collection, rows_for([1, LARGEST_INT64]))

    def rows(expression: str) -> int:
        query = RowQuery(expression=expression, output_fields=["id"], consistency=Consistency.STRONG)
        return len(adapter.query(DATABASE, collection, query))

    def count(expression: str) -> int:
        query = RowQuery(expression=expression, output_fields=[], consistency=Consistency.STRONG)
        return adapter.count(DATABASE, collection, query)

    return {
        "insert_replaces": count("id == 1") == 1,
        "reads_largest_int64": rows(f"id == {LARGEST_INT64}") == 1,
    }


def _dialect(adapter: MilvusAdapter, collection: Collection) -> Dialect:
    def rows(expression: str) -> list[dict[str, Any]]:
        query = RowQuery(expression=expression, output_fields=["id"], limit=1, consistency=Consistency.STRONG)
        return adapter.query(DATABASE, collection, query)

    def takes(expression: str) -> bool:
        return attempt(lambda: rows(expression))

    return Dialect(
        json_path_in=takes('meta["k"] in [1, 2]'),
        infix_like=takes('word like "%rob%"'),
        is_null=takes('meta["k"] is null'),
        text_match=takes('text_match(word, "probe")'),
        modulo=takes("number % 2 == 1"),
        missing_is_false=bool(rows('meta["absent"] != 1')),
        computed_order=takes("number + 1 > 2"),
        free_arithmetic=takes("1 - number == 2"),
        array_length_path=takes('array_length(meta["k"]) == 1'),
        meta_contains=takes('json_contains($meta["a b"], 1)'),
    )


def _null_is_unknown(adapter: MilvusAdapter) -> bool:
    with scratch(adapter, nullable()) as (collection, _):
        vector = np.ones(DIMENSION, np.float32)
        batch = Batch(size=1, ids=[1], dynamic=[b"{}"], columns={"id": [1], "vector": [vector], "maybe": [None]})
        adapter.create_index(DATABASE, collection.name, IndexSpec("vector", IndexKind.FLAT, Metric.L2))
        adapter.load_collection(DATABASE, collection.name)
        adapter.insert(DATABASE, collection, batch)
        query = RowQuery(expression="maybe not in [1]", output_fields=["id"], consistency=Consistency.STRONG)
        return not adapter.query(DATABASE, collection, query)


def _calls(adapter: MilvusAdapter, collection: Collection) -> dict[str, Any]:
    name = collection.name
    query = VectorQuery(
        field=collection.vector_fields[0], vectors=[np.ones(DIMENSION, np.float32)], limit=1, output_fields=[]
    )
    rank = {"strategy": "rrf", "params": {"k": 60}}
    template = milvus_pb2.QueryRequest(collection_name=name, expr="number == {n}", output_fields=["id"])
    template.expr_template_values["n"].int64_val = 1
    more = Field("added", DataType.INT64, nullable=True)
    return {
        "hybrid_search": attempt(lambda: adapter.hybrid_search(DATABASE, collection, [query, query], rank, 1, [])),
        "templates": attempt(lambda: adapter.rpc.call("Query", template, CallKind.READ)),
        "segments": attempt(lambda: adapter.segments(DATABASE, name)),
        "replicas": _has(lambda: adapter.replicas(DATABASE, name)),
        "resource_groups": attempt(adapter.list_resource_groups),
        "users": attempt(adapter.list_users),
        "add_field": attempt(lambda: adapter.add_field(DATABASE, name, more)),
        "truncate": attempt(lambda: adapter.truncate_collection(DATABASE, name)),
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
    collection = named(shape)
    if not attempt(lambda: adapter.create_collection(DATABASE, collection)):
        return False
    kept = adapter.describe_collection(DATABASE, collection.name).schema
    adapter.drop_collection(DATABASE, collection.name)
    # An older engine takes the message and forgets what it does not know.
    return all(kept.field(field.name) == field for field in collection.fields)
