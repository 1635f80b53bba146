"""Celery entry points: each calls one function and may run twice."""

from celery import shared_task
from django.utils import timezone

from vectorstore.access import token_families
from vectorstore.audit.checkpoint import checkpoint
from vectorstore.audit.open import close_open
from vectorstore.backup import scheduler, upkeep
from vectorstore.jobs import history, runner, sweeper
from vectorstore.monitoring import profile_writer
from vectorstore.service import idempotency_service, recall_service
from vectorstore.transfer import folders as transfer_folders


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


@shared_task
def purge_jobs() -> int:
    """Every hour: forget jobs that ended long ago."""
    return history.purge()


@shared_task
def backup_due() -> int:
    """Every minute: start the backups whose time has come, and the drills of those that ended."""
    return scheduler.run_due(timezone.now()) + scheduler.start_drills()


@shared_task
def journal_upkeep() -> int:
    """Every minute: settle writes without an outcome, and bring the journal to the backup storage."""
    upkeep.settle_doubts()
    return upkeep.ship_journal()


@shared_task
def watch_drift() -> int:
    """Every minute: find writes that bypassed the gateway."""
    return upkeep.watch_drift()


@shared_task
def clean_backups() -> list[str]:
    """Every hour: keep what policies keep, and remove what nobody needs any more."""
    return upkeep.clean()


@shared_task
def measure_recall() -> int:
    """Every five minutes: measure a collection that is searched with a recall target and has no curve that holds."""
    return recall_service.measure_due()


@shared_task
def purge_transfers() -> int:
    """Every hour: remove exports and reject files whose time is over, and what jobs that are gone left behind."""
    return transfer_folders.purge()


@shared_task
def purge_profiles() -> int:
    """Every minute: forget profiles of searches that are old or too many."""
    return profile_writer.purge()
