"""How long ended jobs stay on record."""

from datetime import timedelta

from django.utils import timezone

from vectorstore.config.settings import current
from vectorstore.models import Job, JobChunk, JobState

CHUNKS_KEPT = timedelta(days=1)
_ENDED = (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)


def purge() -> int:
    """Delete jobs that ended longer ago than ``VECTORSTORE_JOBS_DAYS``, and the chunks of those that succeeded, which
    nobody resumes; returns how many jobs went."""
    now = timezone.now()
    JobChunk.objects.filter(job__state=JobState.SUCCEEDED, job__finished_at__lt=now - CHUNKS_KEPT).delete()
    old = Job.objects.filter(state__in=_ENDED, finished_at__lt=now - timedelta(days=current().jobs_days))
    return old.delete()[1].get("vectorstore.Job", 0)
