"""The broker's part of jobs: it carries their numbers, and is believed nothing."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from celery import Celery
from django.utils import timezone
from kombu.exceptions import KombuError
from redis import RedisError

from vectorstore.models import Job, JobState

log = logging.getLogger("vectorstore.jobs")

TASK = "vectorstore.tasks.run_job"
QUEUE = "jobs"
_PATIENCE_S = 1.0
_TROUBLE = (KombuError, RedisError, OSError)


@cache
def producer() -> Celery:
    """An application that only sends: a web process has no other, and a task is named, not imported."""
    app = Celery("vectorstore.jobs", set_as_current=False)
    app.config_from_object("django.conf:settings", namespace="CELERY")
    return app


def enqueue(job_id: int) -> bool:
    """Ask for a worker. A broker that does not answer within seconds is no error: the sweeper asks again."""
    try:
        with _connection() as connection:
            producer().send_task(TASK, [job_id], queue=QUEUE, connection=connection, retry=False)
    except _TROUBLE as error:
        log.warning("job %d waits for the sweeper: the broker does not answer (%s)", job_id, type(error).__name__)
        return False
    Job.objects.filter(pk=job_id, state=JobState.QUEUED).update(enqueued_at=timezone.now())
    return True


def waiting() -> int | None:
    """How many numbers wait in the queue; None where the broker does not answer."""
    try:
        with _connection() as connection:
            return int(connection.default_channel.queue_declare(QUEUE).message_count)
    except _TROUBLE:
        return None


@contextmanager
def _connection() -> Iterator[Any]:
    """One of its own, that gives up soon: a request waits for it."""
    options = {"socket_timeout": _PATIENCE_S, "socket_connect_timeout": _PATIENCE_S}
    with producer().connection_for_write(transport_options=options) as connection:
        connection.ensure_connection(max_retries=0, timeout=_PATIENCE_S)
        yield connection
