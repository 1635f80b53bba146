"""Exact nearest vectors by comparing with all of them, and recall by them."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from vectorstore.domain.models import Metric
from vectorstore.domain.vector import Floats

_BLOCK_ROWS = 16_384
_EQUAL = 1e-5
"""Relative: scores this close are the same, whatever order float32 sums were taken in."""


class Nearest:
    """Of ``queries``, shape (q, d), among ``rows``, shape (n, d), both float32; in blocks, for bounded memory."""

    def __init__(self, queries: Floats, rows: Floats, metric: Metric, top_k: int) -> None:
        self._queries, self._rows, self._metric = queries, rows, metric
        self.top_k = min(top_k, len(rows))
        best: npt.NDArray[np.float32] = np.empty((len(queries), 0), np.float32)
        for start in range(0, len(rows), _BLOCK_ROWS):
            scores = np.concatenate((best, nearness(queries, rows[start : start + _BLOCK_ROWS], metric)), axis=1)
            keep = min(self.top_k, scores.shape[1])
            best = np.partition(scores, scores.shape[1] - keep, axis=1)[:, -keep:]
        self._worst = best.min(axis=1)
        """The score of each query's ``top_k``-th row."""

    def right(self, query: int, found: Sequence[int]) -> float:
        """The share of the ``top_k`` nearest that ``found``, places of rows, holds; what ties with the last counts."""
        places = np.array(sorted(set(found)), np.int64)
        if not len(places):
            return 0.0
        scores = nearness(self._queries[query : query + 1], self._rows[places], self._metric)[0]
        least = self._worst[query] - _EQUAL * max(1.0, abs(float(self._worst[query])))
        return min(1.0, float((scores >= least).sum()) / self.top_k)


def nearness(queries: Floats, rows: Floats, metric: Metric) -> npt.NDArray[np.float32]:
    """Larger is nearer; shape (queries, rows)."""
    product: npt.NDArray[np.float32] = queries @ rows.T
    if metric is Metric.IP:
        return product
    squares: npt.NDArray[np.float32] = np.einsum("nd,nd->n", rows, rows)
    if metric is Metric.L2:
        mine: npt.NDArray[np.float32] = np.einsum("nd,nd->n", queries, queries)
        return 2 * product - squares - mine[:, None]
    lengths = np.maximum(np.linalg.norm(queries, axis=1), 1e-30)
    cosines: npt.NDArray[np.float32] = product / np.maximum(np.sqrt(squares), 1e-30) / lengths[:, None]
    return cosines
