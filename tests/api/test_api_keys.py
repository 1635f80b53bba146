"""``api-keys/``: what a key may do, who may make one, and when it ends."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from tests.api.client import Api, assert_problem
from tests.support.access import give
from vectorstore.access import verified
from vectorstore.models import ApiKey, AuditRecord, ServiceAccount

pytestmark = pytest.mark.django_db

ClientOf = Callable[[User], Api]


def with_key(key: str) -> Api:
    client = Api()
    client.headers = {"Authorization": f"Api-Key {key}"}
    return client


@pytest.fixture
def root(admin: User, client_of: ClientOf) -> Api:
    return client_of(admin)


def test_a_key_is_shown_once_serves_its_owner_and_is_revoked(user: User, client_of: ClientOf) -> None:
    give(user, "viewer")
    client = client_of(user)
    made = client.post("api-keys/", {"name": "laptop"})
    assert made.status_code == 201, made.content
    body = made.json()
    assert body["key"].startswith(f"vs_{body['prefix']}_")
    shown = client.get(f"api-keys/{body['id']}/")
    assert "key" not in shown.json()
    assert body["key"] not in shown.content.decode() + client.get("api-keys/").content.decode()
    assert body["key"] not in str(list(ApiKey.objects.values()))
    me = with_key(body["key"]).get("auth/me/").json()
    assert (me["username"], me["kind"], me["method"]) == ("ada", "user", "api_key")
    assert client.delete(f"api-keys/{body['id']}/").status_code == 204
    assert_problem(with_key(body["key"]).get("auth/me/"), 401, "not_authenticated")


def test_scopes_narrow_a_key(user: User, client_of: ClientOf) -> None:
    give(user, "cluster_admin")
    scopes = {"actions": ["vector.search", "apikey.own"], "collections": "docs*"}
    key = client_of(user).post("api-keys/", {"name": "search", "scopes": scopes}).json()
    assert key["scopes"] == {"actions": ["apikey.own", "vector.search"], "collections": "docs*"}
    client = with_key(key["key"])
    assert client.get("auth/me/").json()["permissions"] == ["apikey.own", "vector.search"]
    assert_problem(client.get("grants/"), 403, "permission_denied")
    assert_problem(client.post("api-keys/", {"name": "wider"}), 403, "permission_denied")
    yes = client.post("auth/can-i/", {"action": "vector.search", "collection": "docs_1"}).json()
    no = client.post("auth/can-i/", {"action": "vector.insert", "collection": "docs_1"}).json()
    assert (yes["allowed"], no["allowed"]) == (True, False)
    assert "scopes" in no["reason"]


def test_a_service_account_has_keys_and_its_own_rights(root: Api) -> None:
    account = ServiceAccount.objects.create(name="loader")
    give(account, "editor", "docs*")
    key = root.post("api-keys/", {"name": "nightly", "service_account": "loader"}).json()["key"]
    me = with_key(key).get("auth/me/").json()
    assert (me["username"], me["kind"]) == ("loader", "service_account")
    assert with_key(key).get("api-keys/").json()["count"] == 1
    account.is_active = False
    account.save()
    verified.remembered.clear()
    assert_problem(with_key(key).get("auth/me/"), 401, "not_authenticated")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"name": "k", "user": "nobody"}, "/user"),
        ({"name": "k", "user": "root", "service_account": "loader"}, ""),
        ({"name": "k", "expires_at": "2020-01-01T00:00:00Z"}, "/expires_at"),
        ({"name": "k", "expires_at": (timezone.now() + timedelta(days=366)).isoformat()}, "/expires_at"),
        ({"name": "k", "cidr": "10.0.0.0/99"}, "/cidr"),
        ({"name": "k", "scopes": {"actions": []}}, "/scopes/actions"),
        ({"name": "k", "scopes": {"actions": ["fly"]}}, "/scopes/actions"),
        ({"name": "k", "scopes": {"collections": "a b"}}, "/scopes/collections"),
        ({"name": "k", "rate_limit": 0}, "/rate_limit"),
    ],
)
def test_what_is_wrong_is_named_and_no_key_is_made(root: Api, body: dict[str, Any], pointer: str) -> None:
    problem = assert_problem(root.post("api-keys/", body), 422, "invalid")
    assert problem["errors"][0]["pointer"] == pointer
    assert not ApiKey.objects.exists()


def test_nobody_makes_a_key_for_who_holds_more(admin: User, user: User, client_of: ClientOf) -> None:
    give(user, "security_admin")
    give(ServiceAccount.objects.create(name="loader"), "editor")
    client = client_of(user)
    for owner in ({"user": "root"}, {"service_account": "loader"}):
        assert_problem(client.post("api-keys/", {"name": "k", **owner}), 403, "permission_denied")
    assert not ApiKey.objects.exists()


def test_keys_of_others_are_not_there_for_who_does_not_manage_them(root: Api, user: User, client_of: ClientOf) -> None:
    number = root.post("api-keys/", {"name": "root's"}).json()["id"]
    give(user, "viewer")
    client = client_of(user)
    assert client.get("api-keys/").json()["count"] == 0
    assert_problem(client.get(f"api-keys/{number}/"), 404, "not_found")
    assert_problem(client.delete(f"api-keys/{number}/"), 404, "not_found")
    give(user, "security_admin")
    assert client.get("api-keys/").json()["count"] == 1
    assert client.delete(f"api-keys/{number}/").status_code == 204


def test_making_a_key_is_recorded_without_the_key(root: Api) -> None:
    key = root.post("api-keys/", {"name": "laptop"}).json()
    records = AuditRecord.objects.filter(action="apikey.own").order_by("seq")
    assert [record.phase for record in records] == ["intent", "outcome"]
    assert records[1].parameters["prefix"] == key["prefix"]
    assert key["key"].rsplit("_", 1)[1] not in str(list(AuditRecord.objects.values()))
