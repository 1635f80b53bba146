"""What share of the true nearest rows searches of one index find, as it was measured."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from vectorstore.domain.models import IndexSpec


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Searches for the ``top_k`` nearest with ``value`` of the curve's parameter.

    ``recall`` is the mean of the sample's queries, ``error`` the standard error of that mean, ``p50_ms`` the middle of
    the times that single searches took.
    """

    top_k: int
    value: int
    recall: float
    error: float
    p50_ms: float


@dataclass(frozen=True, slots=True)
class Curve:
    """``parameter`` is empty where the index has none to choose. ``rows`` is how many there were."""

    fingerprint: str
    parameter: str
    rows: int
    measured_at: datetime
    points: tuple[CurvePoint, ...]

    def nearest(self, top_k: int) -> list[CurvePoint]:
        """The points of the smallest measured ``top_k`` that is no smaller, else of the largest; values ascending."""
        measured = sorted({point.top_k for point in self.points})
        chosen = next((size for size in measured if size >= top_k), measured[-1] if measured else 0)
        return sorted((point for point in self.points if point.top_k == chosen), key=lambda point: point.value)

    def outgrown(self, rows: int) -> bool:
        """Whether the collection has so many more rows now that it is to be measured again."""
        return rows > self.rows * GROWTH


GROWTH = 1.5


def fingerprint(index: IndexSpec) -> str:
    """Equal for indexes that are built alike."""
    return json.dumps([str(index.kind), str(index.metric), index.params], sort_keys=True, separators=(",", ":"))


def points_as_json(points: tuple[CurvePoint, ...]) -> list[dict[str, Any]]:
    return [asdict(point) for point in points]


def points_from_json(data: list[dict[str, Any]]) -> tuple[CurvePoint, ...]:
    return tuple(CurvePoint(**item) for item in data)
