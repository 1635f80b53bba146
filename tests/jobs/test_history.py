"""Jobs that ended long ago are forgotten, with their chunks."""

from datetime import timedelta

import pytest
from django.utils import timezone

from vectorstore.models import Job, JobChunk, JobState
from vectorstore.tasks import purge_jobs


def _job(state: JobState, days: float) -> Job:
    ended = state not in (JobState.QUEUED, JobState.RUNNING)
    at = timezone.now() - timedelta(days=days)
    job = Job.objects.create(kind="chunks", state=state, actor_kind="system", finished_at=at if ended else None)
    JobChunk.objects.create(job=job, key="1")
    Job.objects.filter(pk=job.pk).update(created_at=at)
    return job


@pytest.mark.django_db
def test_what_ended_long_ago_goes_and_what_may_be_resumed_keeps_its_chunks() -> None:
    gone = [_job(state, 91) for state in (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)]
    kept = [_job(state, 89) for state in JobState]
    kept += [_job(JobState.QUEUED, 400), _job(JobState.RUNNING, 400)]
    assert purge_jobs() == len(gone)
    assert set(Job.objects.all()) == set(kept)
    with_chunks = {chunk.job for chunk in JobChunk.objects.all()}
    assert with_chunks == {job for job in kept if job.state != JobState.SUCCEEDED}
