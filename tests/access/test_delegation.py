from datetime import datetime, timedelta
from fnmatch import fnmatchcase

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from tests.support.access import give
from vectorstore.access.actor import USER, Actor, KeyScopes
from vectorstore.access.delegation import grants_of, lacking, pattern_covers
from vectorstore.access.rights import HeldGrant, held, rights_of
from vectorstore.models import Grant

_NAMES = st.text("abc_", min_size=0, max_size=5)
_PATTERNS = st.text("ab*?", min_size=1, max_size=5)


@given(_PATTERNS, _PATTERNS, _NAMES)
def test_a_pattern_that_is_covered_matches_nothing_more(outer: str, inner: str, name: str) -> None:
    if pattern_covers(outer, inner) and fnmatchcase(name, inner):
        assert fnmatchcase(name, outer)


@pytest.mark.parametrize(
    ("outer", "inner", "covered"),
    [
        ("*", "docs*", True),
        ("docs*", "docs_a*", True),
        ("docs*", "docs", True),
        ("docs*", "d*", False),
        ("docs*", "*", False),
        ("docs", "docs?", False),
        ("d?cs", "docs", True),
    ],
)
def test_narrower_patterns_are_covered(outer: str, inner: str, covered: bool) -> None:
    assert pattern_covers(outer, inner) is covered


@pytest.fixture
def ada(db: None) -> User:
    return User.objects.create_user("ada")


def to_give(role: str, collections: str = "*", expires_at: datetime | None = None, **values: object) -> HeldGrant:
    return held(Grant(id=0, role=role, collections=collections, expires_at=expires_at, **values), {})


def missing(user: User, given_grant: HeldGrant, scopes: KeyScopes | None = None) -> str:
    return lacking(rights_of(Actor(USER, user.pk, "ada", user.is_superuser, scopes=scopes)), given_grant)


def test_what_is_held_can_be_given_and_nothing_more(ada: User) -> None:
    give(ada, "collection_admin", "docs*")
    assert missing(ada, to_give("viewer", "docs_1")) == ""
    assert "cluster.manage" in missing(ada, to_give("cluster_admin", "docs_1")) or missing(
        ada, to_give("cluster_admin", "docs_1")
    )
    assert missing(ada, to_give("viewer", "*"))
    assert missing(ada, to_give("security_admin", "docs*"))
    assert missing(ada, to_give("viewer", "docs*", cluster="*"))
    assert missing(ada, to_give("viewer", "docs*", database="other"))


def test_nobody_gives_for_longer_than_they_hold(ada: User) -> None:
    ends = timezone.now() + timedelta(days=1)
    give(ada, "editor", expires_at=ends)
    assert missing(ada, to_give("viewer", expires_at=ends)) == ""
    assert missing(ada, to_give("viewer"))
    assert missing(ada, to_give("viewer", expires_at=ends + timedelta(seconds=1)))


def test_what_is_held_within_rows_cannot_be_given_on(ada: User) -> None:
    rows = {"field": "tenant", "op": "in", "value": ["$user.tenants"]}
    give(ada, "editor", row_filter={"field": "tenant", "op": "eq", "value": "a"})
    assert missing(ada, to_give("viewer", row_filter=rows))
    give(ada, "editor")
    assert missing(ada, to_give("viewer", row_filter=rows)) == ""


def test_a_key_gives_no_more_than_its_scopes(ada: User) -> None:
    ada.is_superuser = True
    assert missing(ada, to_give("cluster_admin")) == ""
    assert missing(ada, to_give("viewer", "docs"), KeyScopes(frozenset({"vector.search"})))
    assert missing(ada, to_give("viewer", "other"), KeyScopes(None, "docs*"))


def test_a_disabled_grant_counts_as_held_by_its_subject(ada: User) -> None:
    give(ada, "cluster_admin", enabled=False)
    assert [grant.role for grant in grants_of(ada)] == ["cluster_admin"]
