"""Bodies of recovery windows, ``restore-points/`` and ``drift/``."""

from datetime import datetime
from typing import TypedDict

from vectorstore.backup.drift import Differences
from vectorstore.backup.restore_service import RecoveryWindow
from vectorstore.models import Drift, RestorePoint


class WindowBody(TypedDict):
    """``gaps`` are stretches, each from and until, in which nobody knows what the collection held."""

    earliest: datetime | None
    latest: datetime | None
    gaps: list[list[datetime]]
    point_in_time: bool


class RestorePointBody(TypedDict):
    collection: str
    name: str
    at: datetime
    sequence: int
    actor: str


class DriftBody(TypedDict):
    """``expected`` and ``found`` are numbers of rows; ``since`` is when both were last known to agree."""

    id: int
    collection: str
    kind: str
    detail: str
    expected: int | None
    found: int | None
    since: datetime | None
    found_at: datetime
    resolved_at: datetime | None
    resolution: str


class DifferencesBody(TypedDict):
    """Rows that only Milvus had, that only the journal had, and that were not the same."""

    extra: int
    missing: int
    changed: int


def window_body(window: RecoveryWindow) -> WindowBody:
    return {
        "earliest": window.earliest,
        "latest": window.latest,
        "gaps": [list(gap) for gap in window.gaps],
        "point_in_time": window.point_in_time,
    }


def point_body(point: RestorePoint, collection: str) -> RestorePointBody:
    return {
        "collection": collection,
        "name": point.name,
        "at": point.at,
        "sequence": point.seq,
        "actor": point.actor,
    }


def drift_body(row: Drift) -> DriftBody:
    return {
        "id": row.pk,
        "collection": row.collection,
        "kind": row.kind,
        "detail": row.detail,
        "expected": row.expected,
        "found": row.found,
        "since": row.since,
        "found_at": row.found_at,
        "resolved_at": row.resolved_at,
        "resolution": row.resolution,
    }


def differences_body(found: Differences) -> DifferencesBody:
    return {"extra": len(found.extra), "missing": len(found.missing), "changed": len(found.changed)}
