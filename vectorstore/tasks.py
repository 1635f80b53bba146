"""Celery entry points: each calls one function and may run twice."""

from celery import shared_task

from vectorstore.service import idempotency_service


@shared_task
def purge_idempotency() -> int:
    """Every hour: forget answers that are kept no longer."""
    return idempotency_service.purge()
