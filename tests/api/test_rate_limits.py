"""Rate limits over HTTP: what is told, and what is refused."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.api.client import Api, assert_problem
from vectorstore.access import api_keys
from vectorstore.api import tokens
from vectorstore.config.settings import current

HEADERS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")


@pytest.fixture
def three_a_minute(bound: pytest.MonkeyPatch, redis_url: str) -> None:
    bound.setenv("VECTORSTORE_RATE_LIMIT", "3")
    bound.setenv("REDIS_URL", redis_url)
    current.cache_clear()


@pytest.mark.usefixtures("three_a_minute")
def test_one_request_too_many_is_429_and_says_when_to_come_back(user: User) -> None:
    api = Api(tokens.issue(user)["access"])
    answers = [api.get("auth/me/") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer["RateLimit-Remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert_problem(answers[3], 429, "throttled")
    assert answers[3]["Retry-After"] == answers[3]["RateLimit-Reset"]
    assert 55 <= int(answers[3]["Retry-After"]) <= 60
    other = Api(tokens.issue(User.objects.create_user("other"))["access"])
    assert other.get("auth/me/").status_code == 200


@pytest.mark.usefixtures("three_a_minute")
def test_a_key_has_its_own_count_and_limit(user: User) -> None:
    _, text = api_keys.make("mine", user, rate_limit=5)
    statuses = [Api().get("auth/me/", Authorization=f"Api-Key {text}").status_code for _ in range(6)]
    assert statuses == [200] * 5 + [429]
    _, default = api_keys.make("another", user)
    assert Api().get("auth/me/", Authorization=f"Api-Key {default}")["RateLimit-Limit"] == "3"


def test_tokens_and_sessions_of_one_user_count_together(user: User, redis_url: str, bound: pytest.MonkeyPatch) -> None:
    bound.setenv("REDIS_URL", redis_url)
    current.cache_clear()
    browser = Client()
    browser.force_login(user)
    first = Api(tokens.issue(user)["access"]).get("auth/me/")
    second = browser.get("/api/v1/auth/me/")
    assert int(first["RateLimit-Remaining"]) - int(second["RateLimit-Remaining"]) == 1


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [
        ("GET", "auth/me/", 401),
        ("GET", "no/such/place/", 404),
        ("DELETE", "auth/me/", 405),
        ("POST", "auth/token/", 400),
        ("POST", "auth/token/revoke/", 400),
    ],
)
def test_every_answer_tells_the_limit(anonymous: Api, method: str, address: str, status: int) -> None:
    answer = anonymous(method, address)
    assert answer.status_code == status
    assert all(answer[name].isdigit() for name in HEADERS)


def test_only_the_api_tells_limits(client: Client, db: None) -> None:
    assert "RateLimit-Limit" not in client.get("/admin/login/")
