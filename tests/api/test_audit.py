"""``audit/``: read, exported, verified, by those who may."""

import json
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from tests.api.client import Api, assert_problem
from tests.support.access import give
from vectorstore.audit import log
from vectorstore.models import AuditRecord

pytestmark = pytest.mark.django_db

ClientOf = Callable[[User], Api]


@pytest.fixture
def officer(user: User, client_of: ClientOf) -> Api:
    give(user, "security_admin")
    return client_of(user)


def test_what_was_done_is_found_by_who_what_and_when(officer: Api, admin: User, client_of: ClientOf) -> None:
    client_of(admin).post("groups/", {"name": "readers"}, X_Request_ID="the-request")
    found = officer.get("audit/?actor=root&action=grant.manage&outcome=ok").json()["results"]
    assert [(item["phase"], item["outcome"], item["request_id"]) for item in found] == [
        ("outcome", "ok", "the-request")
    ]
    assert found[0]["parameters"] == {"create": "group", "group": "readers"}
    assert found[0]["method"] == "token"
    assert found[0]["source"] == "127.0.0.1"
    at = found[0]["ts"]
    assert officer.get(f"audit/?actor=root&until={at}").json()["count"] < 2
    assert officer.get("audit/?actor=root&since=2090-01-01T00:00:00Z").json()["count"] == 0
    assert officer.get("audit/?actor=nobody").json()["results"] == []


def test_records_are_listed_newest_first_in_pages(officer: Api, admin: User, client_of: ClientOf) -> None:
    for number in range(3):
        client_of(admin).post("groups/", {"name": f"g{number}"})
    page = officer.get("audit/?actor=root&page_size=2").json()
    assert page["count"] == 6
    assert page["results"][0]["seq"] > page["results"][1]["seq"]
    assert officer.get("audit/?actor=root&ordering=seq&page_size=1").json()["results"][0]["phase"] == "intent"


@pytest.mark.parametrize("query", ["since=yesterday", "until=2030-01-01T00:00:00", "actor=%00", "ordering=hash"])
def test_a_question_that_cannot_be_read_is_named(officer: Api, query: str) -> None:
    problem = assert_problem(officer.get(f"audit/?{query}"), 422, "invalid")
    assert problem["errors"][0]["pointer"] == f"?{query.partition('=')[0]}"


def test_the_export_is_one_record_a_line_the_oldest_first(officer: Api, admin: User, client_of: ClientOf) -> None:
    client_of(admin).post("groups/", {"name": "readers"})
    answer = officer.get("audit/export/?actor=root")
    lines = [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]
    assert answer["Content-Type"] == "application/x-ndjson"
    assert [line["phase"] for line in lines] == ["intent", "outcome"]


def test_the_chain_is_verified_and_a_change_is_named(officer: Api, admin: User, client_of: ClientOf) -> None:
    client_of(admin).post("groups/", {"name": "readers"})
    log.flush()
    verdict = officer.post("audit/verify/").json()
    assert (verdict["intact"], verdict["first_bad_seq"]) == (True, None)
    assert verdict["records"] >= 2
    record = AuditRecord.objects.filter(actor="root").earliest("seq")
    AuditRecord.objects.filter(pk=record.pk).update(actor="somebody else")
    verdict = officer.post("audit/verify/").json()
    assert (verdict["intact"], verdict["first_bad_seq"]) == (False, record.seq)


def test_the_log_is_for_those_who_may_see_it_and_a_refusal_is_in_it(
    officer: Api, admin: User, client_of: ClientOf
) -> None:
    stranger = User.objects.create_user("bob")
    give(stranger, "collection_admin")
    for method, path in (("GET", "audit/"), ("GET", "audit/export/"), ("POST", "audit/verify/")):
        assert_problem(client_of(stranger)(method, path), 403, "permission_denied")
    log.flush()
    refused = officer.get("audit/?actor=bob&outcome=permission_denied").json()["results"]
    assert {item["action"] for item in refused} == {"audit.view", "audit.verify"}
    assert not any(item["allowed"] for item in refused)
