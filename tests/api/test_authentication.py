"""Who is calling."""

import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from tests.api.client import Api, assert_problem
from vectorstore.access import api_keys, token_families
from vectorstore.access.actor import KeyScopes
from vectorstore.access.verified import CredentialMemory
from vectorstore.api import authentication, tokens
from vectorstore.models import ServiceAccount, TokenFamily


@pytest.fixture
def short_memory(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """The memory lasts 0.3 s; call it to wait for its end."""
    monkeypatch.setattr(authentication, "remembered", CredentialMemory(0.3))
    return lambda: time.sleep(0.35)


def me(credential: str) -> str:
    """The caller's name, or the status of the refusal."""
    answer = Api().get("auth/me/", Authorization=credential)
    return str(answer.json()["username"]) if answer.status_code == 200 else str(answer.status_code)


def test_a_bearer_token_is_its_user(user: User) -> None:
    body = Api(tokens.issue(user)["access"]).get("auth/me/").json()
    assert (body["username"], body["kind"], body["method"]) == ("ada", "user", "token")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer ", "BEARER"])
def test_the_scheme_is_read_in_any_case(user: User, scheme: str) -> None:
    assert me(f"{scheme} {tokens.issue(user)['access']}") == "ada"


@pytest.mark.parametrize(
    "header",
    [
        *("Bearer", "Bearer ", "Bearer x", "Bearer a.b.c", "Bearer a b", "Bearer é", "Bearer \x00", "Basic YTpi", "x"),
        *("Api-Key", "Api-Key x", "Api-Key vs_", "Api-Key vs_00000000_" + "0" * 43, "Api-Key é", "Api-Key vs_é_\x00"),
        "Bearer " + "a" * 60_000,
    ],
)
def test_what_is_no_credential_is_401(anonymous: Api, header: str) -> None:
    response = anonymous.get("auth/me/", Authorization=header)
    assert_problem(response, 401, "not_authenticated")
    assert response["WWW-Authenticate"] == 'Bearer realm="api"'


def test_whatever_is_wrong_with_a_credential_the_answer_is_the_same(user: User, anonymous: Api) -> None:
    key, text = api_keys.make("mine", user)
    api_keys.revoke(key)
    deleted = User.objects.create_user("gone")
    of_deleted = tokens.issue(deleted)["access"]
    deleted.delete()
    headers = [f"Api-Key {text}", "Api-Key x", f"Bearer {of_deleted}", "Bearer x", "Bearer a.b.c"]
    details = {anonymous.get("auth/me/", Authorization=header).json()["detail"] for header in headers}
    assert len(details) == 1


def test_a_refresh_token_is_no_access_token(user: User) -> None:
    assert me(f"Bearer {tokens.issue(user)['refresh']}") == "401"


def test_a_deleted_users_token_is_401(user: User) -> None:
    access = tokens.issue(user)["access"]
    user.delete()
    assert me(f"Bearer {access}") == "401"


def _disable(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def _delete(user: User) -> None:
    User.objects.filter(pk=user.pk).delete()


def _change_password(user: User) -> None:
    user.set_password("another horse")
    User.objects.filter(pk=user.pk).update(password=user.password)


def _end_family(user: User) -> None:
    TokenFamily.objects.filter(user=user).update(revoked_at=timezone.now())


def _expire_family(user: User) -> None:
    TokenFamily.objects.filter(user=user).update(expires_at=timezone.now())


@pytest.mark.parametrize("change", [_disable, _delete, _change_password, _end_family, _expire_family])
def test_a_token_ends_when_the_memory_of_it_does(
    user: User, short_memory: Callable[[], None], change: Callable[[User], None]
) -> None:
    access = f"Bearer {tokens.issue(user)['access']}"
    assert me(access) == "ada"
    change(user)
    short_memory()
    assert me(access) == "401"


def test_a_family_ended_in_this_process_is_refused_at_once(user: User) -> None:
    access = f"Bearer {tokens.issue(user)['access']}"
    assert me(access) == "ada"
    token_families.end(TokenFamily.objects.get(), "logout")
    assert me(access) == "401"


def test_a_remembered_credential_costs_no_query(user: User, django_assert_num_queries: Callable[[int], object]) -> None:
    _, text = api_keys.make("mine", user)
    for header in (f"Bearer {tokens.issue(user)['access']}", f"Api-Key {text}"):
        request = Api()
        request.post("auth/can-i/", {"action": "fly"}, Authorization=header)
        with django_assert_num_queries(0):  # type: ignore[attr-defined]
            answer = request.post("auth/can-i/", {"action": "fly"}, Authorization=header)
        assert_problem(answer, 422, "invalid")


def test_who_is_disabled_in_this_process_is_refused_at_once(user: User) -> None:
    account = ServiceAccount.objects.create(name="robot")
    token, (_, key) = tokens.issue(user)["access"], api_keys.make("its", account)
    assert (me(f"Bearer {token}"), me(f"Api-Key {key}")) == ("ada", "robot")
    for subject in (user, account):
        subject.is_active = False
        subject.save()
    assert (me(f"Bearer {token}"), me(f"Api-Key {key}")) == ("401", "401")


def test_an_api_key_is_its_owner_and_says_so(user: User) -> None:
    account = ServiceAccount.objects.create(name="robot")
    _, of_user = api_keys.make("mine", user)
    _, of_account = api_keys.make("its", account, scopes=KeyScopes(frozenset({"vector.search"})))
    for text, name, kind in ((of_user, "ada", "user"), (of_account, "robot", "service_account")):
        body = Api().get("auth/me/", Authorization=f"Api-Key {text}").json()
        assert (body["username"], body["kind"], body["method"]) == (name, kind, "api_key")


def test_an_api_key_is_remembered_for_its_address_only(user: User) -> None:
    _, text = api_keys.make("mine", user, cidr="127.0.0.0/8")
    client = Client()
    statuses = [
        client.get("/api/v1/auth/me/", headers={"Authorization": f"Api-Key {text}"}, REMOTE_ADDR=source).status_code
        for source in ("127.0.0.1", "192.0.2.1", "127.0.0.1")
    ]
    assert statuses == [200, 401, 200]


@pytest.mark.parametrize("how", ["revoked here", "revoked elsewhere", "expired", "owner disabled"])
def test_an_api_key_ends(user: User, short_memory: Callable[[], None], how: str) -> None:
    account = ServiceAccount.objects.create(name="robot")
    key, text = api_keys.make("its", account)
    assert me(f"Api-Key {text}") == "robot"
    if how == "revoked here":
        api_keys.revoke(key)
    elif how == "revoked elsewhere":
        type(key).objects.update(revoked_at=timezone.now())
    elif how == "expired":
        type(key).objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    else:
        ServiceAccount.objects.update(is_active=False)
    short_memory()
    assert me(f"Api-Key {text}") == "401"


def test_a_key_revoked_in_this_process_is_refused_at_once(user: User) -> None:
    key, text = api_keys.make("mine", user)
    assert me(f"Api-Key {text}") == "ada"
    api_keys.revoke(key)
    assert me(f"Api-Key {text}") == "401"


def test_of_a_header_and_a_session_the_header_counts(user: User, admin: User) -> None:
    client = Client()
    client.force_login(admin)

    def name(header: str) -> object:
        answer = client.get("/api/v1/auth/me/", headers={"Authorization": header})
        return answer.json()["username"] if answer.status_code == 200 else answer.status_code

    assert name(f"Bearer {tokens.issue(user)['access']}") == "ada"
    assert [name(header) for header in ("Bearer x", "Api-Key x", "Basic YTpi", "x")] == [401] * 4


def test_a_session_reads_without_and_writes_only_with_its_csrf_token(admin: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin)
    body = client.get("/api/v1/auth/me/").json()
    assert (body["username"], body["method"]) == ("root", "session")
    asked = {"action": "vector.search"}
    refused = client.post("/api/v1/auth/can-i/", asked, content_type="application/json")
    assert_problem(refused, 403, "csrf_failed")
    token = "a" * 32
    client.cookies["csrftoken"] = token
    allowed = client.post("/api/v1/auth/can-i/", asked, content_type="application/json", headers={"X-CSRFToken": token})
    assert allowed.json() == {"allowed": True, "reason": "superuser"}
