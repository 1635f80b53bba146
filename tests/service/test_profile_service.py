"""Slow queries by shape, and whose profiles are whose."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from tests.support.access import give
from tests.support.profiles import a_profile
from vectorstore.access.actor import Actor
from vectorstore.domain.errors import NotFound, PermissionDenied
from vectorstore.service.context import Scope
from vectorstore.service.profile_service import ProfileFilter, ProfileService

pytestmark = pytest.mark.django_db
ALL = ProfileFilter()


@pytest.fixture
def service_of() -> Callable[[User], ProfileService]:
    return lambda user: ProfileService(Scope(Actor.of(user)))


def test_shapes_come_by_total_time_and_the_p95_is_the_nearest_rank() -> None:
    for ms in range(1, 41):
        a_profile(took_ms=float(ms), shape_hash="many")
    last = a_profile(took_ms=2_000.0, shape_hash="one")
    a_profile(took_ms=9_000.0, shape_hash="sampled", kept_for="sample")
    service = ProfileService()
    one, many = service.slow(ALL)
    assert (one.shape_hash, one.count, one.total_ms, one.latest) == ("one", 1, 2_000.0, last.pk)
    assert (many.shape_hash, many.count, many.total_ms, many.max_ms) == ("many", 40, 820.0, 40.0)
    assert (service.p95_ms(one, ALL), service.p95_ms(many, ALL)) == (2_000.0, 38.0)


def test_one_shape_in_two_collections_is_two_slow_queries() -> None:
    for place in ({"collection": "docs"}, {"collection": "shop"}, {"collection": "docs", "database": "other"}):
        a_profile(**place)
    found = ProfileService().slow(ALL)
    assert {(slow.database, slow.collection) for slow in found} == {
        ("default", "docs"), ("default", "shop"), ("other", "docs"),
    }  # fmt: skip
    assert [slow.collection for slow in ProfileService().slow(ProfileFilter(collection="shop"))] == ["shop"]


def test_profiles_are_those_of_collections_on_which_the_right_is_held(
    service_of: Callable[[User], ProfileService],
) -> None:
    ada = User.objects.create_user("ada")
    mine, foreign = a_profile("docs_a"), a_profile("shop")
    a_profile("docs_a", database="other")
    service = service_of(ada)
    with pytest.raises(PermissionDenied):
        service.list(ALL)
    give(ada, "viewer")
    with pytest.raises(PermissionDenied):
        service.slow(ALL)
    give(ada, "collection_admin", "docs_*")
    assert list(service.list(ALL)) == [mine]
    assert [slow.latest for slow in service.slow(ALL)] == [mine.pk]
    assert service.get(mine.pk) == mine
    for number in (foreign.pk, 987_654_321):
        with pytest.raises(NotFound, match=r"^There is no such profile\.$"):
            service.get(number)
