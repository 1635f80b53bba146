"""Bodies of ``audit/``."""

from datetime import datetime
from typing import Any, TypedDict

from vectorstore.audit.verify import Verdict
from vectorstore.models import AuditRecord


class AuditBody(TypedDict):
    """``phase`` is ``intent`` or ``outcome``; both of one act have the same ``event_id``."""

    seq: int
    ts: datetime
    event_id: str
    request_id: str
    phase: str
    actor_kind: str
    actor_id: str
    actor: str
    method: str
    key_prefix: str
    source: str
    action: str
    cluster: str
    database: str
    collection: str
    ids: int | None
    allowed: bool
    grants: list[int]
    parameters: dict[str, Any]
    outcome: str
    result: dict[str, Any]
    prev_hash: str
    hash: str


class VerdictBody(TypedDict):
    """``first_bad_seq`` is null where the chain is intact."""

    intact: bool
    records: int
    first_bad_seq: int | None
    detail: str


def audit_body(record: AuditRecord) -> AuditBody:
    return {name: getattr(record, name) for name in AuditBody.__annotations__}  # type: ignore[return-value]


def verdict_body(verdict: Verdict) -> VerdictBody:
    return {
        "intact": verdict.intact,
        "records": verdict.records,
        "first_bad_seq": verdict.first_bad_seq,
        "detail": verdict.detail,
    }
