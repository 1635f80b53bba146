"""Row filters of grants: which rows of a collection somebody may see and write.

``{"field": "tenant", "op": "in", "value": ["$user.tenants"]}``. It is kept as data, resolved with the attributes of
whoever asks, and only then made a condition: a variable that resolves to nothing gives no rows, never all.
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from vectorstore.domain.collection import Collection
from vectorstore.domain.errors import InvalidRequest
from vectorstore.domain.filters import Compare, FieldRef, Literal, Node, check
from vectorstore.domain.filters.literals import INT64_MAX, INT64_MIN
from vectorstore.domain.filters.operands import is_plain_name
from vectorstore.domain.filters.tree import CompareOp, In, Scalar

VARIABLE = "$user."
MOST_VALUES = 1_000
_MEMBERS = frozenset({"field", "op", "value"})
_ORDERS: dict[str, tuple[CompareOp, Callable[[Any, Any], bool]]] = {
    "lt": ("<", operator.lt),
    "lte": ("<=", operator.le),
    "gt": (">", operator.gt),
    "gte": (">=", operator.ge),
}
OPERATORS = ("eq", "in", *_ORDERS)


@dataclass(frozen=True, slots=True)
class RowFilter:
    """``values`` has one element except for ``in``; unresolved, it may hold variables such as ``$user.tenants``."""

    field: str
    op: str
    values: tuple[Scalar, ...]

    @classmethod
    def read(cls, data: Mapping[str, Any], pointer: str = "/row_filter") -> "RowFilter":
        """The filter that ``data`` writes down.

        Raises:
            InvalidRequest: a member is missing, unknown or of the wrong type.
        """
        if set(data) != _MEMBERS:
            raise InvalidRequest.at(pointer, "a row filter is an object with the members field, op and value")
        field, op, value = data["field"], data["op"], data["value"]
        if not isinstance(field, str) or len(field) > 255 or not is_plain_name(field):
            raise InvalidRequest.at(f"{pointer}/field", "name a field by letters, digits and underscores")
        if op not in OPERATORS:
            raise InvalidRequest.at(f"{pointer}/op", f"op is one of {', '.join(OPERATORS)}")
        values = tuple(value) if op == "in" and isinstance(value, list) else (value,)
        if not values or len(values) > MOST_VALUES or not all(is_scalar(item) for item in values):
            rule = f"a list of 1 to {MOST_VALUES}" if op == "in" else "one"
            raise InvalidRequest.at(f"{pointer}/value", f"{op} takes {rule} string, number or boolean")
        return cls(field, op, values)

    def resolved(self, attributes: Mapping[str, Any]) -> "RowFilter | None":
        """The filter with its variables replaced; None where one of them is missing or leaves no value."""
        values: list[Scalar] = []
        for value in self.values:
            if not (isinstance(value, str) and value.startswith(VARIABLE)):
                values.append(value)
                continue
            found = attributes.get(value.removeprefix(VARIABLE))
            found = found if isinstance(found, list) else [found]
            if not found or not all(is_scalar(item) for item in found):
                return None
            values += found
        if not values or len(values) > MOST_VALUES or (self.op != "in" and len(values) != 1):
            return None
        return replace(self, values=tuple(values))

    def condition(self, schema: Collection) -> Node:
        """The checked condition of a resolved filter.

        Raises:
            InvalidFilter: the collection has no such field, or its type does not fit.
        """
        place = FieldRef(self.field)
        if self.op in _ORDERS:
            return check(Compare(_ORDERS[self.op][0], place, Literal(self.values[0])), schema)
        return check(In(place, self.values), schema)

    def admits(self, value: Any) -> bool:
        """Whether a row whose field has ``value`` lies within a resolved filter; types are never converted."""
        if self.op in _ORDERS:
            return _kind(value) == _kind(self.values[0]) is not None and _ORDERS[self.op][1](value, self.values[0])
        return any(_kind(value) == _kind(own) is not None and value == own for own in self.values)

    @property
    def only_value(self) -> Scalar | None:
        """The one value that rows within a resolved filter have, where there is one."""
        return self.values[0] if self.op not in _ORDERS and len(self.values) == 1 else None


def is_scalar(value: Any) -> bool:
    """Whether ``value`` can be compared with a field: a string, a finite number of 64 bits, or a boolean."""
    if isinstance(value, bool):
        return True
    if isinstance(value, int):
        return INT64_MIN <= value <= INT64_MAX
    if isinstance(value, float):
        return value - value == 0
    return isinstance(value, str) and "\0" not in value and len(value) <= 1_024


def _kind(value: Any) -> str | None:
    """Values of different kinds are never equal: in Python ``True`` is 1."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    return "string" if isinstance(value, str) else None
