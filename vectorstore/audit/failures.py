"""What a database that cannot be written to means to whoever wanted to record something."""

import logging

from vectorstore.domain.errors import AuditUnavailable

log = logging.getLogger("vectorstore.audit")

RETRY_AFTER_S = 1.0


def unavailable(error: Exception | None = None) -> AuditUnavailable:
    """The error to raise. The reason is for the log only."""
    if error is not None:
        log.error("the audit log cannot be written: %s: %s", type(error).__name__, error)
    return AuditUnavailable(
        "The audit log cannot be written, and what it cannot record is not done.", retry_after=RETRY_AFTER_S
    )
