"""Bodies of ``jobs/``, and of every other address that starts a job."""

from datetime import datetime
from typing import Any, TypedDict

from vectorstore.models import Job


class LineBody(TypedDict):
    """One line of a job's log."""

    at: str
    text: str


class JobSummary(TypedDict):
    """``progress`` is from 0 to 1, ``rate`` in units a second of late, ``eta_s`` in seconds.

    ``error`` is ``{"code", "detail"}``, and ``errors`` where there are some by value.
    """

    id: int
    kind: str
    state: str
    stage: str
    collection: str
    progress: float
    done: int
    total: int | None
    unit: str
    rate: float | None
    eta_s: float | None
    cancel_requested: bool
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    result: dict[str, Any] | None
    error: dict[str, Any] | None


class JobBody(JobSummary):
    """With the last lines of its log."""

    log: list[LineBody]


def job_body(job: Job) -> JobBody:
    return {**job_summary(job), "log": [{"at": at, "text": text} for at, text in job.log]}


def job_summary(job: Job) -> JobSummary:
    return {
        "id": job.pk,
        "kind": job.kind,
        "state": job.state,
        "stage": job.stage,
        "collection": job.collection,
        "progress": round(job.progress, 4),
        "done": job.done,
        "total": job.total,
        "unit": job.unit,
        "rate": job.rate,
        "eta_s": job.eta_s,
        "cancel_requested": job.cancel_requested,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "result": job.result,
        "error": job.error,
    }
