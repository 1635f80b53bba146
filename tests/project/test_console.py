"""What stands before pages, and what the API's own callers pass by."""

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import Client

from vectorstore.api import tokens

pytestmark = pytest.mark.django_db


def test_what_silenced_checks_ask_for_is_there() -> None:
    middlewares = settings.CONSOLE_MIDDLEWARE
    needed = [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ]
    assert [name for name in middlewares if name in needed] == needed
    assert "django.middleware.csrf.CsrfViewMiddleware" in middlewares
    assert "axes.middleware.AxesMiddleware" in middlewares


def test_a_page_has_a_session_and_asks_for_its_csrf_token() -> None:
    client = Client(enforce_csrf_checks=True)
    assert "csrftoken" in client.get("/admin/login/").cookies
    assert client.post("/admin/login/", {"username": "a", "password": "b"}).status_code == 403


def test_a_session_calls_the_api_with_its_csrf_token_only() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(get_user_model().objects.create_user("ann"))
    assert client.get("/api/v1/auth/me/").status_code == 200
    assert client.post("/api/v1/auth/can-i/", {}, "application/json").status_code == 403


@pytest.mark.parametrize("authorization", ["Bearer nonsense", "Basic YTpi", "Api-Key vs_a_b"])
def test_a_session_is_not_looked_at_beside_a_credential(authorization: str) -> None:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("ann"))
    answer = client.get("/api/v1/auth/me/", headers={"Authorization": authorization})
    assert answer.status_code == 401
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Request-ID"]
    assert answer["Content-Length"] == str(len(answer.content))


def test_a_host_that_is_not_ours_is_refused_with_a_credential_too() -> None:
    headers = {"Authorization": "Bearer nonsense", "Host": "elsewhere.example"}
    assert Client().get("/api/v1/auth/me/", headers=headers).status_code == 400


def test_a_credential_opens_no_page() -> None:
    user = get_user_model().objects.create_superuser("ann")
    token = tokens.issue(user)["access"]
    answer = Client().get("/admin/", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 302
