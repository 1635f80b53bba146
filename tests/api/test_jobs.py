"""``jobs/``, and the answer 202 of every address that starts one."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import RequestFactory

from tests.api.client import Api, assert_problem
from tests.support.access import give
from vectorstore.api.openapi import document
from vectorstore.api.operation import operation
from vectorstore.api.schemas.jobs import JobBody, job_body
from vectorstore.api.views.base import View
from vectorstore.domain.requests import CountRequest
from vectorstore.models import Job, JobState
from vectorstore.service.context import Scope
from vectorstore.service.job_service import submit

pytestmark = pytest.mark.django_db

ClientOf = Callable[[User], Api]


@pytest.fixture
def root(admin: User, client_of: ClientOf) -> Api:
    return client_of(admin)


def a_job(collection: str = "docs", **columns: Any) -> Job:
    job = submit(Scope(), "import", {"file": "secret place"}, collection)
    Job.objects.filter(pk=job.pk).update(**columns)
    return job


def test_a_job_tells_what_it_does_and_how_far_it_is(root: Api) -> None:
    job = a_job(
        state=JobState.RUNNING, stage="copying", done=25, total=100, unit="rows", rate=5.0,
        log=[["2030-01-31T00:00:00.000+00:00", "begun"]],
    )  # fmt: skip
    body = root.get(f"jobs/{job.pk}/").json()
    assert body["id"] == job.pk
    told = {name: body[name] for name in ("kind", "state", "stage", "collection", "done", "total", "unit", "rate")}
    assert told == {
        "kind": "import", "state": "running", "stage": "copying", "collection": "docs",
        "done": 25, "total": 100, "unit": "rows", "rate": 5.0,
    }  # fmt: skip
    assert (body["progress"], body["eta_s"]) == (0.25, 15.0)
    assert (body["started_at"], body["finished_at"], body["result"], body["error"]) == (None, None, None, None)
    assert body["log"] == [{"at": "2030-01-31T00:00:00.000+00:00", "text": "begun"}]
    assert "secret place" not in json.dumps(body)


def test_how_it_ended_is_told(root: Api) -> None:
    done = a_job(state=JobState.SUCCEEDED, result={"collection": "docs", "rows": 3})
    failed = a_job(state=JobState.FAILED, error={"code": "not_found", "detail": "There is none."})
    body = root.get(f"jobs/{done.pk}/").json()
    assert (body["progress"], body["result"]) == (1.0, {"collection": "docs", "rows": 3})
    assert root.get(f"jobs/{failed.pk}/").json()["error"] == {"code": "not_found", "detail": "There is none."}


def test_jobs_are_listed_newest_first_and_by_state_kind_and_collection(root: Api) -> None:
    first, second = a_job(), a_job("other", state=JobState.FAILED)
    page = root.get("jobs/").json()
    assert page["count"] == 2
    assert [item["id"] for item in page["results"]] == [second.pk, first.pk]
    assert "log" not in page["results"][0]
    for query, ids in (
        ("state=failed", [second.pk]),
        ("collection=docs", [first.pk]),
        ("kind=import&ordering=id", [first.pk, second.pk]),
        ("kind=export", []),
        ("state=queued&collection=other", []),
    ):
        assert [item["id"] for item in root.get(f"jobs/?{query}").json()["results"]] == ids, query


def test_a_state_that_is_none_is_named(root: Api) -> None:
    problem = assert_problem(root.get("jobs/?state=dead"), 422, "invalid")
    assert problem["errors"][0]["pointer"] == "?state"


def test_a_job_is_cancelled_and_tried_again(root: Api) -> None:
    job = a_job()
    cancelled = root.post(f"jobs/{job.pk}/cancel/")
    assert (cancelled.status_code, cancelled["Location"]) == (202, f"/api/v1/jobs/{job.pk}/")
    assert (cancelled.json()["state"], cancelled.json()["cancel_requested"]) == ("cancelled", True)
    again = root.post(f"jobs/{job.pk}/retry/")
    assert (again.status_code, again["Location"]) == (202, f"/api/v1/jobs/{job.pk}/")
    assert (again.json()["state"], again.json()["cancel_requested"]) == ("queued", False)


def test_what_has_ended_is_a_conflict(root: Api) -> None:
    job = a_job(state=JobState.SUCCEEDED)
    for act in ("cancel", "retry"):
        problem = assert_problem(root.post(f"jobs/{job.pk}/{act}/"), 409, "conflict")
        assert "succeeded" in problem["detail"]


def test_who_may_not_see_it_finds_none(user: User, client_of: ClientOf) -> None:
    give(user, "editor", "docs")
    editor = client_of(user)
    mine, other = a_job("docs"), a_job("other")
    assert editor.get(f"jobs/{mine.pk}/").status_code == 200
    assert [item["id"] for item in editor.get("jobs/").json()["results"]] == [mine.pk]
    for method, path in (("GET", ""), ("POST", "cancel/"), ("POST", "retry/")):
        hidden = assert_problem(editor(method, f"jobs/{other.pk}/{path}"), 404, "not_found")
        absent = assert_problem(editor(method, f"jobs/999999/{path}"), 404, "not_found")
        assert hidden["detail"] == absent["detail"]


def test_nobody_has_no_jobs(anonymous: Api) -> None:
    assert_problem(anonymous.get("jobs/"), 401, "not_authenticated")


class _Starts(View):
    @operation("Start", body=CountRequest, answer=JobBody, status=202, idempotent="job.view")
    def post(self, body: CountRequest) -> JobBody:
        return job_body(submit(Scope(self.actor), "any", {}, "docs"))

    def may(self, action: str, **path: Any) -> bool:
        return True


def test_whatever_starts_a_job_answers_with_its_address_also_the_second_time(admin: User, root: Api) -> None:
    headers = {**root.headers, "Idempotency-Key": "once"}
    answers = [
        _Starts.as_view()(RequestFactory().post("/x/", b"{}", content_type="application/json", headers=headers))
        for _ in range(2)
    ]
    job = Job.objects.get()
    for answer in answers:
        assert (answer.status_code, answer["Location"]) == (202, f"/api/v1/jobs/{job.pk}/")
        assert json.loads(answer.content)["id"] == job.pk
    assert answers[1]["Idempotency-Replayed"] == "true"


def test_the_document_says_where_the_job_is() -> None:
    described = document()["paths"]["/api/v1/jobs/{number}/retry/"]["post"]["responses"]["202"]
    assert "Location" in described["headers"]
    assert described["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/JobBody"}
