"""Five wrong passwords for one name from one address lock both out together, in the API and in the admin."""

from datetime import timedelta

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from tests.api.client import Api, assert_problem

GOOD, BAD = "correct horse", "wrong"


def ask(password: str, username: str = "ada", source: str = "192.0.2.1", agent: str = "a") -> HttpResponse:
    return Client(REMOTE_ADDR=source, headers={"User-Agent": agent}).post(
        "/api/v1/auth/token/", {"username": username, "password": password}, content_type="application/json"
    )


def sign_in(password: str, source: str = "192.0.2.1") -> HttpResponse:
    return Client(REMOTE_ADDR=source).post("/admin/login/", {"username": "ada", "password": password})


@pytest.mark.parametrize("username", ["ada", "nobody", "ad\0a", "x" * 10_000, "é" * 300])
def test_after_five_failures_the_name_is_locked_out_whether_or_not_it_is_known(user: User, username: str) -> None:
    failures = [ask(BAD, username) for _ in range(5)]
    assert [answer.status_code for answer in failures] == [401] * 5
    locked = ask(GOOD, username)
    assert "wrong passwords" in assert_problem(locked, 429, "throttled")["detail"]
    assert 890 <= int(locked["Retry-After"]) <= 900


def test_another_browser_is_the_same_caller(user: User) -> None:
    for number in range(5):
        ask(BAD, agent=f"browser {number}")
    assert ask(GOOD).status_code == 429


def test_another_address_and_another_name_are_served(user: User) -> None:
    User.objects.create_user("bob", password=GOOD)
    for _ in range(6):
        ask(BAD)
    assert ask(GOOD, source="192.0.2.2").status_code == 200
    assert ask(GOOD, "bob").status_code == 200


def test_a_success_forgives_earlier_failures(user: User) -> None:
    for _ in range(3):
        assert [ask(BAD).status_code for _ in range(4)] == [401] * 4
        assert ask(GOOD).status_code == 200


def test_a_lockout_ends_when_it_was_said_to_end(user: User) -> None:
    for _ in range(5):
        ask(BAD)
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=14))
    assert 50 <= int(ask(BAD)["Retry-After"]) <= 60  # and trying does not make it longer
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=15, seconds=1))
    assert ask(GOOD).status_code == 200


def test_the_admin_and_the_api_count_together(user: User) -> None:
    User.objects.update(is_staff=True)
    for _ in range(4):
        sign_in(BAD)
    page = sign_in(BAD)
    assert page.status_code == 429
    assert "Too many wrong passwords" in page.content.decode()
    assert 890 <= int(page["Retry-After"]) <= 900
    assert sign_in(GOOD).status_code == 429
    assert ask(GOOD).status_code == 429
    assert sign_in(GOOD, source="192.0.2.2").status_code == 302


def test_no_password_is_kept_with_an_attempt(user: User) -> None:
    ask("a wrong secret")
    sign_in("a wrong secret")
    attempts = str(list(AccessAttempt.objects.values()))
    assert "ada" in attempts
    assert "a wrong secret" not in attempts


def test_without_an_address_the_name_alone_counts(user: User) -> None:
    for _ in range(5):
        ask(BAD, source="")
    assert ask(GOOD, source="").status_code == 429


def test_sixty_tries_a_minute_are_served_to_an_address_whatever_the_name(user: User) -> None:
    statuses = [ask(BAD, f"name {number}").status_code for number in range(61)]
    assert statuses == [401] * 60 + [429]
    limited = assert_problem(Api().client.post("/api/v1/auth/token/", REMOTE_ADDR="192.0.2.1"), 429, "throttled")
    assert "60 requests a minute" in limited["detail"]
    assert ask(BAD, source="192.0.2.2").status_code == 401
