"""What a filter means, evaluated in Python for rows that no engine holds. The engines find the same rows."""

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from vectorstore.domain.collection import Collection
from vectorstore.domain.filters import tree
from vectorstore.domain.models import DataType

MISSING = object()
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def matches(node: tree.Node, row: Mapping[str, Any], schema: Collection) -> bool:
    """Whether ``row`` (dynamic keys beside the fields) meets ``node``; a key that a row lacks equals nothing.

    A condition on a field that is null is neither true nor false, and no more is its negation.
    """
    return _truth(node, row, schema) is True


def _truth(node: tree.Node, row: Mapping[str, Any], schema: Collection) -> bool | None:
    """None: unknown, because of a null."""
    match node:
        case tree.And(operands) | tree.Or(operands):
            found = [_truth(item, row, schema) for item in operands]
            decisive = isinstance(node, tree.Or)
            return decisive if decisive in found else None if None in found else not decisive
        case tree.Not(inner):
            truth = _truth(inner, row, schema)
            return None if truth is None else not truth
        case tree.IsNull():
            return _holds(node, row, schema)
    return None if _is_of_null(node, row, schema) else _holds(node, row, schema)


def _is_of_null(node: tree.Node, row: Mapping[str, Any], schema: Collection) -> bool:
    match node:
        case tree.FieldRef(name) | tree.Path(name):
            field = schema.field(name)
            return field is not None and field.type is not DataType.JSON and field.nullable and row.get(name) is None
    return any(_is_of_null(child, row, schema) for child in tree.children(node))


def _holds(node: tree.Node, row: Mapping[str, Any], schema: Collection) -> bool:
    """Whether a single condition does, on values that are there or are missing keys."""

    def value(operand: tree.Node) -> Any:
        return _value(operand, row, schema)

    match node:
        case tree.Compare(op, left, right):
            return _compares(op, *_as_kept(left, right, schema, value(left), value(right)))
        case tree.In(inner, values, negated):
            found = value(inner)
            kept, *constants = _as_kept(inner, inner, schema, found, *values)
            return any(_compares("==", kept, constant) for constant in constants) != negated
        case tree.Like(inner, pattern):
            text = value(inner)
            return isinstance(text, str) and like(pattern).fullmatch(text) is not None
        case tree.IsNull(inner, negated):
            return (value(inner) in (None, MISSING)) != negated
        case tree.Exists(inner):
            return value(inner) not in (None, MISSING)
        case tree.Contains(mode, inner, values):
            items = value(inner)
            if not isinstance(items, list):
                return False
            items, wanted = _as_kept(inner, inner, schema, *items), _as_kept(inner, inner, schema, *values)
            held = [any(_compares("==", item, one) for item in items) for one in wanted]
            return all(held) if mode == "all" else any(held)
        case tree.FieldRef() | tree.Path():
            return value(node) is True
    raise TypeError(f"{node!r} is no condition")


def like(pattern: str) -> re.Pattern[str]:
    """The pattern of ``like`` as a regular expression."""
    parts = []
    for match in re.finditer(r"\\(.)|(.)", pattern, re.DOTALL):
        escaped, plain = match.groups()
        parts.append({"%": ".*", "_": "."}.get(plain, re.escape(plain)) if plain else re.escape(escaped))
    return re.compile("".join(parts), re.DOTALL)


def _compares(op: str, left: Any, right: Any) -> bool:
    """Values of two kinds are unequal and have no order."""
    if left is MISSING or right is MISSING or _kind(left) != _kind(right) or _kind(left) is None:
        return op == "!="
    return _COMPARE[op](left, right)


def _kind(value: Any) -> type | None:
    if isinstance(value, bool):
        return bool
    if isinstance(value, (int, float)):
        return float
    return str if isinstance(value, str) else None


def _as_kept(left: tree.Node, right: tree.Node, schema: Collection, *values: Any) -> tuple[Any, ...]:
    """A constant beside a 32-bit field as that field would keep it."""
    fields = [schema.field(side.name) for side in (left, right) if isinstance(side, tree.FieldRef)]
    paths = [schema.field(side.field) for side in (left, right) if isinstance(side, tree.Path)]
    single = any(field and DataType.FLOAT in (field.type, field.element_type) for field in fields + paths)
    return tuple(float(np.float32(item)) if single and _kind(item) is float else item for item in values)


def _value(node: tree.Node, row: Mapping[str, Any], schema: Collection) -> Any:
    match node:
        case tree.Literal(constant):
            return constant
        case tree.FieldRef(name):
            return row.get(name, MISSING)
        case tree.Path(name, keys):
            if name != tree.META:
                return _within(row.get(name, MISSING), keys)
            return _within({key: item for key, item in row.items() if schema.field(key) is None}, keys)
        case tree.ArrayLength(inner):
            items = _value(inner, row, schema)
            return len(items) if isinstance(items, list) else MISSING
        case tree.Arithmetic(op, left, right):
            return _calculate(op, _value(left, row, schema), _value(right, row, schema), _is_json(node, schema))
    raise TypeError(f"{node!r} has no value")


def _within(value: Any, keys: tuple[str | int, ...]) -> Any:
    for key in keys:
        if isinstance(key, str):
            value = value.get(key, MISSING) if isinstance(value, dict) else MISSING
        else:
            value = value[key] if isinstance(value, list) and key < len(value) else MISSING
    return value


def _calculate(op: str, left: Any, right: Any, in_json: bool) -> Any:
    """Whole numbers of fields divide towards zero, as in C; numbers in JSON are reals."""
    if _kind(left) is not float or _kind(right) is not float:
        return MISSING
    whole = isinstance(left, int) and isinstance(right, int) and not (in_json and op != "%")
    if not whole:
        left, right = float(left), float(right)
    if op in "/%" and whole:
        quotient = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
        return quotient if op == "/" else left - quotient * right
    calculated = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}
    return calculated[op](left, right) if op in calculated else MISSING


def _is_json(node: tree.Node, schema: Collection) -> bool:
    match node:
        case tree.FieldRef(name) | tree.Path(name):
            field = schema.field(name)
            return field is None or field.type is DataType.JSON
    return any(_is_json(child, schema) for child in tree.children(node))
