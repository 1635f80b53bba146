"""Advice about an index as JSON."""

from datetime import datetime
from typing import Any, TypedDict

from vectorstore.domain.advice import Point
from vectorstore.domain.models import IndexKind
from vectorstore.service.advice_service import AdviceView


class PointBody(TypedDict):
    """``recall`` is recall@10, ``memory_mb`` mebibytes for all rows (null for who may see some rows only).

    ``front``: no other point is as good in recall, p50 and memory and better in one.
    """

    type: IndexKind
    params: dict[str, Any]
    search: dict[str, Any]
    recall: float
    p50_ms: float
    p95_ms: float
    build_s: float
    memory_mb: float | None
    estimated: bool
    front: bool
    today: bool


class AdviceBody(TypedDict):
    """``recommended`` and ``today`` are places in ``points``; all is null or empty where nothing was measured."""

    collection: str
    field: str
    made_at: datetime | None
    engine: str | None
    metric: str | None
    rows: int | None
    sample: int | None
    queries: int | None
    recall_target: float | None
    memory_budget_mb: float | None
    points: list[PointBody]
    recommended: int | None
    today: int | None
    meets_recall: bool
    meets_budget: bool
    reasons: list[str]
    skipped: list[str]


def advice_body(view: AdviceView) -> AdviceBody:
    advice, whole = view.advice, view.whole
    nothing = ["Nothing was measured yet: POST to this address starts a sweep."]
    return {
        "collection": view.collection,
        "field": view.field,
        "made_at": advice.made_at if advice else None,
        "engine": advice.engine if advice else None,
        "metric": advice.metric if advice else None,
        "rows": advice.rows if advice and whole else None,
        "sample": advice.sample if advice and whole else None,
        "queries": advice.queries if advice and whole else None,
        "recall_target": advice.recall_target if advice else None,
        "memory_budget_mb": advice.memory_budget_mb if advice else None,
        "points": [
            _point(point, front=bool(advice and place in advice.front), whole=whole)
            for place, point in enumerate(view.points)
        ],
        "recommended": advice.recommended if advice else None,
        "today": advice.today if advice else None,
        "meets_recall": bool(advice and advice.meets_recall),
        "meets_budget": bool(advice and advice.meets_budget),
        "reasons": nothing if advice is None else list(advice.reasons) if whole else [],
        "skipped": list(advice.skipped) if advice and whole else [],
    }


def _point(point: Point, *, front: bool, whole: bool) -> PointBody:
    return {
        "type": point.kind,
        "params": point.params if whole else {},
        "search": point.search,
        "recall": point.recall,
        "p50_ms": point.p50_ms,
        "p95_ms": point.p95_ms,
        "build_s": point.build_s,
        "memory_mb": point.memory_mb if whole else None,
        "estimated": point.estimated,
        "front": front,
        "today": point.today,
    }
