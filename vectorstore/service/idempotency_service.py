"""A write that is repeated with the same ``Idempotency-Key`` happens once (the draft of the IETF's HTTPAPI group)."""

import hashlib
from collections.abc import Callable
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from vectorstore.domain.errors import Conflict, InvalidRequest
from vectorstore.models import IdempotencyRecord

KEPT = timedelta(hours=24)
_LONGEST = timedelta(minutes=2)
"""Longer than any write may take; a request at work for longer has lost its process."""


class StillRunning(Conflict):
    code = "idempotency_running"
    title = "The first request with this key is still running"


class OtherBody(InvalidRequest):
    code = "idempotency_mismatch"
    title = "The key was used with another body"


def once(scope: str, key: str, body: bytes, work: Callable[[], tuple[int, bytes]]) -> tuple[int, bytes, bool]:
    """Status and answer of ``work``, and whether they are those of an earlier request.

    ``scope`` names the caller and the operation. Only answers of success are kept: what was refused or
    failed may be tried again under the same key.

    Raises:
        StillRunning, OtherBody: see there.
    """
    digest = hashlib.sha256(f"{scope}\n{key}".encode()).hexdigest()
    body_digest = hashlib.sha256(body).hexdigest()
    IdempotencyRecord.objects.filter(key=digest, created_at__lt=timezone.now() - KEPT).delete()
    lost = timezone.now() - _LONGEST
    IdempotencyRecord.objects.filter(key=digest, status=None, created_at__lt=lost).delete()
    try:
        with transaction.atomic():
            record = IdempotencyRecord.objects.create(key=digest, body=body_digest)
    except IntegrityError:
        return _earlier(digest, body_digest)
    try:
        status, answer = work()
    except BaseException:
        record.delete()
        raise
    IdempotencyRecord.objects.filter(pk=record.pk).update(status=status, answer=answer)
    return status, answer, False


def _earlier(digest: str, body_digest: str) -> tuple[int, bytes, bool]:
    record = IdempotencyRecord.objects.filter(key=digest).first()
    if record is None or (record.status is None and record.body == body_digest):
        raise StillRunning("The first request with this Idempotency-Key is still running; ask again later.")
    if record.body != body_digest:
        raise OtherBody("This Idempotency-Key was used with another body; take a new key for a new request.")
    return record.status or 200, bytes(record.answer), True


def purge() -> int:
    """Delete what is kept no longer; returns how many."""
    return IdempotencyRecord.objects.filter(created_at__lt=timezone.now() - KEPT).delete()[0]
