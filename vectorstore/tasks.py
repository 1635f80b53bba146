"""Celery entry points: each calls one function and may run twice."""

from celery import shared_task

from vectorstore.access import token_families
from vectorstore.audit.checkpoint import checkpoint
from vectorstore.audit.open import close_open
from vectorstore.jobs import runner, sweeper
from vectorstore.service import idempotency_service


@shared_task
def purge_idempotency() -> int:
    """Every hour: forget answers that are kept no longer."""
    return idempotency_service.purge()


@shared_task
def purge_tokens() -> int:
    """Every hour: forget families of tokens that have expired."""
    return token_families.purge()


@shared_task
def audit_checkpoint() -> bool:
    """Every minute: sign the audit log as it is, and bring the file of checkpoints up to date."""
    return checkpoint()


@shared_task
def audit_close_open() -> int:
    """Every minute: close the intents that a crash left open."""
    return close_open()


@shared_task
def run_job(job_id: int) -> str | None:
    """Do a job, if it still waits for a worker."""
    return runner.run(job_id)


@shared_task
def sweep_jobs() -> int:
    """Every ten seconds: miss the dead, and enqueue again what the broker lost."""
    return sweeper.sweep().enqueued
