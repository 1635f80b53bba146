"""Ranked lists fused by the gateway."""

import pytest

from vectorstore.domain.fusion import normalised, reciprocal_rank, weighted
from vectorstore.domain.models import Metric, SearchHit


def hits(*pairs: tuple[str, float]) -> list[SearchHit]:
    return [SearchHit(identity, score) for identity, score in pairs]


def test_reciprocal_rank_adds_over_the_lists() -> None:
    fused = reciprocal_rank([hits(("a", 9), ("b", 8)), hits(("b", 1), ("c", 0))], k=60, top_k=2)
    assert [hit.id for hit in fused] == ["b", "a"]
    assert fused[0].score == pytest.approx(1 / 62 + 1 / 61)


def test_weights_decide_between_lists() -> None:
    lists = [hits(("a", 0.9)), hits(("b", 0.9))]
    metrics = [Metric.COSINE, Metric.COSINE]
    assert weighted(lists, metrics, [0.1, 0.9], 1)[0].id == "b"
    assert weighted(lists, metrics, [0.9, 0.1], 1)[0].id == "a"


@pytest.mark.parametrize(
    ("metric", "near", "far"), [(Metric.COSINE, 1.0, -1.0), (Metric.IP, 100.0, -100.0), (Metric.L2, 0.0, 1e9)]
)
def test_normalised_scores_are_larger_when_nearer(metric: Metric, near: float, far: float) -> None:
    assert 0 <= normalised(far, metric) < normalised(near, metric) <= 1
