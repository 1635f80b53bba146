"""A tree against a schema: names resolved, types checked, and one form chosen for what has several.

After this every engine reads the filter alike: chains and bare booleans are spelled out, constants stand on
the right, and -2^63, which Milvus 2.3 cannot read, is gone.
"""

from collections.abc import Sequence
from dataclasses import replace

from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.filters.failures import LIST_LIMIT, invalid, refuse_deep
from vectorstore.domain.filters.literals import INT64_MIN, refuse_surrogates
from vectorstore.domain.filters.operands import Kind, Operand, fit, resolve
from vectorstore.domain.filters.tree import (
    And,
    Compare,
    CompareOp,
    Contains,
    Exists,
    FieldRef,
    In,
    IsNull,
    Like,
    Literal,
    Node,
    Not,
    Or,
    Path,
    Scalar,
    TextMatch,
    all_of,
    any_of,
)
from vectorstore.domain.models import DataType, RowId

_FLIPPED: dict[CompareOp, CompareOp] = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def check(node: Node, schema: Collection) -> Node:
    """The normal form of ``node`` for ``schema``.

    Raises:
        InvalidFilter: naming the place and what would be right.
    """
    refuse_deep(node)
    return _condition(node, schema)


def _condition(node: Node, schema: Collection) -> Node:
    match node:
        case And(operands):
            return all_of([_condition(item, schema) for item in operands], node.source)
        case Or(operands):
            return any_of([_condition(item, schema) for item in operands], node.source)
        case Not(inner):
            return Not(_condition(inner, schema), source=node.source)
        case Compare():
            return _compare(node, schema)
        case In():
            return _member(node, schema)
        case Like(inner, pattern):
            operand = resolve(inner, schema)
            if operand.kind not in (Kind.STRING, Kind.ANY):
                raise invalid(node.source, f"like takes a VARCHAR field, not {operand.what}")
            refuse_surrogates(pattern, node.source)
            return replace(node, operand=operand.node)
        case IsNull(inner):
            return replace(node, operand=_place(resolve(inner, schema), node, "is null"))
        case Exists(inner):
            operand = resolve(inner, schema)
            if operand.kind is not Kind.ANY:
                raise invalid(node.source, "exists takes a JSON path or a dynamic field")
            return replace(node, operand=_place(operand, node, "exists"))
        case Contains():
            return _contains(node, schema)
        case TextMatch(inner, text):
            operand = resolve(inner, schema)
            if operand.kind is not Kind.STRING:
                raise invalid(node.source, "text_match takes a VARCHAR field")
            refuse_surrogates(text, node.source)
            return replace(node, operand=operand.node)
        case Literal():
            raise invalid(node.source, "a constant is no condition; compare a field with it")
    operand = resolve(node, schema)
    if operand.kind not in (Kind.BOOL, Kind.ANY):
        raise invalid(node.source, f"{operand.what} is no condition; compare it with something")
    return Compare("==", operand.node, Literal(True), source=node.source)


def _place(operand: Operand, node: Node, what: str) -> Node:
    if not isinstance(operand.node, (FieldRef, Path)):
        raise invalid(node.source, f"{what} takes a field or a path")
    return operand.node


def _compare(node: Compare, schema: Collection) -> Node:
    left, right, op = resolve(node.left, schema), resolve(node.right, schema), node.op
    if isinstance(left.node, Literal):
        if isinstance(right.node, Literal):
            raise invalid(node.source, "this compares two constants; name a field")
        left, right, op = right, left, _FLIPPED[op]
    for side in (left, right):
        if side.kind in (Kind.JSON, Kind.ARRAY):
            raise invalid(node.source, f"{side.what} cannot be compared; name an element of it")
    if not isinstance(right.node, Literal):
        if Kind.ANY not in (left.kind, right.kind) and _family(left) != _family(right):
            raise invalid(node.source, f"{left.what} cannot be compared with {right.what}")
        return Compare(op, left.node, right.node, source=node.source)
    value = fit(right.node.value, left, right.node.source or node.source)
    if isinstance(value, bool) and op not in ("==", "!="):
        raise invalid(node.source, "booleans are equal or not; there is no smaller one")
    if isinstance(value, int) and not isinstance(value, bool) and value == INT64_MIN:
        return _against_minimum(op, left.node, node)
    return Compare(op, left.node, Literal(value, source=right.node.source), source=node.source)


def _family(operand: Operand) -> Kind:
    return Kind.INT if operand.kind is Kind.FLOAT else operand.kind


def _against_minimum(op: CompareOp, left: Node, node: Node) -> Node:
    """The smallest 64-bit integer said by its neighbour, which every engine can read."""
    next_one = Literal(INT64_MIN + 1)
    below, above = Compare("<", left, next_one), Compare(">=", left, next_one)
    match op:
        case "==" | "<=":
            return below
        case "!=" | ">":
            return above
        case ">=":
            return Or((below, above), source=node.source)
    return And((below, above), source=node.source)


def _member(node: In, schema: Collection) -> Node:
    operand = resolve(node.operand, schema)
    place = _place(operand, node, "in")
    if operand.kind in (Kind.JSON, Kind.ARRAY):
        raise invalid(node.source, f"{operand.what} is in no list; name an element of it")
    values = tuple(fit(value, operand, node.source) for value in node.values)
    _refuse_mixed(values, node)
    return _without_minimum(place, values, node.negated, node)


def _refuse_mixed(values: Sequence[Scalar], node: Node) -> None:
    families = {str if isinstance(v, str) else bool if isinstance(v, bool) else float for v in values}
    if len(families) > 1:
        raise invalid(node.source, "the values of a list are all numbers, all strings or all booleans")


def _without_minimum(place: Node, values: tuple[Scalar, ...], negated: bool, node: Node) -> Node:
    others = tuple(value for value in values if isinstance(value, (str, bool)) or value != INT64_MIN)
    if len(others) == len(values):
        return In(place, values, negated, source=node.source)
    minimum = _against_minimum("!=" if negated else "==", place, node)
    if not others:
        return minimum
    rest = In(place, others, negated, source=node.source)
    return all_of((rest, minimum), node.source) if negated else any_of((rest, minimum), node.source)


def _contains(node: Contains, schema: Collection) -> Node:
    operand = resolve(node.operand, schema)
    place = _place(operand, node, "contains")
    if operand.kind is Kind.JSON:
        raise invalid(node.source, f'name the array within the JSON field, such as {_name(place)}["k"]')
    if operand.kind is Kind.ARRAY:
        element = Operand(place, _KINDS.get(operand.element, Kind.INT), operand.element is DataType.FLOAT)
        values = tuple(fit(value, element, node.source) for value in node.values)
        return replace(node, operand=place, values=values, family="array")
    if operand.kind is not Kind.ANY:
        raise invalid(node.source, f"{operand.what} holds no elements")
    values = tuple(fit(value, operand, node.source) for value in node.values)
    _refuse_mixed(values, node)
    return replace(node, operand=place, values=values, family="json")


_KINDS: dict[DataType | None, Kind] = {
    DataType.BOOL: Kind.BOOL,
    DataType.VARCHAR: Kind.STRING,
    DataType.FLOAT: Kind.FLOAT,
    DataType.DOUBLE: Kind.FLOAT,
}


def _name(place: Node) -> str:
    return place.name if isinstance(place, FieldRef) else "meta"


def ids_in(primary: Field, ids: Sequence[RowId]) -> Node:
    """The condition that the primary key is one of ``ids``, which ``read_id`` has read."""
    if len(ids) > LIST_LIMIT:
        raise invalid(None, f"the list has more than {LIST_LIMIT} values")
    node = In(FieldRef(primary.name), tuple(ids))
    return _without_minimum(node.operand, node.values, False, node)


def everything(primary: Field) -> Node:
    """A condition that every row meets, for calls that want one."""
    if primary.type is DataType.VARCHAR:
        return Compare(">=", FieldRef(primary.name), Literal(""))
    return _against_minimum(">=", FieldRef(primary.name), Literal(True))
