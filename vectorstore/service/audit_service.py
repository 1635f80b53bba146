"""The audit log, read and checked."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet
from django.utils import timezone

from vectorstore.audit import query, verify
from vectorstore.audit.verify import Verdict
from vectorstore.domain.errors import InvalidRequest
from vectorstore.models import AuditRecord
from vectorstore.service.operation import Service


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Each given one must be met; ``since`` is included, ``until`` is not."""

    actor: str | None = None
    action: str | None = None
    collection: str | None = None
    outcome: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class AuditService(Service):
    def find(self, wanted: AuditFilter) -> QuerySet[AuditRecord]:
        """Records, the newest first.

        Raises:
            InvalidRequest: a time without its offset.
        """
        for name in ("since", "until"):
            value = getattr(wanted, name)
            if value is not None and timezone.is_naive(value):
                raise InvalidRequest.at(f"?{name}", "give the time with its offset, such as 2030-01-31T00:00:00Z")
        with self.operation("audit.view"):
            return query.find(
                actor=wanted.actor,
                action=wanted.action,
                collection=wanted.collection,
                outcome=wanted.outcome,
                since=wanted.since,
                until=wanted.until,
            )

    def verify(self) -> Verdict:
        """Whether the chain is whole, with everything that was recorded so far."""
        with self.operation("audit.verify"):
            return verify.verify()
