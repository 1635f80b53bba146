"""Comparisons of integers: arithmetic solved for its field, and -2^63, which Milvus 2.3 cannot read, avoided.

Milvus has arithmetic under ``==`` and ``!=`` only before 2.4, and Milvus Lite divides integers as reals. A
range of the field itself means the same everywhere, and an index can serve it.
"""

from vectorstore.domain.filters.literals import INT64_MAX, INT64_MIN
from vectorstore.domain.filters.tree import Arithmetic, Compare, CompareOp, Literal, Node, Source, all_of, any_of

Bound = int | None
"""An inclusive end of a range; None where it is open."""

NEGATED: dict[CompareOp, CompareOp] = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


def compare_integer(op: CompareOp, place: Node, value: int, source: Source = None) -> Node:
    """``place op value`` for a place of integers."""
    if not isinstance(place, Arithmetic):
        return _plain(op, place, value, source)
    low = {"<": None, "<=": None, ">": value + 1}.get(op, value)
    high = {">": None, ">=": None, "<": value - 1}.get(op, value)
    return _within(*_solved(place, low, high), source, outside=op == "!=")


def _plain(op: CompareOp, place: Node, value: int, source: Source) -> Node:
    if value != INT64_MIN:
        return Compare(op, place, Literal(value), source=source)
    neighbour = Literal(INT64_MIN + 1)
    match op:
        case "==" | "<=":
            return Compare("<", place, neighbour, source=source)
        case "!=" | ">":
            return Compare(">=", place, neighbour, source=source)
    return always(place, source) if op == ">=" else never(place, source)


def compare_untyped_minimum(op: CompareOp, place: Node) -> Node:
    """``place op -2^63`` in JSON, where reals lie beyond it. As a real it can be written, but is not exact."""
    real, neighbour = Literal(float(INT64_MIN)), Literal(INT64_MIN + 1)
    match op:
        case "==":
            return all_of((Compare("==", place, real), Compare("<", place, neighbour)))
        case "!=":
            return any_of((Compare("!=", place, real), Compare(">=", place, neighbour)))
        case "<" | ">=":
            return Compare(op, place, real)
        case "<=":
            return Compare("<", place, neighbour)
    return Compare(">=", place, neighbour)


def always(place: Node, source: Source = None) -> Node:
    """True wherever ``place`` has a value."""
    neighbour = Literal(INT64_MIN + 1)
    ends = (Compare("<", place, neighbour, source=source), Compare(">=", place, neighbour, source=source))
    return any_of(ends, source)


def never(place: Node, source: Source = None) -> Node:
    """True nowhere."""
    neighbour = Literal(INT64_MIN + 1)
    ends = (Compare("<", place, neighbour, source=source), Compare(">=", place, neighbour, source=source))
    return all_of(ends, source)


def _within(place: Node, low: Bound, high: Bound, source: Source, *, outside: bool) -> Node:
    if (low is not None and low > INT64_MAX) or (high is not None and high < INT64_MIN):
        return always(place, source) if outside else never(place, source)
    if low is not None and high is not None and low > high:
        return always(place, source) if outside else never(place, source)
    ends: list[tuple[CompareOp, int]] = []
    if low is not None and low > INT64_MIN:
        ends.append((">=", low))
    if high is not None and high < INT64_MAX:
        ends.append(("<=", high))
    if not ends:
        return never(place, source) if outside else always(place, source)
    if low == high and low is not None:
        ends = [("==", low)]
    if outside:
        return any_of((_plain(NEGATED[op], place, value, source) for op, value in ends), source)
    return all_of((_plain(op, place, value, source) for op, value in ends), source)


def _solved(place: Node, low: Bound, high: Bound) -> tuple[Node, Bound, Bound]:
    """Take operations with a constant off ``place``, keeping ``low <= place <= high`` the same condition."""
    while isinstance(place, Arithmetic):
        match place:
            case Arithmetic("+", left, Literal(int(by))):
                place, low, high = left, _moved(low, -by), _moved(high, -by)
            case Arithmetic("-", left, Literal(int(by))):
                place, low, high = left, _moved(low, by), _moved(high, by)
            case Arithmetic("-", Literal(int(of)), right):
                place, low, high = right, _moved(_minus(high), of), _moved(_minus(low), of)
            case Arithmetic("*" | "/", left, Literal(int(by))):
                if by < 0:
                    low, high, by = _minus(high), _minus(low), -by
                if place.op == "*":
                    low = None if low is None else -(-low // by)
                    high = None if high is None else high // by
                else:  # towards zero, as in C
                    low = None if low is None else low * by - (by - 1 if low <= 0 else 0)
                    high = None if high is None else high * by + (by - 1 if high >= 0 else 0)
                place = left
            case _:
                break
    return place, low, high


def _minus(bound: Bound) -> Bound:
    return None if bound is None else -bound


def _moved(bound: Bound, by: int) -> Bound:
    return None if bound is None else bound + by
