"""Which points are worth having, and which one is recommended, for whatever was measured."""

from hypothesis import given
from hypothesis import strategies as st

from vectorstore.domain.advice import Point, Wish
from vectorstore.domain.models import IndexKind
from vectorstore.optimization.index_advisor import front, recommend, todays

_LEVELS = st.integers(0, 5)


def point(recall: float, p50: float, memory: float, *, today: bool = False) -> Point:
    return Point(
        kind=IndexKind.HNSW,
        params={"M": 16},
        search={"ef": 64},
        recall=recall,
        p50_ms=p50,
        p95_ms=p50,
        build_s=1,
        memory_mb=memory,
        today=today,
    )


POINTS = st.lists(
    st.builds(lambda recall, p50, memory: point(recall / 5, p50, 10 * memory), _LEVELS, _LEVELS, _LEVELS), max_size=20
)
WISHES = st.builds(
    Wish,
    recall_target=st.floats(0.1, 1),
    memory_budget_mb=st.none() | st.floats(0, 60),
)


def better(one: Point, other: Point) -> bool:
    mine, theirs = ((-p.recall, p.p50_ms, p.memory_mb) for p in (one, other))
    return mine != theirs and all(left <= right for left, right in zip(mine, theirs, strict=True))


@given(POINTS)
def test_no_point_on_the_front_is_dominated_and_each_other_is(points: list[Point]) -> None:
    places = front(points)
    for place, item in enumerate(points):
        beaten = any(better(other, item) for other in points)
        same = any(points[index] == item for index in places)
        assert beaten == (not same)
        assert not (place in places and beaten)
    assert bool(places) == bool(points)


@given(POINTS, WISHES)
def test_the_recommended_one_is_on_the_front_and_meets_the_wish_where_any_does(points: list[Point], wish: Wish) -> None:
    found = recommend(points, wish)
    if not points:
        assert found.point is None
        return
    assert found.point in front(points)
    chosen, budget = points[found.point], wish.memory_budget_mb

    def right(item: Point) -> bool:
        return item.recall >= wish.recall_target

    def fits(item: Point) -> bool:
        return budget is None or item.memory_mb <= budget

    assert (found.meets_recall, found.meets_budget) == (right(chosen), fits(chosen))
    if good := [item for item in points if right(item) and fits(item)]:
        assert right(chosen)
        assert fits(chosen)
        assert chosen.p50_ms == min(item.p50_ms for item in good)
    elif fitting := [item for item in points if fits(item)]:
        assert fits(chosen)
        assert chosen.recall == max(item.recall for item in fitting)
    assert found.reasons
    assert ("cannot be met" in found.reasons[0]) == (not any(fits(item) for item in points))


def test_the_reasons_name_what_was_measured_and_what_there_is_today() -> None:
    points = [point(0.9, 3, 50, today=True), point(0.97, 2, 40), point(0.99, 9, 40)]
    found = recommend(points, Wish(recall_target=0.95))
    assert found.point == 1
    assert "recall 0.970, p50 2.00 ms and takes about 40.0 MB" in found.reasons[0]
    assert found.reasons[1].startswith("Today's HNSW (M 16, ef 64) has recall 0.900")


def test_a_recall_that_does_not_fit_says_how_much_memory_it_would_take() -> None:
    found = recommend([point(0.8, 1, 10), point(0.99, 1, 30)], Wish(recall_target=0.95, memory_budget_mb=20))
    assert (found.point, found.meets_recall, found.meets_budget) == (0, False, True)
    assert "the least memory for it is about 30.0 MB" in found.reasons[0]


def test_todays_point_is_its_fastest_that_reaches_the_target_else_its_best() -> None:
    points = [point(0.99, 1, 1), point(0.9, 2, 1, today=True), point(0.96, 3, 1, today=True)]
    assert todays(points, 0.95) == 2
    assert todays(points, 0.8) == 1
    assert todays(points, 0.98) == 2
    assert todays(points[:1], 0.5) is None
