"""Decisions, from grants in the database."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.utils import timezone

from tests.support.access import give
from vectorstore.access.actor import NOBODY, SERVICE_ACCOUNT, SYSTEM, USER, Actor, KeyScopes
from vectorstore.access.rights import Decision, rights_of
from vectorstore.access.roles import ACTIONS, BROAD, ROLES
from vectorstore.models import ServiceAccount, UserAttributes

pytestmark = pytest.mark.django_db

HERE = ("default", "default")


@pytest.fixture
def ada() -> User:
    return User.objects.create_user("ada")


def decide(user: User, action: str, collection: str | None = None, scopes: KeyScopes | None = None) -> Decision:
    actor = Actor(USER, user.pk, user.username, user.is_superuser, scopes=scopes)
    return rights_of(actor).decide(action, *HERE, collection)


def test_nothing_is_allowed_without_a_grant(ada: User) -> None:
    for action in ACTIONS:
        assert not decide(ada, action, "docs").allowed
    assert not decide(ada, "collection.view", "docs").visible
    assert not rights_of(NOBODY).decide("collection.view", *HERE, "docs").allowed


@pytest.mark.parametrize("role", ROLES)
def test_a_role_gives_its_actions_and_no_other(ada: User, role: str) -> None:
    give(ada, role)
    for action in ACTIONS:
        collection = None if action in BROAD else "docs"
        assert decide(ada, action, collection).allowed == (action in ROLES[role]), action


def test_no_role_gives_the_bypass_and_a_superuser_has_everything(ada: User) -> None:
    assert all("rowfilter.bypass" not in actions for actions in ROLES.values())
    ada.is_superuser = True
    assert all(decide(ada, action, "docs").allowed for action in ACTIONS)
    assert rights_of(SYSTEM).decide("collection.drop", *HERE, "docs").allowed


def test_a_security_administrator_sees_no_data(ada: User) -> None:
    give(ada, "security_admin")
    assert not decide(ada, "vector.search", "docs").visible


@pytest.mark.parametrize(
    ("pattern", "name", "allowed"),
    [("docs*", "docs_1", True), ("docs*", "other", False), ("d?cs", "docs", True), ("docs", "docs2", False)],
)
def test_a_pattern_names_the_collections(ada: User, pattern: str, name: str, allowed: bool) -> None:
    give(ada, "viewer", pattern)
    decision = decide(ada, "vector.search", name)
    assert (decision.allowed, decision.visible) == (allowed, allowed)


def test_a_grant_holds_in_its_cluster_and_database_only(ada: User) -> None:
    give(ada, "viewer", cluster="east", database="*")
    rights = rights_of(Actor(USER, ada.pk, "ada"))
    assert rights.decide("vector.search", "east", "any", "docs").allowed
    assert not rights.decide("vector.search", "west", "any", "docs").allowed


def test_what_is_seen_and_not_allowed_is_told_apart_from_what_is_not_seen(ada: User) -> None:
    give(ada, "viewer", "docs*")
    assert decide(ada, "collection.drop", "docs").visible
    assert not decide(ada, "collection.drop", "other").visible


@pytest.mark.parametrize(
    "values",
    [
        {"enabled": False},
        {"expires_at": timezone.now() - timedelta(seconds=1)},
        {"valid_from": timezone.now() + timedelta(hours=1)},
    ],
)
def test_a_grant_gives_nothing_out_of_its_time(ada: User, values: dict[str, object]) -> None:
    give(ada, "editor", **values)
    assert not decide(ada, "vector.search", "docs").allowed
    assert not decide(ada, "vector.search", "docs").visible


def test_a_grant_ends_at_its_time_though_it_is_remembered(ada: User) -> None:
    grant = give(ada, "viewer", expires_at=timezone.now() + timedelta(milliseconds=150))
    rights = rights_of(Actor(USER, ada.pk, "ada"))
    assert rights.decide("vector.search", *HERE, "docs").allowed
    while timezone.now() < grant.expires_at:
        pass
    assert not rights.decide("vector.search", *HERE, "docs").allowed


def test_groups_and_service_accounts_hold_grants(ada: User) -> None:
    group, account = Group.objects.create(name="readers"), ServiceAccount.objects.create(name="loader")
    ada.groups.add(group)
    give(group, "viewer")
    give(account, "editor")
    assert decide(ada, "vector.search", "docs").allowed
    loader = Actor(SERVICE_ACCOUNT, account.pk, "loader")
    assert rights_of(loader).decide("vector.insert", *HERE, "docs").allowed


def test_a_change_is_seen_at_once(ada: User) -> None:
    assert not decide(ada, "vector.search", "docs").allowed
    grant = give(ada, "viewer")
    assert decide(ada, "vector.search", "docs").allowed
    grant.enabled = False
    grant.save()
    assert not decide(ada, "vector.search", "docs").allowed
    group = Group.objects.create(name="readers")
    give(group, "viewer")
    ada.groups.add(group)
    assert decide(ada, "vector.search", "docs").allowed
    ada.groups.clear()
    assert not decide(ada, "vector.search", "docs").allowed


def test_another_version_of_the_rights_is_looked_up_anew(ada: User) -> None:
    actor = Actor(USER, ada.pk, "ada")
    assert not rights_of(actor, 1).grants
    type(give(ada, "viewer")).objects.update(role="editor")  # an update by which no signal is sent
    assert rights_of(actor, 2).decide("vector.insert", *HERE, "docs").allowed


def tenant(value: object = "$user.tenants") -> dict[str, object]:
    return {"field": "tenant", "op": "in", "value": [value]}


def test_a_row_filter_is_resolved_for_who_asks(ada: User) -> None:
    give(ada, "editor", row_filter=tenant())
    assert not decide(ada, "vector.search", "docs").allowed  # no attribute, no rows
    UserAttributes.objects.create(user=ada, values={"tenants": ["a", "b"]})
    (rows,) = decide(ada, "vector.search", "docs").limits.rows
    assert rows.values == ("a", "b")


def test_a_limited_grant_gives_what_can_be_kept_within_rows_only(ada: User) -> None:
    give(ada, "cluster_admin", row_filter=tenant("a"))
    assert decide(ada, "vector.delete", "docs").allowed
    for action in ("collection.drop", "collection.alter", "backup.create", "alias.manage", "partition.drop"):
        assert not decide(ada, action, "docs").allowed
    for action in BROAD:
        assert not decide(ada, action).allowed


def test_two_grants_give_the_rows_of_either(ada: User) -> None:
    give(ada, "viewer", row_filter=tenant("a"), denied_fields=["price"])
    give(ada, "viewer", row_filter=tenant("b"))
    limits = decide(ada, "vector.search", "docs").limits
    assert sorted(rows.values for rows in limits.rows) == [("a",), ("b",)]
    assert limits.denied == {"price"}


def test_a_grant_on_everything_lifts_the_limits_of_others(ada: User) -> None:
    give(ada, "viewer", row_filter=tenant("a"), denied_fields=["price"])
    give(ada, "viewer", denied_fields=["secret", "price"])
    give(ada, "viewer", denied_fields=["secret"])
    limits = decide(ada, "vector.search", "docs").limits
    assert (limits.rows, limits.denied) == ((), {"secret"})
    give(ada, "viewer")
    assert decide(ada, "vector.search", "docs").limits.denied == frozenset()


def test_the_scopes_of_a_key_narrow_its_owner(ada: User) -> None:
    give(ada, "editor")
    scopes = KeyScopes(frozenset({"vector.search"}), "docs*")
    assert decide(ada, "vector.search", "docs_1", scopes).allowed
    refused = decide(ada, "vector.insert", "docs_1", scopes)
    assert (refused.allowed, refused.visible) == (False, True)
    assert not decide(ada, "vector.search", "other", scopes).visible
    give(ada, "security_admin")
    assert not decide(ada, "audit.view", None, KeyScopes(None, "docs*")).allowed
    ada.is_superuser = True
    assert not decide(ada, "vector.insert", "docs_1", scopes).allowed


def test_what_concerns_the_whole_gateway_needs_a_grant_on_all_collections(ada: User) -> None:
    give(ada, "cluster_admin", "docs*")
    assert not any(decide(ada, action).allowed for action in BROAD)
    give(ada, "cluster_admin")
    assert all(decide(ada, action).allowed for action in BROAD)


def test_a_grant_in_another_database_does_not_reach_out_of_it(ada: User) -> None:
    give(ada, "cluster_admin", database="elsewhere")
    give(ada, "cluster_admin", cluster="east", database="*")
    assert not any(decide(ada, action).allowed for action in BROAD)
    give(ada, "cluster_admin", cluster="*", database="*")
    assert all(decide(ada, action).allowed for action in BROAD)
