"""Conditions on one place, taken together: what they come to, and whether any value or every value meets them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from vectorstore.domain.collection import Collection
from vectorstore.domain.filters.operands import Kind, resolve
from vectorstore.domain.filters.tree import Arithmetic, Compare, FieldRef, In, Literal, Node, Scalar
from vectorstore.domain.models import INTEGER_RANGES

Together = list[Node] | bool
"""Conditions that mean the same; True where every value meets them, False where none does."""

_EXACT = 2**53
"""Up to here a whole number in JSON is the same one to an engine that reads it as a float."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the values are. ``certain``: a field that every row has; only there is a condition true or its opposite.

    ``least`` and ``most`` are the ends of an integer field's type.
    """

    node: Node
    kind: Kind
    certain: bool
    primary: bool
    least: int | None = None
    most: int | None = None

    @property
    def listable(self) -> bool:
        """Whether every engine takes a list of its values."""
        return self.kind is not Kind.BOOL and (self.kind is Kind.ANY or isinstance(self.node, FieldRef))

    @property
    def covered(self) -> bool:
        """Whether ``<`` and its opposite together are true of every row. A float may be no number."""
        return self.certain and self.kind is not Kind.FLOAT


class _End(NamedTuple):
    """An end of a range, beyond which ``part`` is false; with ``strict`` it is false of ``value`` itself."""

    value: Scalar
    strict: bool
    part: Compare


def place_of(node: Node, schema: Collection) -> Place:
    """The place that a checked comparison or list is about."""
    operand = resolve(node, schema)
    field = schema.field(node.name) if isinstance(node, FieldRef) else None
    least, most = INTEGER_RANGES.get(field.type, (None, None)) if field else (None, None)
    return Place(
        node=node,
        kind=operand.kind,
        certain=field is not None and not field.nullable,
        primary=field is not None and field.primary,
        least=least,
        most=most,
    )


def constrained(part: Node) -> Node | None:
    """The place that ``part`` compares with constants, where it does only that."""
    match part:
        case Compare(_, left, Literal()) if not isinstance(left, Arithmetic):
            return left
        case In(operand):
            return operand
    return None


def comparable(place: Place, parts: Sequence[Node]) -> bool:
    """Whether the constants have one order for all engines: in JSON not booleans, huge numbers, or two types."""
    if place.kind is not Kind.ANY:
        return True
    values = [value for part in parts for value in _constants(part)]
    if all(isinstance(value, str) for value in values):
        return True
    return all(isinstance(value, (int, float)) and type(value) is not bool and abs(value) <= _EXACT for value in values)


def _constants(part: Node) -> tuple[Scalar, ...]:
    match part:
        case Compare(_, _, Literal(value)):
            return (value,)
        case In(_, values):
            return values
    return ()


def all_on(place: Place, parts: Sequence[Node]) -> Together:
    """What meets all of ``parts``."""
    points: dict[Scalar, None] | None = None
    excluded: dict[Scalar, None] = {}
    low: _End | None = None
    high: _End | None = None
    for part in parts:
        match part:
            case Compare("==") | In(_, _, False):
                values = dict.fromkeys(_constants(part))
                points = values if points is None else {value: None for value in points if value in values}
            case Compare("!=") | In(_, _, True):
                excluded |= dict.fromkeys(_constants(part))
            case Compare(op, _, Literal(value)):
                end = _End(value, op in "<>", part)
                if op[0] == ">":
                    low = end if low is None or _rank(end, 1) > _rank(low, 1) else low
                else:
                    high = end if high is None or _rank(end, -1) < _rank(high, -1) else high
    if points is not None:
        left = [value for value in points if value not in excluded and _inside(place, value, low, high)]
        return [_listed(place, left, parts)] if left else False
    first, last = _first(place, low), _last(place, high)
    if first is not None and last is not None and _is_empty(first, last):
        return False
    excluded = {value: None for value in excluded if _inside(place, value, low, high)}
    if place.kind is Kind.BOOL and place.certain and len(excluded) == 2:
        return False
    if low and high and first and place.kind is not Kind.ANY and first == last:
        if first[0] in excluded:
            return False
        return [Compare("==", place.node, Literal(first[0]), source=low.part.source)]
    if place.certain and low and first == (place.least, False):
        low = None
    if place.certain and high and last == (place.most, False):
        high = None
    kept: list[Node] = [end.part for end in (low, high) if end is not None]
    if not place.certain:
        return kept + _excluding(parts, excluded) or list(parts)
    if excluded:
        kept.append(_outside(place, list(excluded), parts))
    return kept or True


def any_on(place: Place, parts: Sequence[Node]) -> Together:
    """What meets any of ``parts``."""
    points: dict[Scalar, None] = {}
    low: _End | None = None
    high: _End | None = None
    unequal: dict[Scalar, Node] = {}
    others: list[Node] = []
    for part in parts:
        match part:
            case Compare("==") | In(_, _, False):
                points |= dict.fromkeys(_constants(part))
            case Compare("!=", _, Literal(value)):
                unequal.setdefault(value, part)
            case Compare(op, _, Literal(value)):
                end = _End(value, op in "<>", part)
                if op[0] == ">":
                    low = end if low is None or _rank(end, 1) < _rank(low, 1) else low
                else:
                    high = end if high is None or _rank(end, -1) > _rank(high, -1) else high
            case _:
                others.append(part)
    within = [value for value in points if not _reached(value, low, high)]
    if place.certain and unequal:
        value, part = next(iter(unequal.items()))
        if len(unequal) > 1 or value in points or _reached(value, low, high):
            return True
        return [part, *others]
    if place.covered and low and high and _overlap(place, low, high):
        return True
    if place.certain and place.kind is Kind.BOOL and len(points) == 2:
        return True
    kept: list[Node] = [end.part for end in (low, high) if end is not None]
    return [*kept, *_lists(place, within, parts), *unequal.values(), *others]


def _rank(end: _End, side: int) -> tuple[Scalar, int]:
    """Ends in their order: a strict lower one is above the same value, a strict upper one below it."""
    return end.value, side * end.strict


def _first(place: Place, low: _End | None) -> tuple[Scalar, bool] | None:
    """The least value that is left and whether it is left out itself; of integers always the value."""
    if low is None:
        return None if place.least is None else (place.least, False)
    if place.kind is Kind.INT and isinstance(low.value, int):
        return max(low.value + low.strict, low.value if place.least is None else place.least), False
    return low.value, low.strict


def _last(place: Place, high: _End | None) -> tuple[Scalar, bool] | None:
    if high is None:
        return None if place.most is None else (place.most, False)
    if place.kind is Kind.INT and isinstance(high.value, int):
        return min(high.value - high.strict, high.value if place.most is None else place.most), False
    return high.value, high.strict


def _is_empty(first: tuple[Scalar, bool], last: tuple[Scalar, bool]) -> bool:
    (low, above), (high, below) = first, last
    return bool(low > high) or (low == high and (above or below))  # type: ignore[operator]  # of one type


def _inside(place: Place, value: Scalar, low: _End | None, high: _End | None) -> bool:
    if place.least is not None and place.most is not None and not place.least <= value <= place.most:  # type: ignore[operator]
        return False
    return (low is None or _beyond(value, low)) and (high is None or _beyond(value, high))


def _reached(value: Scalar, low: _End | None, high: _End | None) -> bool:
    return any(end is not None and _beyond(value, end) for end in (low, high))


def _beyond(value: Scalar, end: _End) -> bool:
    """Whether ``value`` is on the side of ``end`` where its condition is true."""
    if value == end.value:
        return not end.strict
    return bool(value > end.value) == (end.part.op[0] == ">")  # type: ignore[operator]


def _overlap(place: Place, low: _End, high: _End) -> bool:
    """Whether above ``low`` and below ``high`` is everywhere."""
    if place.kind is Kind.INT and isinstance(low.value, int) and isinstance(high.value, int):
        return low.value + low.strict <= high.value - high.strict + 1
    return bool(low.value < high.value) or (low.value == high.value and not (low.strict and high.strict))  # type: ignore[operator]


def _listed(place: Place, values: list[Scalar], parts: Sequence[Node]) -> Node:
    """Those values as one condition. Milvus reads a key by a list of keys faster, and deletes by nothing else."""
    single = len(values) == 1 and not place.primary
    for part in parts:
        if not _is_negative(part) and list(_constants(part)) == values and not (single and isinstance(part, In)):
            return part
    if single:
        return Compare("==", place.node, Literal(values[0]), source=parts[0].source)
    return In(place.node, tuple(values), source=parts[0].source)


def _outside(place: Place, values: list[Scalar], parts: Sequence[Node]) -> Node:
    form = Compare if len(values) == 1 else In
    for part in parts:
        if isinstance(part, form) and _excludes(part) and list(_constants(part)) == values:
            return part
    if len(values) == 1:
        return Compare("!=", place.node, Literal(values[0]), source=parts[0].source)
    return In(place.node, tuple(values), True, source=parts[0].source)


def _excludes(part: Node) -> bool:
    return (isinstance(part, Compare) and part.op == "!=") or (isinstance(part, In) and part.negated)


def _is_negative(part: Node) -> bool:
    return (isinstance(part, Compare) and part.op != "==") or (isinstance(part, In) and part.negated)


def _excluding(parts: Sequence[Node], values: dict[Scalar, None]) -> list[Node]:
    """Those of ``parts`` that leave out one of ``values``, as they are: where null may be, engines differ in lists."""
    return [part for part in parts if _excludes(part) and any(value in values for value in _constants(part))]


def _lists(place: Place, values: list[Scalar], parts: Sequence[Node]) -> list[Node]:
    """Values of one type to a list: Milvus 2.3 reads no others."""
    if not place.listable:
        equal = [part for part in parts if not _is_negative(part) and isinstance(part, (Compare, In))]
        return [part for part in equal if any(value in values for value in _constants(part))]
    types = dict.fromkeys(type(value) for value in values)
    return [_listed(place, [value for value in values if type(value) is kind], parts) for kind in types]
