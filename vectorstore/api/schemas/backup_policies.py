"""Bodies of ``backup-policies/``."""

from datetime import datetime
from typing import Any, TypedDict

from vectorstore.backup.retention import Plan
from vectorstore.models import BackupPolicy


class RetentionBody(TypedDict):
    """How many are kept of the last ones, and of hours, days, weeks and months, and in how many of the last days every
    moment can be restored; all 0 keeps every one."""

    last: int
    hourly: int
    daily: int
    weekly: int
    monthly: int
    window_days: int


class PolicyBody(TypedDict):
    """``next_runs`` are five times, none while it is not enabled. ``error``, with ``code`` and ``detail``, is there
    while the last start failed, at ``tried_at``; it is tried again."""

    name: str
    collections: list[str]
    schedule: str
    timezone: str
    kind: str
    retention: RetentionBody
    drill_every: int
    enabled: bool
    next_runs: list[datetime]
    last_due_at: datetime | None
    tried_at: datetime | None
    error: dict[str, Any] | None
    created_at: datetime
    created_by: str


class RetentionPlan(TypedDict):
    """What would be kept, each with its reasons, and what deleted."""

    keep: dict[str, list[str]]
    delete: list[str]


def policy_body(row: BackupPolicy, runs: list[datetime]) -> PolicyBody:
    kept = row.retention
    return {
        "name": row.name,
        "collections": row.collections,
        "schedule": row.schedule,
        "timezone": row.timezone,
        "kind": row.kind,
        "retention": {
            "last": kept.get("last", 0),
            "hourly": kept.get("hourly", 0),
            "daily": kept.get("daily", 0),
            "weekly": kept.get("weekly", 0),
            "monthly": kept.get("monthly", 0),
            "window_days": kept.get("window_days", 0),
        },
        "drill_every": row.drill_every,
        "enabled": row.enabled,
        "next_runs": runs,
        "last_due_at": row.last_due_at,
        "tried_at": row.tried_at,
        "error": row.error,
        "created_at": row.created_at,
        "created_by": row.created_by,
    }


def plan_body(plan: Plan) -> RetentionPlan:
    return {"keep": {set_id: list(reasons) for set_id, reasons in plan.keep.items()}, "delete": list(plan.delete)}
