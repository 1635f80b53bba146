"""The parameters that a search is made with, so that it finds what it should and takes no longer than that needs."""

import math
from dataclasses import dataclass
from typing import Any

from vectorstore.config import index_config
from vectorstore.domain.models import IndexKind, IndexSpec
from vectorstore.domain.recall import Curve, CurvePoint, fingerprint


@dataclass(frozen=True, slots=True)
class Choice:
    """``reason`` is for people."""

    params: dict[str, Any]
    reason: str


NO_CURVE = "no curve measured yet"


class QueryOptimizer:
    """For the searches of one index. ``curve`` is what was measured of it; one of another index says nothing.

    ``tells_rows``: whether the reason may say how many rows were measured, which tells of all rows.
    """

    def __init__(self, index: IndexSpec | None, curve: Curve | None = None, *, tells_rows: bool = True) -> None:
        self._tells_rows = tells_rows
        self._index = index
        self._other = curve is not None and (index is None or curve.fingerprint != fingerprint(index))
        self._curve = None if self._other else curve

    def choose(self, given: dict[str, Any], top_k: int, recall_target: float | None) -> Choice:
        """Search parameters: as ``given``, and for the rest those that reach the target with the least effort.

        Between two measured points it is the upper one. A point reaches a target that its recall is above by the
        error of the measurement.
        """
        index = self._index
        if index is None or index.kind is IndexKind.AUTO:
            return Choice(dict(given), "as given" if given else "there is no index to choose for")
        usual = index_config.search_params(index.kind, given, top_k, recall_target)
        name = index_config.effort(index.kind)
        if name in given or (given and recall_target is None):
            return Choice(usual, "given with the request; what it left open follows the defaults")
        if recall_target is None:
            reason = "defaults of the index kind, raised where top_k needs it" if usual else "the index has none"
            return Choice(usual, reason)
        points = self._curve.nearest(top_k) if self._curve else []
        if not points or self._curve is None:
            why = "the curve measured is of another index" if self._other else NO_CURVE
            return Choice(usual, f"chosen by rule for a recall target of {recall_target}: {why}")
        point = next((item for item in points if item.recall - item.error >= recall_target), None)
        point = point or next((item for item in points if item.recall >= recall_target), points[-1])
        told = self._told(point, self._curve, recall_target)
        if not name:
            return Choice(usual, f"the index has no parameter to choose; {told}")
        value = index_config.within(index, name, _raised(name, point, points, top_k), top_k)
        params = index_config.search_params(index.kind, {**given, name: value}, top_k, None)
        more = "" if top_k <= point.top_k else f"; raised for top_k {top_k}"
        return Choice(params, f"{name} {point.value}: {told}{more}")

    def _told(self, point: CurvePoint, curve: Curve, target: float) -> str:
        reached = "" if point.recall >= target else " (the most that was measured)"
        rows = f" with {curve.rows} rows" if self._tells_rows else ""
        return (
            f"recall {point.recall:.3f}{reached} of the {point.top_k} nearest, measured"
            f" {curve.measured_at:%Y-%m-%d %H:%M} UTC{rows}, for a target of {target}"
        )

    def candidates(self, params: dict[str, Any], rows: int) -> int:
        """About how many of ``rows`` are compared with the query."""
        if "nprobe" in params and self._index is not None:
            share = params["nprobe"] / max(1, int(self._index.params.get("nlist", params["nprobe"])))
            return min(rows, round(rows * min(1.0, float(share))))
        return min(rows, int(params.get("ef") or params.get("search_list") or rows))


def _raised(name: str, point: CurvePoint, points: list[CurvePoint], top_k: int) -> int:
    """For more rows than were measured: candidates in proportion, and of clusters the next point up."""
    if top_k <= point.top_k:
        return point.value
    if name == "nprobe":
        return min((item.value for item in points if item.value > point.value), default=point.value)
    return math.ceil(point.value * top_k / point.top_k)
