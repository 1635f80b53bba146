"""Jobs in the console: seen by those who may, with their progress, cancelled and tried again by buttons."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.support.access import give
from vectorstore.access.actor import Actor
from vectorstore.admin.job_texts import rate_text, seconds_text, state_text
from vectorstore.models import AuditRecord, Job, JobState
from vectorstore.service.context import Scope
from vectorstore.service.job_service import submit

pytestmark = pytest.mark.django_db

JOBS = "/admin/vectorstore/job/"


def a_job(collection: str = "docs", scope: Scope | None = None, **columns: Any) -> Job:
    job = submit(scope or Scope(), "import", {}, collection)
    Job.objects.filter(pk=job.pk).update(**columns)
    return job


def page_of(browser: Client, job: Job) -> str:
    return browser.get(f"{JOBS}{job.pk}/change/").content.decode()


@pytest.fixture
def running() -> Job:
    return a_job(
        state=JobState.RUNNING,
        stage="copying",
        done=2_500,
        total=10_000,
        unit="rows",
        rate=1_500.0,
        token=1,
        log=[["2030-01-31T10:20:30.000+00:00", "<b>begun</b>"]],
    )


def test_the_list_shows_state_progress_rate_and_time_left(browser: Client, running: Job) -> None:
    page = browser.get(JOBS).content.decode()
    assert re.search(rf'<progress[^>]*value="25"[^>]*aria-label="Progress of job {running.pk}, percent"', page)
    for text in ("running", "25 %", "1,500 rows/s", "5 s", "docs", "copying"):
        assert text in page


def test_the_list_asks_for_itself_again_while_something_is_under_way(browser: Client, running: Job) -> None:
    page = browser.get(f"{JOBS}?state__exact=running").content.decode()
    assert f'hx-get="{JOBS}?state__exact=running" hx-trigger="every 2s" hx-select="#result_list"' in page
    assert '"allowEval": false' in page
    Job.objects.update(state=JobState.SUCCEEDED)
    assert "every 2s" not in browser.get(JOBS).content.decode()


def test_an_empty_list_says_what_starts_a_job(browser: Client, running: Job) -> None:
    assert "There are no jobs yet" not in browser.get(JOBS).content.decode()
    Job.objects.all().delete()
    assert "There are no jobs yet. An import" in browser.get(JOBS).content.decode()


def test_the_page_shows_how_it_goes_and_asks_again_until_it_has_ended(browser: Client, running: Job) -> None:
    page = page_of(browser, running)
    assert '<progress class="vs-progress" max="100" value="25" aria-label="Progress of the job, percent">' in page
    for text in ("2,500 of 10,000 rows", "1,500 rows/s", "5 s", "10:20:30", "&lt;b&gt;begun&lt;/b&gt;"):
        assert text in page
    live = f"{JOBS}{running.pk}/live/"
    assert f'hx-get="{live}" hx-trigger="every 2s"' in page
    part = browser.get(live).content.decode()
    assert part.lstrip().startswith('<div id="vs-job"')
    assert "<html" not in part
    Job.objects.update(state=JobState.SUCCEEDED, result={"collection": "docs", "rows": 10_000})
    part = browser.get(live).content.decode()
    assert "hx-trigger" not in part
    assert "100 %" in part
    assert "10,000" in part


def test_a_failure_says_why(browser: Client) -> None:
    errors = [{"pointer": "/rows/3", "code": "invalid", "detail": "no such field"}]
    error = {"code": "invalid", "detail": "1 row is wrong.", "errors": errors}
    page = page_of(browser, a_job(state=JobState.FAILED, error=error))
    for text in ("1 row is wrong.", "/rows/3", "no such field", "Try again"):
        assert text in page
    assert "Cancel the job" not in page


def test_a_button_cancels_and_another_tries_again(browser: Client) -> None:
    job = a_job()
    assert "Cancel the job" in page_of(browser, job)
    answer = browser.post(f"{JOBS}{job.pk}/cancel/", follow=True).content.decode()
    job.refresh_from_db()
    assert job.state == JobState.CANCELLED
    assert f"Job {job.pk} is told to end." in answer
    browser.post(f"{JOBS}{job.pk}/retry/")
    job.refresh_from_db()
    assert job.state == JobState.QUEUED
    assert AuditRecord.objects.filter(action="job.cancel", actor="root", outcome="ok").count() == 2


def test_what_cannot_be_done_is_told(browser: Client) -> None:
    job = a_job(state=JobState.SUCCEEDED)
    answer = browser.post(f"{JOBS}{job.pk}/retry/", follow=True).content.decode()
    assert "only one that failed or was cancelled is tried again" in answer


def test_buttons_are_posts_with_a_token(browser: Client, running: Job) -> None:
    assert "csrfmiddlewaretoken" in page_of(browser, running)
    for act in ("cancel", "retry"):
        assert browser.get(f"{JOBS}{running.pk}/{act}/").status_code == 405
    guarded = Client(enforce_csrf_checks=True)
    guarded.force_login(User.objects.get(username="root"))
    assert guarded.post(f"{JOBS}{running.pk}/cancel/").status_code == 403
    running.refresh_from_db()
    assert not running.cancel_requested


def test_jobs_are_there_for_who_may_see_them(browser_with: Callable[..., Client], running: Job) -> None:
    assert browser_with("editor").get(f"{JOBS}{running.pk}/change/").status_code == 200
    viewer = browser_with("viewer")
    assert viewer.get(JOBS).status_code == 403
    for path in ("change/", "live/"):
        assert viewer.get(f"{JOBS}{running.pk}/{path}").status_code == 404
    assert viewer.post(f"{JOBS}{running.pk}/cancel/").status_code == 404
    running.refresh_from_db()
    assert not running.cancel_requested


def test_an_editor_of_some_collections_sees_the_jobs_of_those(running: Job) -> None:
    other = a_job("other")
    eve = User.objects.create_user("eve", is_staff=True)
    give(eve, "editor", "docs")
    client = Client()
    client.force_login(eve)
    page = client.get(JOBS).content.decode()
    assert f"{JOBS}{running.pk}/change/" in page
    assert f"{JOBS}{other.pk}/change/" not in page
    assert client.get(f"{JOBS}{other.pk}/change/").status_code == 404


def test_ones_own_job_needs_no_right() -> None:
    ada = User.objects.create_user("ada", is_staff=True)
    job = a_job(scope=Scope(Actor.of(ada)))
    client = Client()
    client.force_login(ada)
    assert f"{JOBS}{job.pk}/change/" in client.get(JOBS).content.decode()
    assert "Cancel the job" in page_of(client, job)


def test_jobs_are_neither_made_nor_changed_nor_deleted_by_a_form(browser: Client, running: Job) -> None:
    assert browser.get(f"{JOBS}add/").status_code == 403
    assert browser.post(f"{JOBS}{running.pk}/change/", {"state": "failed"}).status_code == 405
    assert browser.post(f"{JOBS}{running.pk}/delete/", {"post": "yes"}).status_code == 403
    assert browser.get(f"{JOBS}none/change/").status_code == 404


def test_texts_have_their_units() -> None:
    assert [seconds_text(value) for value in (None, 0, 59.6, 3_725, 90_000)] == [
        "",
        "0 s",
        "1 min",
        "1 h 2 min",
        "1 d 1 h",
    ]
    assert rate_text(Job(state=JobState.RUNNING, rate=2.34, unit="parts")) == "2.3 parts/s"
    assert rate_text(Job(state=JobState.SUCCEEDED, rate=2.0)) == ""
    assert state_text(Job(state=JobState.RUNNING, cancel_requested=True)) == "ending"
