"""Answers kept for callers who repeat a write."""

from django.db import models


class IdempotencyRecord(models.Model):
    """One use of an ``Idempotency-Key``. ``status`` is empty while the first request is still at work.

    ``key`` is a digest of caller, method, address and key; ``body`` a digest of the request's body.
    """

    key = models.CharField(max_length=64, unique=True)
    body = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    answer = models.BinaryField(default=b"")
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    def __str__(self) -> str:
        return f"{self.key[:12]} {self.status or 'running'}"
