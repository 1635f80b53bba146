"""Exact nearest vectors, against a straightforward ranking in double precision."""

import numpy as np
import pytest

from vectorstore.domain.models import Metric
from vectorstore.optimization import nearest
from vectorstore.optimization.nearest import Nearest


def ranked(query: np.ndarray, rows: np.ndarray, metric: Metric) -> list[int]:
    query, rows = query.astype(np.float64), rows.astype(np.float64)
    if metric is Metric.L2:
        return np.argsort(((rows - query) ** 2).sum(axis=1), kind="stable").tolist()
    product = rows @ query
    if metric is Metric.COSINE:
        product /= np.linalg.norm(rows, axis=1) * np.linalg.norm(query)
    return np.argsort(-product, kind="stable").tolist()


@pytest.mark.parametrize("metric", [Metric.L2, Metric.IP, Metric.COSINE])
def test_recall_counts_the_nearest_rows_across_blocks(metric: Metric, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearest, "_BLOCK_ROWS", 64)
    generator = np.random.default_rng(3)
    rows = generator.normal(size=(500, 16)).astype(np.float32)
    queries = generator.normal(size=(20, 16)).astype(np.float32)
    exact = Nearest(queries, rows, metric, 10)
    for number, query in enumerate(queries):
        order = ranked(query, rows, metric)
        assert exact.right(number, order[:10]) == 1
        assert exact.right(number, order[:4] + order[-6:]) == pytest.approx(0.4)
        assert exact.right(number, []) == 0


def test_rows_that_tie_with_the_last_are_right_too() -> None:
    rows = np.tile(np.ones((1, 4), np.float32), (30, 1))
    exact = Nearest(rows[:1], rows, Metric.L2, 10)
    assert exact.right(0, list(range(20, 30))) == 1
    assert exact.right(0, [3] * 10) == pytest.approx(0.1)
