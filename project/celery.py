"""The Celery application; ``celery -A project`` finds it here."""

import os
from contextlib import suppress

from celery import Celery
from celery.signals import setup_logging, worker_process_shutdown, worker_shutting_down

from vectorstore.config.settings import current
from vectorstore.domain.errors import AuditUnavailable
from vectorstore.jobs import drain

os.environ.setdefault("DJANGO_SETTINGS_MODULE", current().django_settings_module)
app = Celery("vectorstore")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def keep_django_logging(**_: object) -> None:
    """A receiver is all it takes for Celery to leave the logging of the settings alone."""


@worker_process_shutdown.connect
def record_what_waits(**_: object) -> None:
    """A process of the worker ends without Python's own ways of ending."""
    from vectorstore.audit import log  # models can be imported only now
    from vectorstore.monitoring import profile_writer

    profile_writer.flush()
    with suppress(AuditUnavailable):  # it has logged why
        log.flush()


@worker_shutting_down.connect
def drain_jobs(**_: object) -> None:
    """Told to the parent alone, by a signal handler; its processes look at what it leaves."""
    drain.begin()
