"""Which measured points are worth having, and the one to take for a wish."""

from collections.abc import Sequence

from vectorstore.domain.advice import Point, Recommendation, Wish


def front(points: Sequence[Point]) -> list[int]:
    """The places of the points that none dominates: no other is as good in recall, p50 and memory and better in one.

    Of several that are equal in all three, the first.
    """
    found = []
    for place, point in enumerate(points):
        mine = _costs(point)
        beaten = any(
            _no_worse(theirs := _costs(other), mine) and (theirs != mine or index < place)
            for index, other in enumerate(points)
            if index != place
        )
        if not beaten:
            found.append(place)
    return found


def recommend(points: Sequence[Point], wish: Wish) -> Recommendation:
    """The fastest point that has the recall and fits into the memory.

    Where none does: the best recall that fits; where nothing fits: the smallest that has the recall, or the smallest.
    """
    if not points:
        return Recommendation(point=None, reasons=["Nothing was measured."])
    places = front(points)
    right = [place for place in places if points[place].recall >= wish.recall_target]
    fitting = [place for place in places if _fits(points[place], wish)]
    both = [place for place in right if place in fitting]
    if both:
        chosen = min(both, key=lambda place: (points[place].p50_ms, points[place].memory_mb))
    elif fitting:
        chosen = max(fitting, key=lambda place: (points[place].recall, -points[place].p50_ms))
    else:
        chosen = min(right or places, key=lambda place: (points[place].memory_mb, -points[place].recall))
    return Recommendation(
        point=chosen,
        meets_recall=chosen in right,
        meets_budget=chosen in fitting,
        reasons=_reasons(points, chosen, wish, right, fitting),
    )


def todays(points: Sequence[Point], recall_target: float) -> int | None:
    """Of the index that there is: the place of its fastest point that reaches the target, else of its best recall."""
    mine = [place for place, point in enumerate(points) if point.today]
    right = [place for place in mine if points[place].recall >= recall_target]
    if right:
        return min(right, key=lambda place: points[place].p50_ms)
    return max(mine, key=lambda place: points[place].recall, default=None)


def _costs(point: Point) -> tuple[float, float, float]:
    """Smaller is better."""
    return -point.recall, point.p50_ms, point.memory_mb


def _no_worse(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return all(left <= right for left, right in zip(one, other, strict=True))


def _fits(point: Point, wish: Wish) -> bool:
    return wish.memory_budget_mb is None or point.memory_mb <= wish.memory_budget_mb


def _reasons(points: Sequence[Point], chosen: int, wish: Wish, right: list[int], fitting: list[int]) -> list[str]:
    point, said = points[chosen], []
    target, budget = wish.recall_target, wish.memory_budget_mb
    about = f"{_named(point)} has recall {point.recall:.3f}, p50 {point.p50_ms:.2f} ms and takes {_memory(point)}."
    if chosen in right and chosen in fitting:
        within = f" within {budget:,.0f} MB" if budget is not None else ""
        said.append(f"{about} It is the fastest that reaches recall {target:g}{within}.")
    elif chosen in fitting:
        least = f"; the least memory for it is {_memory(_smallest(points, right))}" if right else ""
        within = f" within {budget:,.0f} MB" if right else ""
        said.append(f"Nothing measured reaches recall {target:g}{within}{least}. {about} It is the best that there is.")
    elif budget is not None:
        smallest = _smallest(points, range(len(points)))
        said.append(
            f"The budget of {budget:,.0f} MB cannot be met: the smallest index measured, {_named(smallest)}, takes"
            f" {_memory(smallest)}."
        )
        short = "" if chosen in right else f", and nothing measured reaches recall {target:g}"
        said.append(f"{about} It is the smallest that comes near what was asked for{short}.")
    place = todays(points, target)
    if place is not None and place != chosen:
        today = points[place]
        said.append(
            f"Today's {_named(today)} has recall {today.recall:.3f}, p50 {today.p50_ms:.2f} ms and takes"
            f" {_memory(today)}."
        )
    return said


def _smallest(points: Sequence[Point], places: Sequence[int]) -> Point:
    return min((points[place] for place in places), key=lambda item: item.memory_mb)


def _named(point: Point) -> str:
    told = [f"{name} {value}" for name, value in {**point.params, **point.search}.items()]
    return f"{point.kind} ({', '.join(told)})" if told else str(point.kind)


def _memory(point: Point) -> str:
    return f"{'about ' if point.estimated else ''}{point.memory_mb:,.1f} MB"
