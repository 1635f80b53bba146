"""Bodies of ``profiles/`` and ``slow-queries/``."""

from datetime import datetime
from typing import Any, TypedDict, cast

from vectorstore.models import SearchProfile
from vectorstore.monitoring.stages import in_order
from vectorstore.service.profile_service import SlowQuery


class ProfileSummary(TypedDict):
    """``stages`` are milliseconds by stage and add up to ``took_ms``; ``batch`` is how many requests shared the call of
    Milvus, ``attempts`` how often it was made. ``kept_for`` is ``slow``, ``asked`` or ``sample``.
    """

    id: int
    at: datetime
    request_id: str
    actor: str
    cluster: str
    database: str
    collection: str
    kind: str
    kept_for: str
    shape_hash: str
    took_ms: float
    stages: dict[str, float]
    batch: int
    attempts: int
    rows: int | None
    outcome: str


class ProfileBody(ProfileSummary):
    """``request`` has ``?`` in place of its values; ``advice`` is of the collection as it is now."""

    shape: dict[str, Any]
    request: dict[str, Any]
    plan: dict[str, Any]
    advice: list[str]


class SlowQueryBody(TypedDict):
    """Slow requests of one shape. ``example`` is the last of them with ``?`` in place of its values, ``profile`` its
    number below ``profiles/``; the times are in milliseconds.
    """

    cluster: str
    database: str
    collection: str
    shape_hash: str
    shape: dict[str, Any]
    count: int
    total_ms: float
    p95_ms: float
    max_ms: float
    last_seen: datetime
    profile: int
    example: dict[str, Any]
    advice: list[str]


def profile_summary(profile: SearchProfile) -> ProfileSummary:
    summary = {name: getattr(profile, name) for name in ProfileSummary.__annotations__}
    summary["stages"] = in_order(profile.stages)
    return cast(ProfileSummary, summary)


def profile_body(profile: SearchProfile, advice: list[str]) -> ProfileBody:
    return {
        **profile_summary(profile),
        "shape": profile.shape,
        "request": profile.request,
        "plan": profile.plan,
        "advice": advice,
    }


def slow_query_body(slow: SlowQuery, p95_ms: float, example: SearchProfile, advice: list[str]) -> SlowQueryBody:
    return {
        "cluster": slow.cluster,
        "database": slow.database,
        "collection": slow.collection,
        "shape_hash": slow.shape_hash,
        "shape": example.shape,
        "count": slow.count,
        "total_ms": round(slow.total_ms, 3),
        "p95_ms": p95_ms,
        "max_ms": slow.max_ms,
        "last_seen": slow.last_seen,
        "profile": slow.latest,
        "example": example.request,
        "advice": advice,
    }
