"""Looking into the log."""

from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from vectorstore.models import AuditRecord


def find(
    *,
    actor: str | None = None,
    action: str | None = None,
    collection: str | None = None,
    outcome: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[AuditRecord]:
    """The records that have all of these, newest first: from ``since`` on, and before ``until``."""
    wanted: dict[str, Any] = {
        "actor": actor,
        "action": action,
        "collection": collection,
        "outcome": outcome,
        "ts__gte": since,
        "ts__lt": until,
    }
    given = {name: value for name, value in wanted.items() if value is not None}
    return AuditRecord.objects.filter(**given).order_by("-seq")
