"""Celery: the broker carries ids, and the truth about a job is its database row."""

from kombu.entity import Queue

from vectorstore.config.settings import current


def verified(url: str) -> str:
    """Celery encrypts without looking at the certificate unless it is told to; redis-py needs no telling."""
    if not url.startswith("rediss://") or "ssl_cert_reqs=" in url:
        return url
    return f"{url}{'&' if '?' in url else '?'}ssl_cert_reqs=required"


CELERY_BROKER_URL = verified(current().redis_url)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"global_keyprefix": "vectorstore:celery:", "visibility_timeout": 3600}
CELERY_TASK_ROUTES = {"vectorstore.tasks.run_job": {"queue": "jobs"}}
CELERY_TASK_QUEUES = [Queue(name, routing_key=name) for name in ("celery", "jobs")]  # a worker takes both unless told
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False  # a job is held by its row: a second message is void
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_SCHEDULE = {
    "purge-idempotency": {"task": "vectorstore.tasks.purge_idempotency", "schedule": 3600.0},
    "audit-checkpoint": {"task": "vectorstore.tasks.audit_checkpoint", "schedule": 60.0},
    "audit-close-open": {"task": "vectorstore.tasks.audit_close_open", "schedule": 60.0},
    "purge-tokens": {"task": "vectorstore.tasks.purge_tokens", "schedule": 3600.0},
    "backup-due": {"task": "vectorstore.tasks.backup_due", "schedule": 60.0, "options": {"expire_seconds": 60}},
    "journal-upkeep": {"task": "vectorstore.tasks.journal_upkeep", "schedule": 60.0, "options": {"expire_seconds": 60}},
    "watch-drift": {"task": "vectorstore.tasks.watch_drift", "schedule": 60.0, "options": {"expire_seconds": 60}},
    "clean-backups": {"task": "vectorstore.tasks.clean_backups", "schedule": 3600.0},
    "purge-jobs": {"task": "vectorstore.tasks.purge_jobs", "schedule": 3600.0},
    "measure-recall": {
        "task": "vectorstore.tasks.measure_recall",
        "schedule": 300.0,
        "options": {"expire_seconds": 300},
    },
    "purge-transfers": {"task": "vectorstore.tasks.purge_transfers", "schedule": 3600.0},
    "purge-profiles": {"task": "vectorstore.tasks.purge_profiles", "schedule": 60.0, "options": {"expire_seconds": 60}},
    "sweep-jobs": {
        "task": "vectorstore.tasks.sweep_jobs",
        "schedule": 10.0,
        "options": {"expire_seconds": 10},  # sweeps that had to wait do not pile up
    },
}
