"""What the operands of conditions are: which fields they name and which constants fit them."""

import difflib
import re
from dataclasses import dataclass, replace
from enum import Enum, auto

import numpy as np

from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.filters.failures import invalid
from vectorstore.domain.filters.literals import INT64_MAX, INT64_MIN, refuse_surrogates
from vectorstore.domain.filters.tree import (
    META,
    Arithmetic,
    ArrayLength,
    FieldRef,
    Literal,
    Node,
    Path,
    Scalar,
    Source,
)
from vectorstore.domain.models import DataType

KEYWORDS = frozenset({"and", "or", "not", "in", "like", "is", "null", "exists", "true", "false"})
_ENGINE_WORDS = frozenset(
    {f"{family}_contains{suffix}" for family in ("json", "array") for suffix in ("", "_all", "_any")}
    | {"array_length", "text_match", "phrase_match", "random_sample", "iso", "interval", "_seq", "_partition"}
)
"""Words that mean something of their own to some engine where a bare name is expected."""

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Kind(Enum):
    """What an operand's value is. ANY: it is in JSON, so only the row knows."""

    BOOL = auto()
    INT = auto()
    FLOAT = auto()
    STRING = auto()
    ANY = auto()
    JSON = auto()
    ARRAY = auto()


@dataclass(frozen=True, slots=True)
class Operand:
    """A resolved operand. ``single`` marks a 32-bit float; ``element`` is the type of an array's elements."""

    node: Node
    kind: Kind
    single: bool = False
    element: DataType | None = None

    @property
    def what(self) -> str:
        return {Kind.ANY: "a JSON value", Kind.JSON: "a whole JSON field"}.get(self.kind, self.kind.name)


def is_plain_name(name: str) -> bool:
    """Whether the language reads ``name`` as a field without quotes."""
    return _IDENTIFIER.fullmatch(name) is not None and name.lower() not in KEYWORDS


def resolve(node: Node, schema: Collection) -> Operand:
    """The operand that ``node`` is under ``schema``.

    Raises:
        InvalidFilter: there is no such field, or it cannot be used so.
    """
    match node:
        case FieldRef(name):
            field = schema.field(name)
            if field is None:
                return Operand(_dynamic(name, (), schema, node.source), Kind.ANY)
            return _of_field(field, node)
        case Path(name, keys):
            return _of_path(node, name, keys, schema)
        case ArrayLength(inner):
            array = resolve(inner, schema)
            if array.kind not in (Kind.ARRAY, Kind.ANY):
                raise invalid(node.source, "array_length takes an ARRAY field or a JSON path")
            return Operand(replace(node, operand=array.node), Kind.INT)
        case Arithmetic():
            return _of_arithmetic(node, schema)
        case Literal(value):
            return Operand(node, _KIND_OF[type(value)])
    raise invalid(node.source, "a condition is no value; compare fields and constants")


_KIND_OF: dict[type, Kind] = {bool: Kind.BOOL, int: Kind.INT, float: Kind.FLOAT, str: Kind.STRING}


def _of_field(field: Field, node: Node) -> Operand:
    if field.type.is_vector:
        raise invalid(node.source, f"{field.name} is a vector field and cannot be used in a filter")
    if not is_plain_name(field.name):
        raise invalid(node.source, f"{field.name} is a word of the filter language; Milvus cannot filter by that field")
    if isinstance(node, FieldRef) and field.nullable:
        node = replace(node, nullable=True)
    return Operand(node, KIND_OF_TYPE[field.type], field.type is DataType.FLOAT, field.element_type)


KIND_OF_TYPE: dict[DataType, Kind] = {
    DataType.BOOL: Kind.BOOL,
    DataType.INT8: Kind.INT,
    DataType.INT16: Kind.INT,
    DataType.INT32: Kind.INT,
    DataType.INT64: Kind.INT,
    DataType.FLOAT: Kind.FLOAT,
    DataType.DOUBLE: Kind.FLOAT,
    DataType.VARCHAR: Kind.STRING,
    DataType.JSON: Kind.JSON,
    DataType.ARRAY: Kind.ARRAY,
}


def _of_path(node: Path, name: str, keys: tuple[str | int, ...], schema: Collection) -> Operand:
    for key in keys:
        if isinstance(key, str):
            refuse_surrogates(key, node.source)
        elif key < 0:
            raise invalid(node.source, "an index is not negative")
    field = schema.field(name)
    if name == META:
        first, *rest = keys
        if not schema.dynamic_fields:
            raise invalid(node.source, "the collection has no dynamic fields")
        if not isinstance(first, str):
            raise invalid(node.source, '$meta takes a name in quotes, such as $meta["k"]')
        return Operand(_dynamic(first, tuple(rest), schema, node.source), Kind.ANY)
    if field is None:
        return Operand(_dynamic(name, keys, schema, node.source), Kind.ANY)
    _of_field(field, node)
    if field.type is DataType.JSON:
        return Operand(replace(node, untyped=True), Kind.ANY)
    if field.type is DataType.ARRAY and field.element_type is not None:
        if len(keys) != 1 or not isinstance(keys[0], int):
            raise invalid(node.source, f"{name} is an ARRAY; its elements are {name}[0], {name}[1], …")
        return Operand(node, KIND_OF_TYPE[field.element_type], field.element_type is DataType.FLOAT)
    raise invalid(node.source, f"{name} is {field.type} and has no elements")


def _dynamic(name: str, keys: tuple[str | int, ...], schema: Collection, source: Source) -> Node:
    """A dynamic key in the one form that it is written in: by its bare name where that is possible."""
    refuse_surrogates(name, source)
    if not schema.dynamic_fields:
        close = difflib.get_close_matches(name, [field.name for field in schema.fields], n=3)
        hint = (
            f"did you mean {' or '.join(close)}?"
            if close
            else "there is " + ", ".join(field.name for field in schema.scalar_fields)
        )
        raise invalid(source, f"there is no field {name[:255]!r}; {hint}")
    plain = is_plain_name(name) and name.lower() not in _ENGINE_WORDS and schema.field(name) is None
    if plain and not keys:
        return FieldRef(name, source=source, untyped=True)
    if plain:
        return Path(name, keys, source=source, untyped=True)
    return Path(META, (name, *keys), source=source, untyped=True)


def _of_arithmetic(node: Arithmetic, schema: Collection) -> Operand:
    left, right = resolve(node.left, schema), resolve(node.right, schema)
    for side in (left, right):
        if side.kind not in (Kind.INT, Kind.FLOAT, Kind.ANY):
            raise invalid(node.source, f"{node.op} takes numbers, not {side.what}")
    if isinstance(left.node, Literal) and isinstance(right.node, Literal):
        raise invalid(node.source, "this calculates with constants only; write its result")
    if isinstance(left.node, Literal) and node.op in ("+", "*"):
        left, right = right, left
    constant = next((side for side in (left, right) if isinstance(side.node, Literal)), None)
    if constant is None and Kind.ANY in (left.kind, right.kind):
        raise invalid(node.source, "a JSON value can be calculated with constants only")
    if isinstance(right.node, Literal) and right.node.value == 0 and node.op in "*/%":
        raise invalid(node.source, f"{node.op} takes a constant other than zero")
    kinds = {left.kind, right.kind}
    if constant is not None:
        kinds.discard(constant.kind)
        other = right if constant is left else left
        kinds.add(other.kind)
        left, right = (_scaled(side, other, node.op) for side in (left, right))
    if node.op == "%" and Kind.FLOAT in kinds:
        raise invalid(node.source, "% takes integers")
    kind = Kind.ANY if Kind.ANY in kinds else Kind.FLOAT if Kind.FLOAT in kinds else Kind.INT
    return Operand(replace(node, left=left.node, right=right.node), kind)


def _scaled(side: Operand, other: Operand, op: str) -> Operand:
    """A constant as ``other`` is calculated with: with JSON as a float, or division would differ by engine."""
    if not isinstance(side.node, Literal):
        return side
    value = fit(side.node.value, replace(other, single=False), side.node.source)
    if other.kind is Kind.ANY:
        value = fit(value, Operand(other.node, Kind.INT if op == "%" else Kind.FLOAT), side.node.source)
    return Operand(Literal(value, source=side.node.source), other.kind)


def fit(value: Scalar, operand: Operand, source: Source) -> Scalar:
    """The constant as it is compared with ``operand``, so that every engine compares the same.

    Raises:
        InvalidFilter: it is of another type.
    """
    if isinstance(value, str):
        refuse_surrogates(value, source)
    if operand.kind is Kind.ANY:
        return value
    if operand.kind is Kind.INT and not isinstance(value, (bool, str)):
        if isinstance(value, float) and not value.is_integer():
            raise invalid(source, f"{value!r} is no integer, and an integer is compared with it")
        whole = int(value)
        if not INT64_MIN <= whole <= INT64_MAX:
            raise invalid(source, "the number does not fit in 64 bits")
        return whole
    if operand.kind is Kind.FLOAT and not isinstance(value, (bool, str)):
        return _as_float(float(value), operand.single, source)
    if (operand.kind is Kind.BOOL and isinstance(value, bool)) or (
        operand.kind is Kind.STRING and isinstance(value, str)
    ):
        return value
    given = {bool: "a boolean", int: "a number", float: "a number", str: "a string"}[type(value)]
    raise invalid(source, f"{operand.what} cannot be compared with {given}")


def _as_float(value: float, single: bool, source: Source) -> float:
    """A 32-bit field is compared with the constant as 32 bits hold it: Milvus does so and Milvus Lite does not."""
    if not single:
        return value
    with np.errstate(over="ignore"):
        rounded = float(np.float32(value))
    if rounded in (float("inf"), float("-inf")):
        raise invalid(source, f"{value!r} is beyond the range of a 32-bit FLOAT")
    return rounded
