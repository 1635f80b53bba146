"""A protected collection that is dropped is kept for some days, and can come back."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from tests.support.engines import RunningEngine
from vectorstore.domain.errors import NotFound, Protected
from vectorstore.domain.models import Metric
from vectorstore.domain.requests import CollectionChanges, CollectionSpec, CountRequest
from vectorstore.service import CollectionService, VectorService
from vectorstore.service.context import Scope
from vectorstore.service.dropping import aside_name, purge

Make = Callable[..., str]


@pytest.fixture
def name(make: Make) -> str:
    made = make(protected=True)
    VectorService().insert(made, [{"id": "a", "vector": [1.0] * 8}])
    return made


def _aside(name: str) -> str:
    (kept,) = CollectionService().names(f"{name}__dropped_")
    return kept


def test_its_name_has_to_be_given(name: str) -> None:
    for confirm in (None, "", "another"):
        with pytest.raises(Protected, match="give its name as confirm"):
            CollectionService().drop(name, confirm)
    assert VectorService().count(name, CountRequest()) == 1
    CollectionService().update(name, CollectionChanges(protected=False))


def test_it_is_set_aside_and_comes_back_by_its_name(name: str) -> None:
    CollectionService().drop(name, confirm=name)
    with pytest.raises(NotFound):
        CollectionService().describe(name)
    kept = _aside(name)
    CollectionService().rename(kept, name)
    CollectionService().load(name)
    assert VectorService().count(name, CountRequest()) == 1
    CollectionService().update(name, CollectionChanges(protected=False))


def test_it_is_purged_when_its_days_are_over_and_not_before(name: str) -> None:
    CollectionService().drop(name, confirm=name)
    kept, now = _aside(name), timezone.now()
    assert purge(now + timedelta(days=6, hours=23)) == []
    assert purge(now + timedelta(days=7, seconds=2)) == [kept]
    with pytest.raises(NotFound):
        CollectionService().describe(kept)


@pytest.mark.parametrize("ending", ["__dropped_20200101T000000", "__replaced_99999999T999999"])
def test_what_only_looks_as_if_it_was_set_aside_stays(make: Make, ending: str) -> None:
    made = make()
    CollectionService().rename(made, made + ending)
    assert purge(timezone.now() + timedelta(days=30)) == []
    CollectionService().rename(made + ending, made)


def test_what_was_given_another_name_stays(name: str) -> None:
    CollectionService().drop(name, confirm=name)
    CollectionService().rename(_aside(name), name)
    assert purge(timezone.now() + timedelta(days=30)) == []
    CollectionService().update(name, CollectionChanges(protected=False))


def test_what_is_dropped_twice_in_one_second_is_kept_twice(name: str) -> None:
    spec = CollectionSpec(name=name, dimension=8, metric=Metric.L2, protected=True)
    for _ in range(3):
        CollectionService().drop(name, confirm=name)
        CollectionService().create(spec)
    assert len(CollectionService().names(f"{name}__dropped_")) == 3
    CollectionService().update(name, CollectionChanges(protected=False))


@pytest.mark.django_db
def test_a_long_name_leaves_room_for_the_ending(lite: RunningEngine) -> None:
    assert len(aside_name(Scope(), "n" * 255, "dropped")) == 255
