"""One job, run in this process."""

import logging
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from django.contrib.auth.models import User
from django.utils import timezone

from tests.jobs.conftest import QUEUE, Submit, let_lease_end, lines
from tests.support.access import give
from vectorstore.access import api_keys
from vectorstore.access.actor import NOBODY, USER, Actor, KeyScopes
from vectorstore.jobs import drain
from vectorstore.jobs.runner import run
from vectorstore.models import ApiKey, Job, JobChunk, JobState, ServiceAccount
from vectorstore.monitoring import request_id
from vectorstore.service.context import Scope
from vectorstore.service.job_service import JobService


def test_a_job_succeeds_with_its_result(made: Submit, tmp_path: Path) -> None:
    job = made("chunks", chunks=3)
    assert run(job.pk) == JobState.SUCCEEDED
    job.refresh_from_db()
    assert job.state == JobState.SUCCEEDED
    assert job.result == {"notes": [{"number": number} for number in range(3)]}
    assert (job.stage, job.done, job.total, job.unit, job.progress) == ("counting", 3, 3, "chunks", 1.0)
    assert (job.error, job.lease_until, job.eta_s) == (None, None, None)
    assert job.started_at <= job.finished_at
    assert [text for _, text in job.log] == ["all chunks are finished"]
    assert lines(tmp_path) == [f"{did} {number}" for number in range(3) for did in ("begin", "did")]


def test_a_message_that_comes_twice_does_it_once(made: Submit, tmp_path: Path) -> None:
    job = made("chunks", chunks=1)
    assert run(job.pk) == JobState.SUCCEEDED
    assert run(job.pk) is None
    assert run(10**9) is None
    assert lines(tmp_path) == ["begin 0", "did 0"]


def test_what_the_product_refuses_is_told(made: Submit) -> None:
    job = made("refused")
    assert run(job.pk) == JobState.FAILED
    job.refresh_from_db()
    assert (job.error["code"], job.error["detail"]) == ("invalid", "150 rows are wrong.")
    assert len(job.error["errors"]) == 100
    assert job.error["errors"][1] == {"pointer": "/rows/1", "code": "invalid", "detail": "no"}
    assert job.finished_at is not None


def test_a_fault_of_ours_is_told_in_the_log_alone(made: Submit, caplog: pytest.LogCaptureFixture) -> None:
    job = made("broken")
    with caplog.at_level(logging.ERROR, "vectorstore.jobs"):
        assert run(job.pk) == JobState.FAILED
    job.refresh_from_db()
    assert job.error["code"] == "internal_error"
    assert "inside of the machine" not in str(job.error) + str(job.log)
    assert "inside of the machine" in caplog.text


def test_a_kind_of_another_version_fails_as_that(made: Submit) -> None:
    job = made("of_tomorrow")
    assert run(job.pk) == JobState.FAILED
    job.refresh_from_db()
    assert job.error["code"] == "conflict"


def test_a_cancelled_job_ends_and_forgets_its_chunks(made: Submit) -> None:
    job = made("cancelled")
    assert run(job.pk) == JobState.CANCELLED
    job.refresh_from_db()
    assert (job.state, job.error) == (JobState.CANCELLED, None)
    assert not JobChunk.objects.exists()


def test_a_job_cancelled_while_it_waits_takes_back_what_it_made(made: Submit, tmp_path: Path) -> None:
    job = made("wait")
    Job.objects.filter(pk=job.pk).update(token=1)  # it has run before
    assert JobService().cancel(job.pk).state == JobState.QUEUED
    assert run(job.pk) == JobState.CANCELLED
    assert lines(tmp_path) == ["waiting", "taken back"]


def test_a_worker_that_ends_puts_it_back_and_another_goes_on(
    made: Submit, tmp_path: Path, broker: "redis.Redis"
) -> None:
    job = made("chunks", chunks=4, drain=2)
    broker.delete(QUEUE)
    assert run(job.pk) == JobState.QUEUED
    job.refresh_from_db()
    assert (job.state, job.deaths, job.lease_until) == (JobState.QUEUED, 0, None)
    assert job.enqueued_at is not None
    assert broker.llen(QUEUE) == 1
    assert run(job.pk) is None  # it takes nothing more itself
    assert broker.llen(QUEUE) == 2
    drain.end()
    Job.objects.update(params={**job.params, "drain": None})
    assert run(job.pk) == JobState.SUCCEEDED
    assert [line for line in lines(tmp_path) if line.startswith("did")] == [f"did {number}" for number in range(4)]
    job.refresh_from_db()
    assert job.log[0][1] == "Taken up again: run 2."


def test_a_process_that_is_left_gives_the_job_back(made: Submit) -> None:
    job = made("exit")
    with pytest.raises(SystemExit):
        run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.deaths) == (JobState.QUEUED, 0)


def test_a_job_whose_worker_died_is_taken_over(made: Submit, tmp_path: Path) -> None:
    job = made("chunks", chunks=2)
    Job.objects.update(state=JobState.RUNNING, token=7)
    JobChunk.objects.create(job=job, key="0", note={"number": 0})
    let_lease_end(job)
    assert run(job.pk) == JobState.SUCCEEDED
    assert lines(tmp_path) == ["begin 1", "did 1"]
    job.refresh_from_db()
    assert job.token == 8


def test_it_is_done_for_whom_asked_with_the_rights_of_now(made: Submit) -> None:
    ada = User.objects.create_user("ada")
    give(ada, "viewer", "docs")
    job = made("who", Scope(Actor.of(ada, "token"), database="else"))
    assert run(job.pk) == JobState.SUCCEEDED
    job.refresh_from_db()
    may, request = {"docs": True, "other": False}, job.request_id
    assert request
    assert job.result == {"actor": "ada", "method": "job", "database": "else", "may": may, "request": request}


@pytest.mark.parametrize("gone", [False, True])
def test_of_an_account_that_is_disabled_or_gone_nothing_is_done(made: Submit, gone: bool) -> None:
    ada = User.objects.create_superuser("ada")
    job = made("who", Scope(Actor.of(ada)))
    if gone:
        ada.delete()
    else:
        User.objects.update(is_active=False)
    assert run(job.pk) == JobState.FAILED
    job.refresh_from_db()
    assert job.error["code"] == "permission_denied"


def test_nobody_has_no_jobs(made: Submit) -> None:
    job = made("who", Scope(NOBODY))
    assert run(job.pk) == JobState.FAILED


def test_an_api_key_narrows_the_job_that_it_asked_for(made: Submit) -> None:
    ada = User.objects.create_user("ada")
    give(ada, "viewer")
    key, _ = api_keys.make("narrow", ada, scopes=KeyScopes(None, "docs*"))
    scope = Scope(Actor(USER, ada.pk, "ada", method="api_key", key_prefix=key.prefix))
    job = made("who", scope)
    run(job.pk)
    job.refresh_from_db()
    assert job.result["may"] == {"docs": True, "other": False}


@pytest.mark.parametrize("change", ["revoked_at", "expires_at"])
def test_an_api_key_that_has_ended_ends_its_jobs(made: Submit, change: str) -> None:
    service = ServiceAccount.objects.create(name="importer")
    key, _ = api_keys.make("old", service)
    job = made("who", Scope(Actor("service_account", service.pk, "importer", key_prefix=key.prefix)))
    ApiKey.objects.update(**{change: timezone.now() - timedelta(seconds=1)})
    assert run(job.pk) == JobState.FAILED
    job.refresh_from_db()
    assert job.error["code"] == "permission_denied"
    assert key.prefix in job.error["detail"]


def test_what_it_does_is_under_the_request_that_asked(made: Submit) -> None:
    token = request_id.current.set("the-request")
    job = made("who")
    request_id.current.reset(token)
    run(job.pk)
    job.refresh_from_db()
    assert (job.request_id, job.result["request"]) == ("the-request", "the-request")
    assert request_id.current.get() == ""
