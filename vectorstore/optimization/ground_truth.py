"""The true nearest rows of some queries, by comparing each with every row, a block of rows at a time.

The memory it takes is that of one block's scores beside the nearest so far: some tens of megabytes.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from vectorstore.domain.models import Metric, RowId

Numbers = npt.NDArray[np.float64]

_SCORES = 4_000_000
_NUMBERS = 8_000_000
"""Of one step, 8 bytes each."""
_TOLERANCE = 1e-6
"""Of the largest score: engines calculate with 32 bits, and rows that are as near as each other are as good."""


class GroundTruth:
    """The ``most`` nearest rows of each query. ``vectors`` has a float32 array, or bytes for binary ones, per query."""

    def __init__(self, vectors: Sequence[Any], metric: Metric, most: int) -> None:
        self._metric, self._most = metric, most
        self._queries = _numbers(vectors)
        self._scores: Numbers = np.full((len(vectors), 0), 0.0)
        self._ids: npt.NDArray[np.object_] = np.empty((len(vectors), 0), dtype=object)

    def add(self, ids: Sequence[RowId], vectors: Any) -> None:
        """A block of rows: their ids and, in the same order, their vectors."""
        width = max(1, self._queries.shape[1])
        step = max(1, min(_SCORES // max(1, len(self._queries)), _NUMBERS // width))
        for start in range(0, len(ids), step):
            self._add(np.array(ids[start : start + step], dtype=object), _numbers(vectors[start : start + step]))

    def _add(self, ids: npt.NDArray[np.object_], vectors: Numbers) -> None:
        scores = nearness(self._queries, vectors, self._metric)
        best = _largest(scores, self._most)
        scores = np.concatenate([self._scores, np.take_along_axis(scores, best, 1)], axis=1)
        named = np.concatenate([self._ids, ids[best]], axis=1)
        best = _largest(scores, self._most)
        self._scores = np.take_along_axis(scores, best, 1)
        self._ids = np.take_along_axis(named, best, 1)

    def recalls(self, found: Sequence[Sequence[RowId]], top_k: int) -> Numbers:
        """Of each query, which share of the ``top_k`` nearest rows is among those ``found``; shape (queries,).

        Of rows that are equally far, any are as good. Of more than ``most`` such rows some are not known.
        """
        order = np.argsort(-self._scores, axis=1, kind="stable")
        scores, ids = np.take_along_axis(self._scores, order, 1), np.take_along_axis(self._ids, order, 1)
        size = min(top_k, scores.shape[1])
        if not size:
            return np.ones(len(self._queries))
        least = scores[:, size - 1] - _TOLERANCE * np.abs(scores).max(axis=1)
        right = [
            len(set(ids[query][scores[query] >= least[query]]) & set(found[query][:top_k]))
            for query in range(len(self._queries))
        ]
        shares: Numbers = np.minimum(np.array(right, dtype=np.float64) / size, 1.0)
        return shares


def nearness(queries: Numbers, vectors: Numbers, metric: Metric) -> Numbers:
    """Scores of which the larger is the nearer, shape (queries, vectors); binary vectors as zeros and ones."""
    product: Numbers = queries @ vectors.T
    left, right = (queries**2).sum(axis=1)[:, None], (vectors**2).sum(axis=1)[None, :]
    match metric:
        case Metric.IP:
            return product
        case Metric.COSINE:
            lengths: Numbers = np.sqrt(left) * np.sqrt(right)
            cosines: Numbers = np.divide(product, lengths, out=np.zeros_like(product), where=lengths > 0)
            return cosines
        case Metric.JACCARD:  # a row and a query without any bit are alike
            union: Numbers = left + right - product
            alike: Numbers = np.divide(product, union, out=np.ones_like(product), where=union > 0)
            return alike
    squared: Numbers = left + right - 2 * product
    return -squared  # L2, and HAMMING, which is L2 of bits


def _numbers(vectors: Any) -> Numbers:
    if len(vectors) and isinstance(vectors[0], bytes):
        bits = np.frombuffer(b"".join(vectors), dtype=np.uint8).reshape(len(vectors), -1)
        return np.unpackbits(bits, axis=1).astype(np.float64)
    return np.asarray(vectors, dtype=np.float64)


def _largest(scores: Numbers, most: int) -> npt.NDArray[np.intp]:
    if scores.shape[1] <= most:
        return np.broadcast_to(np.arange(scores.shape[1]), scores.shape)
    return np.argpartition(-scores, most - 1, axis=1)[:, :most]
