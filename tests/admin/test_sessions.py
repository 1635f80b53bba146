"""Signing in and out of the console."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from vectorstore.api.lockout import ATTEMPTS_PER_MINUTE
from vectorstore.models import AuditRecord

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "correct horse battery"
LOGIN = "/admin/login/"


@pytest.fixture(autouse=True)
def _root() -> None:
    User.objects.create_superuser("root", password=PASSWORD)


def sign_in(password: str = PASSWORD, client: Client | None = None) -> int:
    return (client or Client()).post(LOGIN, {"username": "root", "password": password}).status_code


def test_signing_in_and_out_and_a_wrong_password_are_recorded() -> None:
    client = Client()
    assert sign_in("wrong") == 200
    assert sign_in(client=client) == 302
    client.post("/admin/logout/")
    found = AuditRecord.objects.order_by("seq").values_list("action", "actor", "outcome")
    assert list(found) == [
        ("auth.login", "root", "not_authenticated"),
        ("auth.login", "root", "ok"),
        ("auth.logout", "root", "ok"),
    ]


def test_nobody_signs_in_unrecorded() -> None:
    with connection.schema_editor() as editor:
        editor.execute("ALTER TABLE vectorstore_auditrecord RENAME TO away")
    client = Client()
    try:
        answer = client.post(LOGIN, {"username": "root", "password": PASSWORD})
    finally:
        with connection.schema_editor() as editor:
            editor.execute("ALTER TABLE away RENAME TO vectorstore_auditrecord")
    assert answer.status_code == 503
    assert "audit log cannot be written" in answer.content.decode()
    assert client.get("/admin/").status_code == 302  # not signed in


def test_passwords_tried_at_once_are_as_bounded_as_those_tried_in_turn(redis_url: str) -> None:
    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(lambda number: _tried(f"guess {number}"), range(3 * ATTEMPTS_PER_MINUTE)))
    assert set(statuses) <= {200, 429}
    assert statuses.count(200) <= ATTEMPTS_PER_MINUTE
    assert sign_in() == 429


def _tried(password: str) -> int:
    try:
        return sign_in(password)
    finally:
        connection.close()


def test_a_change_in_the_console_is_recorded_without_its_values() -> None:
    client = Client()
    client.force_login(User.objects.get())
    sent = {"username": "ada", "usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
    assert client.post("/admin/auth/user/add/", sent).status_code == 302
    record = AuditRecord.objects.get(action="admin.add")
    assert (record.actor, record.method) == ("root", "session")
    assert (record.parameters["model"], record.parameters["name"]) == ("user", "ada")
    assert PASSWORD not in str(list(AuditRecord.objects.values()))


def test_who_works_with_accounts_does_not_reach_above_itself() -> None:
    clerk = User.objects.create_user("clerk", is_staff=True)
    clerk.user_permissions.set(
        type(clerk.user_permissions.model.objects.first()).objects.filter(content_type__app_label="auth")
    )
    other = User.objects.create_user("ada")
    client = Client()
    client.force_login(clerk)
    root = User.objects.get(username="root")
    assert client.post(f"/admin/auth/user/{root.pk}/password/", {"password1": "x", "password2": "x"}).status_code == 403
    page = client.get(f"/admin/auth/user/{other.pk}/change/").content.decode()
    assert 'name="is_superuser"' not in page
    assert 'name="groups"' not in page
    client.post(f"/admin/auth/user/{clerk.pk}/change/", {"username": "clerk", "is_superuser": "on", "is_staff": "on"})
    clerk.refresh_from_db()
    assert not clerk.is_superuser
