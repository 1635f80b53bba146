"""``users/``, ``groups/`` and ``service-accounts/``."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, User

from tests.api.client import Api, assert_problem
from tests.support.access import give
from vectorstore.models import ServiceAccount

pytestmark = pytest.mark.django_db

ClientOf = Callable[[User], Api]
PASSWORD = "correct horse battery"
BOB = {"username": "bob", "password": PASSWORD, "attributes": {"tenants": ["a"]}}


@pytest.fixture
def root(admin: User, client_of: ClientOf) -> Api:
    return client_of(admin)


def test_a_user_is_made_changed_and_deleted_and_the_password_never_shown(root: Api, anonymous: Api) -> None:
    Group.objects.create(name="readers")
    made = root.post("users/", {**BOB, "groups": ["readers"]})
    assert made.status_code == 201, made.content
    assert made.json()["attributes"] == {"tenants": ["a"]}
    assert made.json()["groups"] == ["readers"]
    assert PASSWORD not in made.content.decode()
    assert anonymous.post("auth/token/", {"username": "bob", "password": PASSWORD}).status_code == 200
    changed = root.patch("users/bob/", {"attributes": {"tenants": ["b"]}, "groups": [], "is_active": False}).json()
    assert (changed["attributes"], changed["groups"], changed["is_active"]) == ({"tenants": ["b"]}, [], False)
    assert root.get("users/bob/").json() == changed
    assert "bob" in [item["username"] for item in root.get("users/?search=bo").json()["results"]]
    assert root.delete("users/bob/").status_code == 204
    assert_problem(root.get("users/bob/"), 404, "not_found")


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"username": "a b"}, "/username"),
        ({"username": ""}, "/username"),
        ({"password": "short"}, "/password"),
        ({"password": "password1234"}, "/password"),
        ({"groups": ["none"]}, "/groups"),
        ({"attributes": {"a b": 1}}, "/attributes/a b"),
        ({"attributes": {"name": "x"}}, "/attributes/name"),
        ({"attributes": {"t": {"a": 1}}}, "/attributes/t"),
        ({"attributes": {"t": ["x", None]}}, "/attributes/t"),
    ],
)
def test_what_is_wrong_is_named_and_nobody_is_made(root: Api, changes: dict[str, Any], pointer: str) -> None:
    problem = assert_problem(root.post("users/", {**BOB, **changes}), 422, "invalid")
    assert problem["errors"][0]["pointer"] == pointer
    assert not User.objects.exclude(username="root").exists()


def test_a_name_is_taken_once(root: Api) -> None:
    for path, body in (
        ("users/", BOB),
        ("groups/", {"name": "readers"}),
        ("service-accounts/", {"name": "loader"}),
    ):
        assert root.post(path, body).status_code == 201
        assert_problem(root.post(path, body), 409, "already_exists")


def test_nobody_changes_an_account_that_holds_more(admin: User, user: User, client_of: ClientOf) -> None:
    stronger, staff = User.objects.create_user("bob"), User.objects.create_user("eve", is_staff=True)
    group, account = Group.objects.create(name="admins"), ServiceAccount.objects.create(name="loader")
    for subject in (stronger, group, account):
        give(subject, "cluster_admin")
    weaker = User.objects.create_user("dan")
    give(user, "security_admin")
    client = client_of(user)
    for path, body in (
        ("users/root/", {"password": PASSWORD}),
        ("users/bob/", {"password": PASSWORD}),
        ("users/eve/", {"password": PASSWORD}),
        ("users/dan/", {"groups": ["admins"]}),
        ("service-accounts/loader/", {"attributes": {"tenants": ["b"]}}),
    ):
        assert_problem(client.patch(path, body), 403, "permission_denied")
    for path in ("users/root/", "users/bob/", "users/eve/", "groups/admins/", "service-accounts/loader/"):
        assert_problem(client.delete(path), 403, "permission_denied")
    assert_problem(client.post("users/", {**BOB, "username": "new", "groups": ["admins"]}), 403, "permission_denied")
    assert client.patch("users/dan/", {"is_active": False}).status_code == 200
    for one in (admin, stronger, staff):
        before = one.password
        one.refresh_from_db()
        assert one.password == before
    assert not weaker.groups.exists()


def test_accounts_are_for_those_who_manage_grants(user: User, client_of: ClientOf) -> None:
    give(user, "collection_admin")
    client = client_of(user)
    for path in ("users/", "groups/", "service-accounts/"):
        assert_problem(client.get(path), 403, "permission_denied")
    assert_problem(client.post("users/", BOB), 403, "permission_denied")


def test_a_group_and_a_service_account_are_made_shown_and_deleted(root: Api) -> None:
    assert root.post("groups/", {"name": "readers"}).json() == {"name": "readers"}
    assert root.get("groups/readers/").json() == {"name": "readers"}
    assert root.delete("groups/readers/").status_code == 204
    made = root.post("service-accounts/", {"name": "loader", "attributes": {"tenants": ["a"]}}).json()
    assert (made["name"], made["attributes"], made["is_active"]) == ("loader", {"tenants": ["a"]}, True)
    assert root.patch("service-accounts/loader/", {"is_active": False}).json()["is_active"] is False
    assert root.delete("service-accounts/loader/").status_code == 204
    assert_problem(root.get("service-accounts/loader/"), 404, "not_found")
