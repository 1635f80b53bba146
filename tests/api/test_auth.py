"""``auth/``: token pairs, their rotation and revocation, and what the caller may do."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, User

from tests.api.client import Api, assert_problem
from tests.support.access import give
from tests.support.engines import RunningEngine
from vectorstore.access.roles import ACTIONS, ROLES

PAIR = {"access", "refresh"}


def _pair(client: Api, **credentials: str) -> dict[str, str]:
    response = client.post("auth/token/", {"username": "ada", "password": "correct horse", **credentials})
    assert response.status_code == 200, response.content
    assert set(response.json()) == PAIR
    pair: dict[str, str] = response.json()
    return pair


def test_a_password_buys_a_pair_that_works(user: User, anonymous: Api) -> None:
    pair = _pair(anonymous)
    assert Api(pair["access"]).get("auth/me/").json()["username"] == "ada"
    user.refresh_from_db()
    assert user.last_login is not None


@pytest.mark.parametrize(
    "credentials",
    [
        {"username": "ada", "password": "wrong"},
        {"username": "nobody", "password": "correct horse"},
        {"username": "", "password": ""},
        {"username": "ada\0", "password": "correct horse"},
        {"username": "x" * 10_000, "password": "y"},
    ],
)
def test_bad_credentials_are_401(user: User, anonymous: Api, credentials: dict[str, str]) -> None:
    assert_problem(anonymous.post("auth/token/", credentials), 401, "not_authenticated")


def test_a_disabled_user_gets_no_token_and_the_same_answer(user: User, anonymous: Api) -> None:
    wrong = anonymous.post("auth/token/", {"username": "ada", "password": "wrong"}).json()["detail"]
    User.objects.update(is_active=False)
    response = anonymous.post("auth/token/", {"username": "ada", "password": "correct horse"})
    assert assert_problem(response, 401, "not_authenticated")["detail"] == wrong


def test_a_refresh_token_buys_one_new_pair(user: User, anonymous: Api) -> None:
    first = _pair(anonymous)
    second = anonymous.post("auth/token/refresh/", {"refresh": first["refresh"]}).json()
    assert set(second) == PAIR
    assert second["refresh"] != first["refresh"]
    assert Api(second["access"]).get("auth/me/").status_code == 200


def test_a_replayed_refresh_token_ends_its_family_and_no_other(user: User, anonymous: Api) -> None:
    first, other = _pair(anonymous), _pair(anonymous)
    second = anonymous.post("auth/token/refresh/", {"refresh": first["refresh"]}).json()
    for dead in (first, second):
        answer = anonymous.post("auth/token/refresh/", {"refresh": dead["refresh"]})
        assert_problem(answer, 401, "not_authenticated")
    assert anonymous.post("auth/token/refresh/", {"refresh": other["refresh"]}).status_code == 200


def test_a_revoked_refresh_token_is_401_and_revoking_again_is_harmless(user: User, anonymous: Api) -> None:
    refresh = {"refresh": _pair(anonymous)["refresh"]}
    for _ in range(2):
        response = anonymous.post("auth/token/revoke/", refresh)
        assert (response.status_code, response.content) == (204, b"")
    assert_problem(anonymous.post("auth/token/refresh/", refresh), 401, "not_authenticated")


@pytest.mark.parametrize("address", ["auth/token/refresh/", "auth/token/revoke/"])
@pytest.mark.parametrize("refresh", ["", "x", "a.b.c", "é"])
def test_what_is_no_refresh_token_is_401(anonymous: Api, address: str, refresh: str) -> None:
    assert_problem(anonymous.post(address, {"refresh": refresh}), 401, "not_authenticated")


def test_an_access_token_is_no_refresh_token(user: User, anonymous: Api) -> None:
    access = _pair(anonymous)["access"]
    assert_problem(anonymous.post("auth/token/refresh/", {"refresh": access}), 401, "not_authenticated")


@pytest.mark.parametrize("ended", ["disabled", "deleted"])
def test_the_refresh_token_of_a_user_who_is_gone_is_401(user: User, anonymous: Api, ended: str) -> None:
    refresh = _pair(anonymous)["refresh"]
    if ended == "disabled":
        User.objects.update(is_active=False)
    else:
        user.delete()
    assert_problem(anonymous.post("auth/token/refresh/", {"refresh": refresh}), 401, "not_authenticated")


def test_me_lists_groups_grants_and_the_actions_they_allow(user: User, client_of: Callable[[User], Api]) -> None:
    group = Group.objects.create(name="readers")
    user.groups.add(group)
    grant = give(group, "viewer", "docs*")
    body = client_of(user).get("auth/me/").json()
    assert (body["username"], body["kind"], body["is_superuser"], body["groups"]) == ("ada", "user", False, ["readers"])
    assert body["permissions"] == sorted(ROLES["viewer"])
    assert [(item["id"], item["role"], item["collections"]) for item in body["grants"]] == [
        (grant.pk, "viewer", "docs*")
    ]


def test_a_superuser_may_do_everything(admin: User, client_of: Callable[[User], Api]) -> None:
    body = client_of(admin).get("auth/me/").json()
    assert (body["is_superuser"], body["permissions"]) == (True, sorted(ACTIONS))


def test_can_i_says_yes_or_no_and_why(lite: RunningEngine, user: User, client_of: Callable[[User], Api]) -> None:
    grant = give(user, "editor", "docs*")
    client = client_of(user)
    yes = client.post("auth/can-i/", {"action": "vector.insert", "collection": "docs"}).json()
    elsewhere = client.post("auth/can-i/", {"action": "vector.insert", "collection": "other"}).json()
    no = client.post("auth/can-i/", {"action": "audit.view"}).json()
    assert yes == {"allowed": True, "reason": f"grant {grant.pk} (editor on docs*)"}
    assert elsewhere == {"allowed": False, "reason": "no grant gives vector.insert on other"}
    assert no == {"allowed": False, "reason": "no grant gives audit.view"}


def test_can_i_names_the_actions_there_are(user: User, client_of: Callable[[User], Api]) -> None:
    body = assert_problem(client_of(user).post("auth/can-i/", {"action": "fly"}), 422, "invalid")
    assert body["errors"][0]["pointer"] == "/action"
    assert "vector.search" in body["detail"]


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("GET", "auth/me/"),
        ("POST", "auth/can-i/"),
        ("GET", "collections/"),
        ("POST", "collections/"),
        ("DELETE", "collections/docs/"),
        ("POST", "collections/docs/search/"),
        ("PUT", "collections/docs/vectors/"),
        ("GET", "aliases/"),
        ("GET", "databases/"),
    ],
)
def test_nobody_is_served_without_authentication(anonymous: Api, method: str, address: str) -> None:
    assert_problem(anonymous(method, address), 401, "not_authenticated")
