"""Fusing ranked lists, for engines without a hybrid search of their own."""

import math
from collections.abc import Sequence
from dataclasses import replace

from vectorstore.domain.models import Metric, RowId, SearchHit


def reciprocal_rank(lists: Sequence[Sequence[SearchHit]], k: float, top_k: int) -> list[SearchHit]:
    """Sum of ``1 / (k + rank)`` over the lists, ranks from 1 (Cormack, Clarke and Büttcher, SIGIR 2009)."""
    return _fused(lists, [[1 / (k + rank) for rank in range(1, len(hits) + 1)] for hits in lists], top_k)


def weighted(
    lists: Sequence[Sequence[SearchHit]], metrics: Sequence[Metric], weights: Sequence[float], top_k: int
) -> list[SearchHit]:
    """Weighted sum of scores brought to 0..1, 1 nearest, as Milvus's WeightedRanker does."""
    scores = [
        [weight * normalised(hit.score, metric) for hit in hits]
        for hits, metric, weight in zip(lists, metrics, weights, strict=True)
    ]
    return _fused(lists, scores, top_k)


def normalised(score: float, metric: Metric) -> float:
    """A metric's score as 0..1: cosine shifted, the others through the arc tangent (Milvus, WeightedRanker)."""
    if metric is Metric.COSINE:
        return (1 + score) / 2
    if metric is Metric.IP:
        return 0.5 + math.atan(score) / math.pi
    return 1 - 2 * math.atan(score) / math.pi


def _fused(lists: Sequence[Sequence[SearchHit]], scores: Sequence[Sequence[float]], top_k: int) -> list[SearchHit]:
    totals: dict[RowId, float] = {}
    hits: dict[RowId, SearchHit] = {}
    for found, given in zip(lists, scores, strict=True):
        for hit, score in zip(found, given, strict=True):
            totals[hit.id] = totals.get(hit.id, 0.0) + score
            hits.setdefault(hit.id, hit)
    best = sorted(totals, key=lambda identity: (-totals[identity], str(identity)))[:top_k]
    return [replace(hits[identity], score=totals[identity]) for identity in best]
