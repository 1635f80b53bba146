"""Who is calling."""

import time
from collections.abc import Callable

import jwt
import pytest
from django.contrib.auth.models import User
from django.test import Client
from rest_framework_simplejwt.tokens import AccessToken

from tests.api.client import Api, assert_problem
from vectorstore.api import tokens
from vectorstore.api.authentication import REMEMBER_SECONDS, TokenAuthentication, TokenMemory


def test_a_bearer_token_is_its_user(user: User, client_of: Callable[[User], Api]) -> None:
    assert client_of(user).get("auth/me/").json()["username"] == "ada"


def test_the_scheme_is_read_in_any_case(user: User) -> None:
    access = tokens.issue(user)["access"]
    assert Api().get("auth/me/", Authorization=f"bearer  {access}").status_code == 200


@pytest.mark.parametrize(
    "header",
    ["Bearer", "Bearer ", "Bearer x", "Bearer a.b.c", "Bearer a b", "Basic YTpi", "Bearer é", "x", "Bearer \x00"],
)
def test_what_is_no_token_is_401(anonymous: Api, header: str) -> None:
    response = anonymous.get("auth/me/", Authorization=header)
    assert_problem(response, 401, "not_authenticated")
    assert response["WWW-Authenticate"] == 'Bearer realm="api"'


def test_a_forged_token_is_401(user: User, anonymous: Api) -> None:
    claims = jwt.decode(tokens.issue(user)["access"], options={"verify_signature": False})
    wrong_key = jwt.encode(claims, "x" * 64, algorithm="HS256")
    unsigned = jwt.encode(claims, "", algorithm="none")
    for forged in (wrong_key, unsigned):
        assert_problem(anonymous.get("auth/me/", Authorization=f"Bearer {forged}"), 401, "not_authenticated")


def test_a_refresh_token_is_no_access_token(user: User, anonymous: Api) -> None:
    refresh = tokens.issue(user)["refresh"]
    assert_problem(anonymous.get("auth/me/", Authorization=f"Bearer {refresh}"), 401, "not_authenticated")


def test_a_deleted_users_token_is_401(user: User, client_of: Callable[[User], Api]) -> None:
    client = client_of(user)
    user.delete()
    assert_problem(client.get("auth/me/"), 401, "not_authenticated")


def test_a_disabled_user_is_refused_when_the_memory_of_the_token_ends(
    user: User, client_of: Callable[[User], Api], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TokenAuthentication, "remembered", TokenMemory(0.3))
    client = client_of(user)
    assert client.get("auth/me/").status_code == 200
    User.objects.filter(pk=user.pk).update(is_active=False)
    time.sleep(0.35)
    assert_problem(client.get("auth/me/"), 401, "not_authenticated")


def test_a_remembered_token_costs_no_query_for_the_user(
    user: User, client_of: Callable[[User], Api], django_assert_num_queries: Callable[[int], object]
) -> None:
    client = client_of(user)
    client.post("auth/can-i/", {"action": "vector.search"})
    with django_assert_num_queries(0):  # type: ignore[attr-defined]
        client.post("auth/can-i/", {"action": "vector.search"})


def test_the_memory_is_at_most_five_seconds_long() -> None:
    assert REMEMBER_SECONDS <= 5


def test_the_memory_ends_with_the_token_itself() -> None:
    memory = TokenMemory(60)
    memory.put(b"token", "ada", expires_in=-1)
    assert memory.get(b"token") is None


def test_the_memory_is_bounded_and_drops_the_oldest() -> None:
    memory = TokenMemory(60, size=2)
    for token in (b"a", b"b", b"a", b"c"):
        memory.put(token, token.decode(), 60)
    assert (memory.get(b"a"), memory.get(b"b"), memory.get(b"c")) == ("a", None, "c")


def test_an_expired_token_is_401(user: User, anonymous: Api) -> None:
    token = AccessToken.for_user(user)
    token.set_exp(lifetime=-token.lifetime)
    assert_problem(anonymous.get("auth/me/", Authorization=f"Bearer {token}"), 401, "not_authenticated")


def test_a_session_reads_without_and_writes_only_with_its_csrf_token(admin: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin)
    assert client.get("/api/v1/auth/me/").json()["username"] == "root"
    body = {"action": "vector.search"}
    refused = client.post("/api/v1/auth/can-i/", body, content_type="application/json")
    assert_problem(refused, 403, "csrf_failed")
    token = "a" * 32
    client.cookies["csrftoken"] = token
    allowed = client.post("/api/v1/auth/can-i/", body, content_type="application/json", headers={"X-CSRFToken": token})
    assert allowed.json() == {"allowed": True, "reason": "superuser"}
