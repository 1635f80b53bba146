"""``manage.py jobs``."""

import os
import signal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

import tests.support.job_kinds  # noqa: F401  they declare themselves
from vectorstore.jobs.drain import draining
from vectorstore.jobs.registry import work
from vectorstore.models import Job, JobState
from vectorstore.service.context import Scope
from vectorstore.service.job_service import submit
from vectorstore.service.work import Work

pytestmark = pytest.mark.django_db(transaction=True)


class _Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def _jobs(*arguments: object, out: StringIO | None = None) -> str:
    out = out or StringIO()
    call_command("jobs", *map(str, arguments), stdout=out)
    return out.getvalue()


@work("test.signalled")
def _signalled(work: Work, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
    """This process is told to end while it works."""
    os.kill(os.getpid(), signal.SIGTERM)
    work.check()
    return {}


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return submit(Scope(), "test.chunks", {"chunks": 2, "seconds": 1.2, "file": str(tmp_path / "file")}, "docs")


def test_jobs_are_listed_by_state(job: Job) -> None:
    other = submit(Scope(), "any", {}, "other")
    Job.objects.filter(pk=other.pk).update(state=JobState.FAILED)
    told = _jobs("list")
    assert [line.split()[0] for line in told.splitlines()] == [str(other.pk), str(job.pk)]
    assert "docs" in told
    assert "queued" in told
    assert [line.split()[0] for line in _jobs("list", "--state", "failed").splitlines()] == [str(other.pk)]
    assert len(_jobs("list", "--limit", "1").splitlines()) == 1
    assert _jobs("list", "--state", "running") == "There are no such jobs.\n"


def test_a_job_is_run_here_with_a_line_of_progress(job: Job) -> None:
    told = _jobs("run", job.pk).splitlines()
    assert told[-1] == f"Job {job.pk} is succeeded: 100 %, 2 of 2 chunks."
    assert "counting 50 %" in told


def test_on_a_terminal_the_line_moves(job: Job) -> None:
    told = _jobs("run", job.pk, out=_Terminal())
    assert "\r\033[Kcounting" in told
    assert "█" * 20 + "·" * 20 + " 50 %, 1 of 2 chunks" in told


def test_a_job_is_shown_with_how_it_ended(job: Job) -> None:
    _jobs("run", job.pk)
    told = _jobs("show", job.pk)
    for line in ("kind: test.chunks", "state: succeeded", "progress: 100 %, 2 of 2 chunks", "all chunks are finished"):
        assert line in told
    assert "result.notes: [{'number': 0}, {'number': 1}]" in told


def test_a_job_is_cancelled_and_tried_again(job: Job) -> None:
    assert _jobs("cancel", job.pk) == f"Job {job.pk} is cancelled.\n"
    assert _jobs("retry", job.pk) == f"Job {job.pk} is in the queue again.\n"
    Job.objects.update(state=JobState.RUNNING, token=1)
    assert _jobs("cancel", job.pk) == f"Job {job.pk} is told to end.\n"


def test_what_fails_is_an_error_of_the_command() -> None:
    failing = submit(Scope(), "test.refused", {})
    with pytest.raises(CommandError, match="failed: 150 rows are wrong"):
        _jobs("run", failing.pk)


def test_a_signal_puts_the_job_back() -> None:
    job = submit(Scope(), "test.signalled", {})
    assert _jobs("run", job.pk).splitlines()[-1].startswith(f"Job {job.pk} is queued")
    assert not draining()
    job.refresh_from_db()
    assert (job.state, job.deaths) == (JobState.QUEUED, 0)


def test_what_cannot_be_done_is_told(job: Job) -> None:
    Job.objects.update(state=JobState.SUCCEEDED)
    with pytest.raises(CommandError, match="does not wait for a worker"):
        _jobs("run", job.pk)
    with pytest.raises(CommandError, match="succeeded already"):
        _jobs("cancel", job.pk)
    with pytest.raises(CommandError, match="There is no such job"):
        _jobs("show", 10**9)
