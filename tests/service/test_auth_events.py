"""What the audit log tells of logins and tokens, and that nothing is handed out that it cannot tell of."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from vectorstore.api import tokens
from vectorstore.models import AuditRecord, TokenFamily

pytestmark = pytest.mark.django_db
TOKEN, REFRESH, REVOKE = "auth/token/", "auth/token/refresh/", "auth/token/revoke/"


@pytest.fixture
def ada(db: None) -> User:
    return User.objects.create_user("ada", password="correct horse")


def post(address: str, **body: str) -> Any:
    client = Client(REMOTE_ADDR="192.0.2.1", raise_request_exception=False)
    return client.post(f"/api/v1/{address}", body, content_type="application/json", headers={"X-Request-ID": "r-1"})


def told() -> list[tuple[str, str, str, str]]:
    """Action, actor, method and outcome of each record, oldest first."""
    return list(AuditRecord.objects.order_by("seq").values_list("action", "actor", "method", "outcome"))


def test_a_login_is_recorded_with_who_and_from_where(ada: User) -> None:
    assert post(TOKEN, username="ada", password="correct horse").status_code == 200
    assert told() == [("auth.login", "ada", "password", "ok")]
    record = AuditRecord.objects.get()
    assert (record.phase, record.actor_kind, record.actor_id, record.allowed) == ("outcome", "user", str(ada.pk), True)
    assert (record.source, record.request_id) == ("192.0.2.1", "r-1")


@pytest.mark.parametrize(
    ("name", "kept"), [("ada", "ada"), ("nobody", "nobody"), ("a\0b", "a\ufffdb"), ("x" * 9_999, "x" * 150)]
)
def test_a_wrong_password_is_recorded_under_the_name_that_was_said(ada: User, name: str, kept: str) -> None:
    assert post(TOKEN, username=name, password="wrong").status_code == 401
    assert told() == [("auth.login", kept, "password", "not_authenticated")]
    record = AuditRecord.objects.get()
    assert (record.actor_kind, record.actor_id, record.allowed) == ("anonymous", "", False)


def test_a_lockout_is_recorded(ada: User) -> None:
    for _ in range(6):
        post(TOKEN, username="ada", password="wrong")
    assert [outcome for *_, outcome in told()] == ["not_authenticated"] * 5 + ["throttled"]


def test_refreshing_replaying_and_revoking_are_recorded(ada: User) -> None:
    first, second = tokens.issue(ada)["refresh"], tokens.issue(ada)["refresh"]
    post(REFRESH, refresh=first)
    post(REFRESH, refresh=first)
    post(REFRESH, refresh="nonsense")
    post(REVOKE, refresh=second)
    assert told() == [
        ("auth.refresh", "ada", "refresh", "ok"),
        ("auth.replay", "ada", "refresh", "not_authenticated"),
        ("auth.refresh", "anonymous", "refresh", "not_authenticated"),
        ("auth.revoke", "ada", "refresh", "ok"),
    ]


@pytest.mark.skipif("connection.vendor != 'sqlite'")
def test_without_the_audit_log_no_token_is_handed_out_and_none_is_used_up(ada: User) -> None:
    refresh = tokens.issue(ada)["refresh"]
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TRIGGER full BEFORE INSERT ON vectorstore_auditrecord BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        )
    for answer in (
        post(TOKEN, username="ada", password="correct horse"),
        post(TOKEN, username="ada", password="wrong"),
        post(REFRESH, refresh=refresh),
    ):
        assert (answer.status_code, answer.json()["code"]) == (503, "audit_unavailable")
        assert answer["Retry-After"]
    assert TokenFamily.objects.count() == 1
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER full")
    assert post(REFRESH, refresh=refresh).status_code == 200
