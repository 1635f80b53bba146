"""Runs one job to its end, or until somebody or something stops it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import InterfaceError, OperationalError

from vectorstore.access.acting import acting_for
from vectorstore.domain.errors import VectorStoreError
from vectorstore.jobs.drain import draining
from vectorstore.jobs.lease import take
from vectorstore.jobs.registry import find
from vectorstore.jobs.running import RunningJob, Watch
from vectorstore.models import Job, JobState
from vectorstore.monitoring import request_id
from vectorstore.service.context import Scope
from vectorstore.service.job_queue import enqueue
from vectorstore.service.work import Cancelled, Stopped

log = logging.getLogger("vectorstore.jobs")

_MOST_ERRORS = 100


def run(job_id: int, watch: Watch | None = None) -> JobState | None:
    """Take the job and do it here, as far as possible.

    Args:
        watch: told of progress, by another thread.

    Returns:
        The state in which this run leaves the job; ``queued``: it goes on elsewhere. None: it did not wait for a
        worker, or another worker has it now.

    Raises:
        OperationalError, InterfaceError: the database was away. The row says "running" until its lease runs out.
    """
    if draining():
        enqueue(job_id)
        return None
    job = take(job_id)
    if job is None:
        return None
    with _request(job), RunningJob(job, watch) as running:
        if job.token > 1:
            running.say(f"Taken up again: run {job.token}.")
        end, columns = _outcome(job, running)
    lease, columns = running.lease, running.unwritten() | columns
    if end == JobState.QUEUED:
        left = lease.give_back(**columns)
        if left:
            enqueue(job_id)
    else:
        left = lease.end(end, **columns)
    log.info("job %d (%s): %s", job_id, job.kind, end if left else "another worker has it")
    return end if left else None


def _outcome(job: Job, running: RunningJob) -> tuple[JobState, dict[str, Any]]:
    """Do the work; the state that it ends in, and what the row is to say about it."""
    try:
        actor = acting_for(job.actor_kind, job.actor_id, job.actor, job.key_prefix)
        scope = Scope(actor, job.cluster, job.database)
        return JobState.SUCCEEDED, {"result": find(job.kind)(running, scope, dict(job.params))}
    except Cancelled:
        return JobState.CANCELLED, {"rate": None}
    except Stopped:
        return JobState.QUEUED, {"rate": None}
    except VectorStoreError as error:
        return JobState.FAILED, {"error": _told(error)}
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("job %d (%s) failed", job.pk, job.kind)
        detail = "Something went wrong here; the number of the job finds it in the worker's log."
        return JobState.FAILED, {"error": {"code": VectorStoreError.code, "detail": detail}}
    except BaseException:  # the process ends; whoever takes the job next goes on from the last chunk
        if running.lease.give_back(rate=None):
            enqueue(job.pk)
        raise


def _told(error: VectorStoreError) -> dict[str, Any]:
    told: dict[str, Any] = {"code": error.code, "detail": error.detail}
    if error.errors:
        told["errors"] = [
            {"pointer": item.pointer, "code": item.code, "detail": item.detail} for item in error.errors[:_MOST_ERRORS]
        ]
    return told


@contextmanager
def _request(job: Job) -> Iterator[None]:
    """What the job does is recorded under the request that asked for it."""
    before = request_id.current.set(job.request_id)
    try:
        yield
    finally:
        request_id.current.reset(before)
