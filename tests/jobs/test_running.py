"""What a job's code is given while it runs."""

from typing import Any

import pytest

from tests.jobs.conftest import Submit, let_lease_end
from tests.support.until import until
from vectorstore.jobs import drain
from vectorstore.jobs.lease import take
from vectorstore.jobs.runner import run
from vectorstore.jobs.running import LOG_LINES, RunningJob
from vectorstore.models import Job, JobChunk
from vectorstore.service.work import Cancelled, Interrupted


@pytest.fixture
def job(made: Submit) -> Job:
    made("chunks")
    taken = take(Job.objects.get().pk)
    assert taken is not None
    return taken


def _stops(work: RunningJob, how: type[Exception]) -> bool:
    try:
        work.check()
    except how:
        return True
    return False


def test_what_is_told_reaches_the_row_while_it_runs(job: Job) -> None:
    seen: list[dict[str, Any]] = []
    with RunningJob(job, seen.append) as work:
        work.stage("copying")
        work.progress(10, 40, "rows")
        work.say("ten of them")
        until(lambda: Job.objects.get().done == 10)
        row = Job.objects.get()
        assert (row.stage, row.total, row.unit, row.progress) == ("copying", 40, "rows", 0.25)
        assert row.log[-1][1] == "ten of them"
        assert row.lease_until > job.lease_until
        work.check()
        until(lambda: bool(seen))
    assert seen[0]["stage"] == "copying"
    assert seen[0]["done"] == 10


def test_the_rate_and_the_time_left_are_told(job: Job) -> None:
    with RunningJob(job) as work:
        for done in range(10_000):
            work.progress(done, 10_000, "rows")
            row = Job.objects.get()
            if row.rate:
                break
        assert row.rate > 0
        assert row.eta_s > 0


def test_the_log_keeps_its_last_lines(made: Submit) -> None:
    job = made("log", lines=LOG_LINES + 50)
    run(job.pk)
    job.refresh_from_db()
    assert len(job.log) == LOG_LINES
    assert job.log[-1][1] == f"line {LOG_LINES + 49}"
    assert job.log[0][1] == "line 50"


def test_a_cancelled_job_is_stopped(job: Job) -> None:
    with RunningJob(job) as work:
        work.check()
        Job.objects.update(cancel_requested=True)
        until(lambda: _stops(work, Cancelled))


def test_a_job_that_another_has_is_stopped_and_records_nothing(job: Job) -> None:
    with RunningJob(job) as work:
        let_lease_end(job)
        assert take(job.pk) is not None
        with pytest.raises(Interrupted):
            work.finish("1")
        work.progress(5)
        until(lambda: _stops(work, Interrupted))
    assert Job.objects.get().done == 0
    assert not JobChunk.objects.exists()


def test_a_worker_that_drains_stops_it(job: Job) -> None:
    with RunningJob(job) as work:
        drain.begin()
        with pytest.raises(Interrupted):
            work.check()


def test_chunks_of_former_runs_are_known_with_their_notes(job: Job) -> None:
    JobChunk.objects.create(job=job, key="0", note={"rows": 3})
    with RunningJob(job) as work:
        assert work.finished("0") == {"rows": 3}
        assert work.finished("1") is None
        work.finish("1", {"rows": 4})
        assert work.finished("1") == {"rows": 4}
    assert JobChunk.objects.count() == 2
