"""Who has a job: every write of a worker names its token, so that one that lost the job changes nothing."""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from vectorstore.models import Job, JobChunk, JobState
from vectorstore.service.work import Interrupted

LEASE = timedelta(seconds=30)
MOST_DEATHS = 3
QUARANTINED = "job_quarantined"
_WHY = (
    f"Its worker ended {MOST_DEATHS} times without a word and without finishing a chunk in between: see the worker's "
    "log (it may lack memory), then try the job again."
)


class Lease:
    """The hold of one run on a job."""

    def __init__(self, job_id: int, token: int) -> None:
        self.job_id = job_id
        self.token = token

    @property
    def _row(self) -> QuerySet[Job]:
        return Job.objects.filter(pk=self.job_id, token=self.token, state=JobState.RUNNING)

    def renew(self, **columns: Any) -> bool:
        """Write ``columns`` and hold on; False where another has the job, or nobody: nothing was written."""
        return self._row.update(**columns, lease_until=timezone.now() + LEASE) == 1

    def cancel_requested(self) -> bool:
        return self._row.filter(cancel_requested=True).exists()

    def finish_chunk(self, key: str, note: dict[str, Any]) -> None:
        """Record a chunk; the job counts as healthy again.

        Raises:
            Interrupted: another has the job; the chunk is not recorded.
        """
        with transaction.atomic(durable=True):
            if not self.renew(deaths=0):  # locks the row until the chunk is there
                raise Interrupted(f"Another worker has job {self.job_id}.")
            JobChunk.objects.update_or_create(job_id=self.job_id, key=key, defaults={"note": note})

    def end(self, state: JobState, **columns: Any) -> bool:
        """The job has ended; False where it was no longer this run's."""
        with transaction.atomic():
            ended = self._row.update(state=state, finished_at=timezone.now(), lease_until=None, **columns) == 1
            if ended and state == JobState.CANCELLED:  # what the chunks made is taken back
                JobChunk.objects.filter(job_id=self.job_id).delete()
        return ended

    def give_back(self, **columns: Any) -> bool:
        """The job waits for another worker; False where it was no longer this run's."""
        return self._row.update(state=JobState.QUEUED, lease_until=None, enqueued_at=None, **columns) == 1


def take(job_id: int) -> Job | None:
    """The job, held by the caller, who is its newest run; None where it does not wait for a worker."""
    bury(job_id)
    now = timezone.now()
    with transaction.atomic():
        taken = Job.objects.filter(pk=job_id, state=JobState.QUEUED).update(
            state=JobState.RUNNING,
            token=F("token") + 1,
            lease_until=now + LEASE,
            started_at=Coalesce("started_at", now),
            rate=None,
        )
        return Job.objects.get(pk=job_id) if taken else None


def bury(job_id: int) -> JobState | None:
    """What becomes of a job whose holder let its lease run out; None where that is not so."""
    dead = Job.objects.filter(pk=job_id, state=JobState.RUNNING, lease_until__lt=timezone.now())
    died = {"deaths": F("deaths") + 1, "lease_until": None, "rate": None}
    if dead.filter(deaths__gte=MOST_DEATHS - 1).update(
        state=JobState.FAILED, error={"code": QUARANTINED, "detail": _WHY}, finished_at=timezone.now(), **died
    ):
        return JobState.FAILED
    return JobState.QUEUED if dead.update(state=JobState.QUEUED, enqueued_at=None, **died) else None
