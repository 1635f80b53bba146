"""The object form: ``{"section": "x", "price": {"$lt": 10}, "$or": [...]}`` into the same tree."""

from collections.abc import Callable, Mapping
from typing import Any

from vectorstore.domain.filters.failures import DEPTH_LIMIT, LIST_LIMIT, invalid
from vectorstore.domain.filters.literals import INT64_MAX, INT64_MIN
from vectorstore.domain.filters.tree import (
    Compare,
    CompareOp,
    Contains,
    ContainsMode,
    Exists,
    FieldRef,
    In,
    IsNull,
    Like,
    Literal,
    Node,
    Not,
    Path,
    Scalar,
    all_of,
    any_of,
)

_COMPARISONS: dict[str, CompareOp] = {
    "$eq": "==",
    "$ne": "!=",
    "$lt": "<",
    "$lte": "<=",
    "$gt": ">",
    "$gte": ">=",
}
_CONTAINS: dict[str, ContainsMode] = {"$contains": "any_one", "$contains_all": "all", "$contains_any": "any"}
_OTHERS = ("$in", "$nin", "$like", "$exists", "$null", "$not")
_LOGIC = ("$and", "$or", "$not")
OPERATORS = (*_COMPARISONS, *_CONTAINS, *_OTHERS)


def from_object(filters: Mapping[str, Any], pointer: str = "/filters") -> Node:
    """The tree of the object form. Several keys must all hold; ``meta.k`` reaches into a JSON field.

    Raises:
        InvalidFilter: with a JSON pointer to what is wrong.
    """
    return _object(filters, pointer, 0)


def _object(filters: Any, pointer: str, depth: int) -> Node:
    _refuse_depth(depth, pointer)
    if not isinstance(filters, Mapping) or not filters:
        raise invalid(pointer, "a filter is an object with at least one field or one of $and, $or, $not")
    return all_of([_entry(key, value, _below(pointer, key), depth) for key, value in filters.items()], pointer)


def _refuse_depth(depth: int, pointer: str) -> None:
    if depth > DEPTH_LIMIT:
        raise invalid(pointer, f"the filter is nested more than {DEPTH_LIMIT} levels deep")


def _below(pointer: str, key: object) -> str:
    return f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"


def _entry(key: Any, value: Any, pointer: str, depth: int) -> Node:
    if key in ("$and", "$or"):
        if not isinstance(value, list) or not value:
            raise invalid(pointer, f"{key} takes a list of filters")
        parts = [_object(item, f"{pointer}/{number}", depth + 1) for number, item in enumerate(value)]
        return all_of(parts, pointer) if key == "$and" else any_of(parts, pointer)
    if key == "$not":
        return Not(_object(value, pointer, depth + 1), source=pointer)
    if not isinstance(key, str) or key.startswith("$") or not key:
        raise invalid(pointer, f"there is no operator {str(key)[:40]}; there are {', '.join(_LOGIC)}")
    return _field(_target(key, pointer), value, pointer, depth)


def _target(name: str, pointer: str) -> Node:
    first, *keys = name.split(".")
    if keys and first and all(keys):
        return Path(first, tuple(keys), source=pointer)
    return FieldRef(name, source=pointer)


def _field(target: Node, value: Any, pointer: str, depth: int) -> Node:
    _refuse_depth(depth, pointer)
    if not isinstance(value, Mapping):
        if value is None:
            return IsNull(target, source=pointer)
        return Compare("==", target, Literal(_scalar(value, pointer), source=pointer), source=pointer)
    if not value:
        raise invalid(pointer, f"give at least one operator of {', '.join(OPERATORS)}")
    return all_of(
        [_operator(target, name, item, _below(pointer, name), depth) for name, item in value.items()], pointer
    )


def _operator(target: Node, name: Any, value: Any, pointer: str, depth: int) -> Node:
    if name in _COMPARISONS:
        return Compare(_COMPARISONS[name], target, Literal(_scalar(value, pointer), source=pointer), source=pointer)
    if name in ("$in", "$nin"):
        return In(target, _scalars(value, pointer), name == "$nin", source=pointer)
    if name in _CONTAINS:
        values = (_scalar(value, pointer),) if name == "$contains" else _scalars(value, pointer)
        return Contains(_CONTAINS[name], target, values, source=pointer)
    if name == "$like":
        if not isinstance(value, str):
            raise invalid(pointer, "$like takes a pattern, such as 'ab%'")
        return Like(target, value, source=pointer)
    if name == "$not":
        return Not(_field(target, value, pointer, depth + 1), source=pointer)
    if name in ("$exists", "$null"):
        return _flag(name, value, target, pointer)
    raise invalid(pointer, f"there is no operator {str(name)[:40]}; there are {', '.join(OPERATORS)}")


def _flag(name: str, value: Any, target: Node, pointer: str) -> Node:
    if not isinstance(value, bool):
        raise invalid(pointer, f"{name} takes true or false")
    made: Callable[[], Node] = {
        "$exists": lambda: Exists(target, source=pointer),
        "$null": lambda: IsNull(target, source=pointer),
    }[name]
    return made() if value else Not(made(), source=pointer)


def _scalars(value: Any, pointer: str) -> tuple[Scalar, ...]:
    if not isinstance(value, list):
        raise invalid(pointer, "this takes a list of values")
    if len(value) > LIST_LIMIT:
        raise invalid(pointer, f"the list has more than {LIST_LIMIT} values")
    return tuple(_scalar(item, pointer, number) for number, item in enumerate(value))


def _scalar(value: Any, pointer: str, number: int | None = None) -> Scalar:
    if isinstance(value, (bool, str)):
        return value
    if isinstance(value, int) and INT64_MIN <= value <= INT64_MAX:
        return value
    if isinstance(value, float) and value - value == 0:  # neither NaN nor infinite
        return value
    # Only now: a pointer holds the key, which may be long, and a list has many values.
    place = pointer if number is None else f"{pointer}/{number}"
    if isinstance(value, int):
        raise invalid(place, "the integer does not fit in 64 bits")
    raise invalid(place, "a value is a string, a finite number or a boolean")
