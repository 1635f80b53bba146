"""``grants/`` and ``roles/``: giving rights, and not more than one has."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.utils import timezone

from tests.api.client import Api, assert_problem
from tests.support.access import give
from vectorstore.access.roles import ROLES
from vectorstore.audit import log
from vectorstore.models import AuditRecord, CollectionRecord, Grant

pytestmark = pytest.mark.django_db

ClientOf = Callable[[User], Api]
FILTER = {"field": "tenant", "op": "in", "value": ["$user.tenants"]}


@pytest.fixture
def root(admin: User, client_of: ClientOf) -> Api:
    return client_of(admin)


def test_a_grant_is_given_shown_switched_off_and_taken_away(root: Api, user: User) -> None:
    body = {"user": "ada", "role": "viewer", "collections": "docs*", "reason": "asked for by the team"}
    made = root.post("grants/", body)
    assert made.status_code == 201, made.content
    number = made.json()["id"]
    assert made.json()["created_by"] == "root"
    assert root.get(f"grants/{number}/").json() == made.json()
    assert root.get("grants/?search=docs").json()["results"] == [made.json()]
    assert root.patch(f"grants/{number}/", {"enabled": False}).json()["enabled"] is False
    assert root.delete(f"grants/{number}/").status_code == 204
    assert_problem(root.get(f"grants/{number}/"), 404, "not_found")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"role": "viewer"}, ""),
        ({"role": "viewer", "user": "ada", "group": "readers"}, ""),
        ({"role": "viewer", "user": "nobody"}, "/user"),
        ({"role": "emperor", "user": "ada"}, "/role"),
        ({"role": "viewer", "user": "ada", "collections": "docs[ab]"}, "/collections"),
        ({"role": "viewer", "user": "ada", "database": "x y"}, "/database"),
        ({"role": "viewer", "user": "ada", "row_filter": {"field": "t"}}, "/row_filter"),
        ({"role": "viewer", "user": "ada", "denied_fields": ["a b"]}, "/denied_fields"),
        ({"role": "viewer", "user": "ada", "expires_at": "2020-01-01T00:00:00Z"}, "/expires_at"),
        ({"role": "viewer", "user": "ada", "expires_at": "2090-01-01T00:00:00"}, "/expires_at"),
        ({"role": "viewer", "user": "ada", "reason": "x" * 501}, "/reason"),
        ({"role": "viewer", "user": "ada", "reason": "nul\0"}, "/reason"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_given(root: Api, user: User, body: dict[str, Any], pointer: str) -> None:
    Group.objects.create(name="readers")
    problem = assert_problem(root.post("grants/", body), 422, "invalid")
    assert problem["errors"][0]["pointer"] == pointer
    assert not Grant.objects.exists()


def test_a_row_filter_has_to_fit_the_collections_on_record(root: Api, user: User) -> None:
    schema = {"fields": [{"name": "id", "type": "INT64", "primary": True}, {"name": "tenant", "type": "INT64"}]}
    CollectionRecord.objects.create(name="docs", schema={**schema, "dynamic_fields": False})
    body = {"user": "ada", "role": "viewer", "collections": "docs"}
    assert root.post("grants/", {**body, "row_filter": FILTER}).status_code == 201
    for wrong in ({**FILTER, "field": "owner"}, {**FILTER, "value": ["text"]}):
        problem = assert_problem(root.post("grants/", {**body, "row_filter": wrong}), 422, "invalid")
        assert problem["errors"][0]["pointer"] == "/row_filter"
        assert "docs" in problem["detail"]


def test_nobody_gives_more_than_they_hold(user: User, client_of: ClientOf) -> None:
    other = User.objects.create_user("bob")
    give(user, "cluster_admin", "docs*")
    client = client_of(user)

    def asked(**values: Any) -> int:
        return client.post("grants/", {"user": other.username, "role": "viewer", **values}).status_code

    assert asked(collections="docs_1") == 201
    assert asked(collections="docs*", role="cluster_admin") == 201
    assert asked(collections="*") == 403
    assert asked(collections="other") == 403
    assert asked(collections="docs_1", database="*") == 403
    assert {grant.collections for grant in Grant.objects.filter(user=other)} == {"docs_1", "docs*"}


def test_a_security_administrator_takes_any_right_away_and_gives_those_it_holds(
    user: User, client_of: ClientOf
) -> None:
    other = User.objects.create_user("bob")
    grant = give(other, "editor")
    give(user, "security_admin")
    client = client_of(user)
    assert client.patch(f"grants/{grant.pk}/", {"enabled": False}).status_code == 200
    assert_problem(client.patch(f"grants/{grant.pk}/", {"enabled": True}), 403, "permission_denied")
    assert client.delete(f"grants/{grant.pk}/").status_code == 204
    assert_problem(client.post("grants/", {"user": "bob", "role": "viewer"}), 403, "permission_denied")
    assert client.post("grants/", {"user": "bob", "role": "security_admin"}).status_code == 201


def test_a_right_that_ends_is_given_on_until_then_only(user: User, client_of: ClientOf) -> None:
    User.objects.create_user("bob")
    ends = timezone.now() + timedelta(days=2)
    give(user, "cluster_admin", expires_at=ends)
    client = client_of(user)
    body = {"user": "bob", "role": "viewer"}
    assert_problem(client.post("grants/", body), 403, "permission_denied")
    assert client.post("grants/", {**body, "expires_at": ends.isoformat()}).status_code == 201
    grant = Grant.objects.get(role="viewer")
    later = (ends + timedelta(days=1)).isoformat()
    assert_problem(client.patch(f"grants/{grant.pk}/", {"expires_at": later}), 403, "permission_denied")


def test_who_may_not_view_grants_is_refused_and_a_narrower_right_shows_what_is_inside(
    user: User, client_of: ClientOf
) -> None:
    other = User.objects.create_user("bob")
    inside, outside = give(other, "viewer", "docs_1"), give(other, "viewer", "other")
    assert_problem(client_of(user).get("grants/"), 403, "permission_denied")
    give(user, "security_admin", "docs*")
    client = client_of(user)
    listed = {item["id"] for item in client.get("grants/").json()["results"]}
    assert inside.pk in listed
    assert outside.pk not in listed
    assert_problem(client.get(f"grants/{outside.pk}/"), 404, "not_found")
    assert_problem(client.delete(f"grants/{outside.pk}/"), 404, "not_found")
    assert Grant.objects.filter(pk=outside.pk).exists()


def test_giving_a_right_is_recorded_before_and_after_and_a_refusal_too(
    root: Api, user: User, client_of: ClientOf
) -> None:
    root.post("grants/", {"user": "ada", "role": "security_admin", "reason": "on call", "row_filter": None})
    client_of(user).post("grants/", {"user": "ada", "role": "cluster_admin"})
    log.flush()
    given = list(AuditRecord.objects.filter(action="grant.manage", actor="root").order_by("seq"))
    assert [record.phase for record in given] == ["intent", "outcome"]
    assert given[0].event_id == given[1].event_id
    assert given[1].parameters["subject"] == "user ada"
    assert given[1].parameters["reason"] == "on call"
    refused = AuditRecord.objects.get(action="grant.manage", actor="ada", phase="outcome")
    assert refused.outcome == "permission_denied"


def test_roles_are_listed_with_their_actions(client_of: ClientOf, user: User) -> None:
    results = client_of(user).get("roles/").json()["results"]
    assert {item["name"]: set(item["actions"]) for item in results} == {name: set(has) for name, has in ROLES.items()}
