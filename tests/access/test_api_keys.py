"""API keys: shown once, kept as a digest, and refused when anything about them has ended."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from vectorstore.access import api_keys
from vectorstore.access.actor import Actor, KeyScopes
from vectorstore.domain.errors import InvalidRequest
from vectorstore.models import ApiKey, ServiceAccount

pytestmark = pytest.mark.django_db
HERE = "192.0.2.1"


@pytest.fixture
def ada(db: None) -> User:
    return User.objects.create_user("ada")


@pytest.fixture
def robot(db: None) -> ServiceAccount:
    return ServiceAccount.objects.create(name="robot")


def whose(text: str, source: str = HERE) -> Actor | None:
    found = api_keys.check(text, source)
    return None if found is None else found.actor


def test_the_text_is_given_once_and_only_its_digest_is_kept(ada: User) -> None:
    key, text = api_keys.make("mine", ada, by="root")
    assert re.fullmatch(r"vs_[a-z0-9]{8}_[0-9A-Za-z]{43}", text)
    assert text.split("_")[1] == key.prefix
    kept = str(list(ApiKey.objects.values()))
    assert text.split("_")[2] not in kept
    assert (key.created_by, len(key.digest)) == ("root", 64)


def test_a_key_is_its_owner(ada: User, robot: ServiceAccount) -> None:
    key, text = api_keys.make("mine", ada)
    assert whose(text) == Actor("user", ada.pk, "ada", False, "api_key", key.prefix)
    scopes = KeyScopes(frozenset({"vector.search"}), "docs*")
    key, text = api_keys.make("its", robot, scopes=scopes, rate_limit=7)
    assert whose(text) == Actor("service_account", robot.pk, "robot", False, "api_key", key.prefix, scopes)
    found = api_keys.check(text, HERE)
    assert found is not None
    assert (found.rate_limit, found.expires_at) == (7, key.expires_at.timestamp())


def test_a_superusers_key_is_a_superusers(ada: User) -> None:
    ada.is_superuser = True
    ada.save()
    actor = whose(api_keys.make("mine", ada, scopes=KeyScopes(None, "docs"))[1])
    assert actor is not None
    assert (actor.superuser, actor.scopes) == (True, KeyScopes(None, "docs"))


def test_every_key_expires_after_90_days_or_when_it_is_said_within_a_year(ada: User) -> None:
    now = timezone.now()
    key, _ = api_keys.make("default", ada)
    assert key.expires_at - now == pytest.approx(timedelta(days=90), abs=timedelta(seconds=5))
    key, _ = api_keys.make("chosen", ada, expires_at=now + timedelta(days=365))
    assert key.expires_at == now + timedelta(days=365)


@pytest.mark.parametrize("days", [-1, 0, 366])
def test_an_expiry_in_the_past_or_beyond_a_year_is_refused(ada: User, days: int) -> None:
    with pytest.raises(InvalidRequest):
        api_keys.make("mine", ada, expires_at=timezone.now() + timedelta(days=days))


def test_what_is_no_network_is_refused(ada: User) -> None:
    with pytest.raises(InvalidRequest):
        api_keys.make("mine", ada, cidr="10.0.0.0/33")


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_changed_character_anywhere_makes_it_nobodys(ada: User, part: int) -> None:
    parts = api_keys.make("mine", ada)[1].split("_")
    parts[part] = ("x" if parts[part][0] != "x" else "y") + parts[part][1:]
    assert whose("_".join(parts)) is None


@pytest.mark.parametrize(
    "text", ["", "vs", "vs__", "vs_00000000_", "vs_00000000_" + "0" * 44, "é", "\0", "x" * 100_000]
)
def test_what_is_no_key_is_nobodys(text: str, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert whose(text) is None


def test_the_secret_of_one_key_does_not_fit_another(ada: User) -> None:
    (_, one), (_, other) = api_keys.make("one", ada), api_keys.make("other", ada)
    assert whose("_".join([*one.split("_")[:2], other.split("_")[2]])) is None


@pytest.mark.parametrize("change", [{"expires_at": timezone.now()}, {"revoked_at": timezone.now()}])
def test_an_expired_or_revoked_key_is_nobodys(ada: User, change: dict[str, Any]) -> None:
    _, text = api_keys.make("mine", ada)
    ApiKey.objects.update(**change)
    assert whose(text) is None


def test_revoking_again_keeps_the_first_time(ada: User) -> None:
    key, text = api_keys.make("mine", ada)
    api_keys.revoke(key)
    first = key.revoked_at
    api_keys.revoke(key)
    assert first is not None
    assert key.revoked_at == first
    assert whose(text) is None


def test_the_key_of_a_disabled_owner_is_nobodys_and_of_a_deleted_one_gone(ada: User, robot: ServiceAccount) -> None:
    of_ada, of_robot = api_keys.make("mine", ada)[1], api_keys.make("its", robot)[1]
    User.objects.update(is_active=False)
    ServiceAccount.objects.update(is_active=False)
    assert (whose(of_ada), whose(of_robot)) == (None, None)
    ada.delete()
    assert whose(of_ada) is None


@pytest.mark.parametrize(
    ("cidr", "source", "served"),
    [
        ("192.0.2.0/24", "192.0.2.200", True),
        ("192.0.2.0/24", "192.0.3.1", False),
        ("192.0.2.0/24", "::ffff:192.0.2.1", True),
        ("192.0.2.7", "192.0.2.7", True),
        ("192.0.2.0/24", "2001:db8::1", False),
        ("2001:db8::/32", "2001:db8:1::1", True),
        ("2001:db8::/32", "2001:db9::1", False),
        ("2001:db8::/32", "192.0.2.1", False),
        ("192.0.2.0/24", "", False),
        ("192.0.2.0/24", "nonsense", False),
        ("", "", True),
    ],
)
def test_a_key_bound_to_a_network_serves_nobody_else(ada: User, cidr: str, source: str, served: bool) -> None:
    _, text = api_keys.make("mine", ada, cidr=cidr)
    assert (whose(text, source) is not None) is served


def test_a_network_on_record_that_is_none_serves_nobody(ada: User) -> None:
    _, text = api_keys.make("mine", ada)
    ApiKey.objects.update(cidr="nonsense")
    assert whose(text) is None


@pytest.mark.parametrize("scopes", [{}, {"actions": "vector.search"}, {"actions": None}, [], "x", 1])
def test_scopes_on_record_that_are_not_understood_leave_nothing(ada: User, scopes: Any) -> None:
    _, text = api_keys.make("mine", ada)
    ApiKey.objects.update(scopes=scopes)
    actor = whose(text)
    assert actor is not None
    assert actor.scopes is not None
    assert not actor.scopes.covers_action("vector.search")
    assert not actor.scopes.covers_collection("docs")


def test_keys_outlive_a_change_of_the_secret_key_while_the_former_is_a_fallback(ada: User, settings: Any) -> None:
    _, text = api_keys.make("mine", ada)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "n" * 60
    assert whose(text) is not None
    settings.SECRET_KEY_FALLBACKS = []
    assert whose(text) is None


def test_the_last_use_is_written_once_a_minute(ada: User) -> None:
    key, text = api_keys.make("mine", ada)
    whose(text)
    key.refresh_from_db()
    first = key.last_used_at
    assert first is not None
    whose(text)
    key.refresh_from_db()
    assert key.last_used_at == first
    ApiKey.objects.update(last_used_at=first - timedelta(seconds=61))
    whose(text)
    key.refresh_from_db()
    assert key.last_used_at is not None
    assert key.last_used_at >= first


@pytest.mark.skipif("connection.vendor != 'sqlite'")
def test_a_use_that_cannot_be_recorded_is_served(ada: User) -> None:
    _, text = api_keys.make("mine", ada)
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TRIGGER full BEFORE UPDATE ON vectorstore_apikey BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        )
    assert whose(text) is not None
    assert ApiKey.objects.get().last_used_at is None
