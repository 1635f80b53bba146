"""Exact answers to compare searches with."""

import numpy as np

from vectorstore.domain.models import Metric


def brute_force(data: np.ndarray, query: np.ndarray, metric: Metric) -> np.ndarray:
    """Scores by the metric's definition, shape (rows,)."""
    if metric is Metric.L2:
        return ((data - query) ** 2).sum(axis=1)
    product = data @ query
    if metric is Metric.IP:
        return product
    return product / (np.linalg.norm(data, axis=1) * np.linalg.norm(query))


def nearest(data: np.ndarray, query: np.ndarray, metric: Metric, top: int) -> list[str]:
    """Ids (``r`` and the row's number) of the nearest rows, nearest first."""
    scores = brute_force(data.astype(np.float64), query.astype(np.float64), metric)
    order = np.argsort(-scores if metric.larger_is_nearer else scores, kind="stable")
    return [f"r{i}" for i in order[:top]]
