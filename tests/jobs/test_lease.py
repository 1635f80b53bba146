"""Who has a job: on the database of the run, SQLite or PostgreSQL."""

import threading
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from tests.jobs.conftest import Submit, let_lease_end
from vectorstore.jobs.lease import LEASE, MOST_DEATHS, Lease, bury, take
from vectorstore.models import Job, JobChunk, JobState
from vectorstore.service.work import Interrupted


def held(job: Job) -> Lease:
    taken = take(job.pk)
    assert taken is not None
    return Lease(job.pk, taken.token)


def test_a_queued_job_is_taken_once(made: Submit) -> None:
    job = made("chunks")
    taken = take(job.pk)
    assert taken is not None
    assert (taken.state, taken.token) == (JobState.RUNNING, 1)
    assert taken.started_at is not None
    assert taken.lease_until is not None
    assert timezone.now() < taken.lease_until <= timezone.now() + LEASE
    assert take(job.pk) is None
    assert take(10**9) is None


def test_of_many_that_reach_for_it_one_has_it(made: Submit) -> None:
    for _ in range(5):
        job = made("chunks")
        start, had = threading.Barrier(6), []

        def reach(pk: int = job.pk, start: threading.Barrier = start, had: list[int] = had) -> None:
            try:
                start.wait()
                taken = take(pk)
                if taken is not None:
                    had.append(taken.token)
            finally:
                connections.close_all()

        threads = [threading.Thread(target=reach) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert had == [1]


def test_the_time_of_the_first_start_stays(made: Submit) -> None:
    job = made("chunks")
    lease = held(job)
    first = timezone.now() - timedelta(hours=1)
    Job.objects.update(started_at=first)
    assert lease.give_back()
    again = take(job.pk)
    assert again is not None
    assert (again.started_at, again.token) == (first, 2)


def test_a_stale_holder_changes_nothing(made: Submit) -> None:
    job = made("chunks")
    stale = held(job)
    stale.finish_chunk("1", {})
    let_lease_end(job)
    new = held(job)
    with pytest.raises(Interrupted):
        stale.finish_chunk("2", {"by": "the stale one"})
    assert not stale.renew(done=99)
    assert not stale.end(JobState.SUCCEEDED, result={"by": "the stale one"})
    assert not stale.give_back()
    assert not stale.cancel_requested()
    new.finish_chunk("2", {"by": "the new one"})
    job.refresh_from_db()
    assert (job.state, job.done, job.result, job.token) == (JobState.RUNNING, 0, None, 2)
    assert dict(JobChunk.objects.values_list("key", "note")) == {"1": {}, "2": {"by": "the new one"}}
    assert new.end(JobState.SUCCEEDED, result={})


def test_one_that_was_buried_and_not_taken_again_is_nobodys(made: Submit) -> None:
    job = made("chunks")
    stale = held(job)
    let_lease_end(job)
    assert bury(job.pk) == JobState.QUEUED
    assert not stale.renew()
    with pytest.raises(Interrupted):
        stale.finish_chunk("1", {})
    assert not JobChunk.objects.exists()


def test_a_chunk_finished_twice_is_one(made: Submit) -> None:
    lease = held(made("chunks"))
    lease.finish_chunk("1", {"rows": 1})
    lease.finish_chunk("1", {"rows": 2})
    assert list(JobChunk.objects.values_list("key", "note")) == [("1", {"rows": 2})]


def test_a_job_whose_lease_runs_is_not_buried(made: Submit) -> None:
    job = made("chunks")
    held(job)
    assert bury(job.pk) is None
    job.refresh_from_db()
    assert (job.state, job.deaths) == (JobState.RUNNING, 0)


def test_the_third_death_without_a_chunk_in_between_quarantines(made: Submit) -> None:
    job = made("chunks")
    for death in range(1, MOST_DEATHS + 1):
        held(job)
        let_lease_end(job)
        assert bury(job.pk) == (JobState.QUEUED if death < MOST_DEATHS else JobState.FAILED)
    job.refresh_from_db()
    assert (job.state, job.deaths, job.error["code"]) == (JobState.FAILED, 3, "job_quarantined")
    assert "3 times" in job.error["detail"]
    assert job.finished_at is not None
    assert take(job.pk) is None


def test_a_job_that_gets_on_between_deaths_is_healthy(made: Submit) -> None:
    job = made("chunks")
    for number in range(2 * MOST_DEATHS):
        held(job).finish_chunk(str(number), {})
        let_lease_end(job)
        assert bury(job.pk) == JobState.QUEUED
    assert JobChunk.objects.count() == 2 * MOST_DEATHS


def test_taking_counts_the_death_that_nobody_has_noticed(made: Submit) -> None:
    job = made("chunks")
    held(job)
    let_lease_end(job)
    taken = take(job.pk)
    assert taken is not None
    assert (taken.deaths, taken.token) == (1, 2)


def test_what_a_cancelled_job_has_made_is_no_longer_in_its_ledger(made: Submit) -> None:
    lease = held(made("chunks"))
    lease.finish_chunk("1", {})
    assert lease.end(JobState.CANCELLED)
    assert not JobChunk.objects.exists()
