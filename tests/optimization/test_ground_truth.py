"""The nearest rows by blocks are those of comparing everything at once."""

import numpy as np
import pytest

from vectorstore.domain.models import Metric
from vectorstore.optimization.ground_truth import GroundTruth, nearness

DENSE = (Metric.L2, Metric.IP, Metric.COSINE)


def _bits(generator: np.random.Generator, rows: int) -> list[bytes]:
    return [generator.integers(0, 256, 4, dtype=np.uint8).tobytes() for _ in range(rows)]


def _defined(query: np.ndarray, row: np.ndarray, metric: Metric) -> float:
    """By the metric's own definition, value by value; larger is nearer."""
    match metric:
        case Metric.L2:
            return -float(sum((a - b) ** 2 for a, b in zip(query, row, strict=True)))
        case Metric.IP:
            return float(sum(a * b for a, b in zip(query, row, strict=True)))
        case Metric.COSINE:
            lengths = float(np.linalg.norm(query) * np.linalg.norm(row))
            return float(query @ row) / lengths if lengths else 0.0
        case Metric.HAMMING:
            return -float((query != row).sum())
    union = float(((query + row) > 0).sum())
    return float((query * row).sum()) / union if union else 1.0


@pytest.mark.parametrize("metric", list(Metric))
def test_nearness_is_the_metrics_own(metric: Metric) -> None:
    generator = np.random.default_rng(3)
    real = metric in DENSE
    queries = generator.normal(size=(4, 9)) if real else generator.integers(0, 2, (4, 9)).astype(float)
    rows = generator.normal(size=(20, 9)) if real else generator.integers(0, 2, (20, 9)).astype(float)
    rows[3] = 0
    wanted = [[_defined(query, row, metric) for row in rows] for query in queries]
    assert nearness(queries, rows, metric) == pytest.approx(np.array(wanted))


@pytest.mark.parametrize("metric", list(Metric))
@pytest.mark.parametrize("block", [1, 7, 300])
def test_blocks_of_any_size_give_the_same_rows(metric: Metric, block: int) -> None:
    generator = np.random.default_rng(4)
    real = metric in DENSE
    rows = generator.normal(size=(300, 8)).astype(np.float32) if real else _bits(generator, 300)
    queries = generator.normal(size=(5, 8)).astype(np.float32) if real else _bits(generator, 5)
    ids = [f"r{number}" for number in range(300)]
    truth = GroundTruth(queries, metric, 300)
    for start in range(0, 300, block):
        truth.add(ids[start : start + block], rows[start : start + block])
    whole = GroundTruth(queries, metric, 300)
    whole.add(ids, rows)
    parts = [ids[start : start + 30] for start in range(0, 300, 30)]
    for part in parts:
        found = [part] * 5
        assert truth.recalls(found, 30).tolist() == whole.recalls(found, 30).tolist()
    assert sum(truth.recalls([part] * 5, 300).mean() for part in parts) == pytest.approx(1.0)


def test_rows_that_are_equally_far_are_equally_good() -> None:
    rows = np.array([[1.0, 0.0]] * 3 + [[0.0, 1.0]] * 3, np.float32)
    truth = GroundTruth(np.array([[1.0, 0.0]], np.float32), Metric.L2, 6)
    truth.add([1, 2, 3, 4, 5, 6], rows)
    assert [truth.recalls([[each]], 1)[0] for each in (1, 2, 3, 4)] == [1, 1, 1, 0]
    assert truth.recalls([[3, 1]], 2)[0] == 1
    assert truth.recalls([[3, 4]], 2)[0] == 0.5
    assert truth.recalls([[1, 2, 3, 6]], 4)[0] == 1


def test_fewer_rows_than_asked_for_can_all_be_found() -> None:
    truth = GroundTruth(np.eye(2, dtype=np.float32), Metric.IP, 10)
    assert truth.recalls([[], []], 5).tolist() == [1, 1]
    truth.add(["a", "b"], np.eye(2, dtype=np.float32))
    assert truth.recalls([["a", "b"], ["b"]], 5).tolist() == [1, 0.5]
