"""Scratch collections of the capability probe, and trying a call to see whether it works."""

import logging
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from vectorstore.adapters.milvus_adapter import MilvusAdapter
from vectorstore.config.collection_config import SCRATCH_PREFIX
from vectorstore.domain.batch import Batch
from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.errors import EngineUnavailable, OutcomeUnknown, VectorStoreError
from vectorstore.domain.models import DataType

log = logging.getLogger(__name__)

PROBE_PREFIX = f"{SCRATCH_PREFIX}probe_"
DATABASE = "default"
DIMENSION = 8
_ROWS = 1100  # Milvus builds no index over fewer than 1,024 rows of a segment


def dense_shape(name: str = "") -> Collection:
    fields = (
        Field("id", DataType.INT64, primary=True),
        Field("vector", DataType.FLOAT_VECTOR, dimension=DIMENSION),
        Field("word", DataType.VARCHAR, max_length=64),
        Field("meta", DataType.JSON),
        Field("number", DataType.INT64),
    )
    return Collection(name=name, fields=fields)


def shape_of(kind: DataType) -> Collection:
    dimension = None if kind is DataType.SPARSE_FLOAT_VECTOR else DIMENSION
    fields = (Field("id", DataType.INT64, primary=True), Field("vector", kind, dimension=dimension))
    return Collection(name="", fields=fields)


def two_vectors() -> Collection:
    base = dense_shape()
    return Collection(name="", fields=(*base.fields, Field("other", DataType.FLOAT_VECTOR, dimension=DIMENSION)))


def nullable() -> Collection:
    base = shape_of(DataType.FLOAT_VECTOR)
    return Collection(name="", fields=(*base.fields, Field("maybe", DataType.INT64, nullable=True)))


def named(collection: Collection) -> Collection:
    name = PROBE_PREFIX + secrets.token_hex(6)
    return Collection(name=name, fields=collection.fields, dynamic_fields=collection.dynamic_fields)


@contextmanager
def scratch(adapter: MilvusAdapter, shape: Collection) -> Iterator[tuple[Collection, dict[str, Any]]]:
    """A collection, filled and flushed where it is the dense one, with the engine's habits seen on the way."""
    collection = named(shape)
    adapter.create_collection(DATABASE, collection)
    try:
        habits: dict[str, Any] = {}
        if collection.field("word"):
            _, timestamp = adapter.insert(DATABASE, collection, rows_for(range(1, _ROWS)))
            adapter.flush(DATABASE, collection.name)
            habits["timestamps"] = timestamp > 0
            # Milvus Lite alone stamps no write; its other two habits show only in a crash or a race.
            habits["single_writer"] = habits["forgets_loaded"] = timestamp == 0
        yield collection, habits
    finally:
        attempt(lambda: adapter.drop_collection(DATABASE, collection.name))


def rows_for(ids: range | list[int]) -> Batch:
    generator = np.random.default_rng(7)
    count = len(ids)
    return Batch(
        size=count,
        ids=list(ids),
        dynamic=[b'{"extra": 1}'] * count,
        columns={
            "id": list(ids),
            "vector": generator.normal(size=(count, DIMENSION)).astype(np.float32),
            "word": ["probe"] * count,
            "meta": [b'{"k": 1}'] * count,
            "number": [number % 10 for number in range(count)],
        },
    )


def attempt(call: Callable[[], object]) -> bool:
    try:
        call()
    except (EngineUnavailable, OutcomeUnknown):
        raise
    except VectorStoreError as error:
        log.debug("probe: %s", error)
        return False
    return True
