"""Vectors in clusters, as those of texts are: easy enough for an index, and not for every effort alike."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import numpy as np

from vectorstore.domain.errors import NotFound
from vectorstore.domain.models import Metric
from vectorstore.domain.requests import CollectionSpec, IndexRequest
from vectorstore.domain.vector import Floats
from vectorstore.service import AliasService, CollectionService, VectorService

DIMENSION = 32


def clustered(rows: int, dimension: int = DIMENSION, seed: int = 1) -> Floats:
    generator = np.random.default_rng(seed)
    centres = generator.normal(size=(max(1, rows // 100), dimension))
    found = centres[generator.integers(len(centres), size=rows)] + generator.normal(scale=0.6, size=(rows, dimension))
    return found.astype(np.float32)


@contextmanager
def collection(vectors: Floats, index: IndexRequest, metric: Metric = Metric.L2) -> Iterator[str]:
    """With those rows, whose ids are their places; it goes afterwards, with its aliases."""
    name = f"c_{secrets.token_hex(6)}"
    spec = CollectionSpec(name=name, dimension=vectors.shape[1], metric=metric, index=index)
    CollectionService().create(spec)
    try:
        for start in range(0, len(vectors), 1_000):
            part = vectors[start : start + 1_000]
            VectorService().insert(name, [{"id": str(start + n), "vector": row} for n, row in enumerate(part)])
        CollectionService().flush(name)
        yield name
    finally:
        with suppress(NotFound):
            for alias in CollectionService().describe(name).aliases:
                AliasService().drop(alias)
            CollectionService().drop(name)
