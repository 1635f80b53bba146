"""Workers that are processes: killed, told to end, told to cancel."""

import signal
import subprocess
from pathlib import Path

import pytest
import redis

from tests.jobs.conftest import Submit, Worker, let_lease_end, lines
from tests.support.until import until
from vectorstore.jobs.runner import run
from vectorstore.jobs.sweeper import sweep
from vectorstore.models import Job, JobChunk, JobState
from vectorstore.service.job_service import JobService


def did(tmp_path: Path) -> list[str]:
    return [line for line in lines(tmp_path) if line.startswith("did")]


def left(process: "subprocess.Popen[str]") -> str:
    """The state in which the process left its job, by its last line."""
    return process.communicate(timeout=60)[0].splitlines()[-1]


@pytest.mark.parametrize("kills", [4, pytest.param(20, marks=pytest.mark.slow)])
def test_killed_again_and_again_it_repeats_at_most_the_chunk_it_was_in(
    made: Submit, process: Worker, tmp_path: Path, kills: int
) -> None:
    job = made("chunks", chunks=kills + 1, seconds=0.4)
    for number in range(kills):
        worker = process("run", job.pk)
        until(lambda number=number: JobChunk.objects.filter(key=str(number)).exists())
        until(lambda number=number: f"begin {number + 1}" in lines(tmp_path))  # in the middle of the next chunk
        worker.kill()
        worker.wait()
        let_lease_end(job)
        sweep()
        job.refresh_from_db()
        assert job.state == JobState.QUEUED
    last = process("run", job.pk)
    assert left(last) == "succeeded"
    job.refresh_from_db()
    every = [str(number) for number in range(kills + 1)]
    assert list(job.chunks.values_list("key", flat=True)) == every
    assert job.result == {"notes": [{"number": number} for number in range(kills + 1)]}
    assert did(tmp_path) == [f"did {number}" for number in every]
    assert job.token == kills + 1


def test_a_job_that_kills_its_worker_three_times_is_quarantined_until_somebody_tries_again(
    made: Submit, process: Worker, tmp_path: Path
) -> None:
    job = made("die")
    for _ in range(3):
        assert process("run", job.pk).wait(timeout=60) == -signal.SIGKILL
        job.refresh_from_db()
        assert job.state == JobState.RUNNING
        let_lease_end(job)
        sweep()
    job.refresh_from_db()
    assert (job.state, job.error["code"]) == (JobState.FAILED, "job_quarantined")
    assert left(process("run", job.pk)) == "None"
    assert lines(tmp_path) == ["dying"] * 3
    again = JobService().retry(job.pk)
    assert (again.state, again.deaths, again.error) == (JobState.QUEUED, 0, None)


def test_a_worker_that_froze_cannot_finish_what_another_has(made: Submit, process: Worker, tmp_path: Path) -> None:
    job = made("chunks", chunks=2, seconds=1)
    frozen = process("run", job.pk)
    until(lambda: "begin 0" in lines(tmp_path))
    frozen.send_signal(signal.SIGSTOP)
    let_lease_end(job)
    assert run(job.pk) == JobState.SUCCEEDED
    job.refresh_from_db()
    before = job.finished_at
    frozen.send_signal(signal.SIGCONT)
    assert left(frozen) == "None"
    job.refresh_from_db()
    assert (job.state, job.token, job.finished_at) == (JobState.SUCCEEDED, 2, before)
    assert JobChunk.objects.count() == 2


def test_a_worker_takes_a_job_from_the_broker(
    broker: "redis.Redis", made: Submit, process: Worker, redis_url: str
) -> None:
    process("worker", redis_url)
    job = made("chunks", chunks=2)
    until(lambda: Job.objects.get(pk=job.pk).ended, 60)
    assert Job.objects.get().state == JobState.SUCCEEDED


def test_a_cancelled_job_ends_in_its_worker(
    broker: "redis.Redis", made: Submit, process: Worker, redis_url: str, tmp_path: Path
) -> None:
    process("worker", redis_url)
    job = made("wait")
    until(lambda: "waiting" in lines(tmp_path), 60)
    assert JobService().cancel(job.pk).state == JobState.RUNNING
    until(lambda: Job.objects.get(pk=job.pk).ended)
    assert Job.objects.get().state == JobState.CANCELLED
    assert lines(tmp_path) == ["waiting", "taken back"]


def test_a_worker_that_is_told_to_end_gives_its_job_to_another(
    broker: "redis.Redis", made: Submit, process: Worker, redis_url: str, tmp_path: Path
) -> None:
    first = process("worker", redis_url)
    job = made("chunks", chunks=3, seconds=2)
    until(lambda: "begin 1" in lines(tmp_path), 60)
    first.send_signal(signal.SIGTERM)
    assert first.wait(timeout=20) == 0
    job.refresh_from_db()
    assert (job.state, job.deaths, job.token) == (JobState.QUEUED, 0, 1)
    process("worker", redis_url)
    until(lambda: Job.objects.get(pk=job.pk).ended, 60)
    assert Job.objects.get().state == JobState.SUCCEEDED
    assert did(tmp_path) == ["did 0", "did 1", "did 2"]


def test_a_worker_whose_process_is_killed_goes_on_with_the_next(
    broker: "redis.Redis", made: Submit, process: Worker, redis_url: str, tmp_path: Path
) -> None:
    process("worker", redis_url)
    job = made("die")
    until(lambda: lines(tmp_path) == ["dying"], 60)
    following = made("chunks", chunks=1)
    until(lambda: Job.objects.get(pk=following.pk).ended, 60)
    job.refresh_from_db()
    assert (job.state, job.deaths) == (JobState.RUNNING, 0)
    let_lease_end(job)
    sweep()
    until(lambda: lines(tmp_path).count("dying") == 2, 60)
