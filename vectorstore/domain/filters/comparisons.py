"""Comparisons and lists against a schema."""

from collections.abc import Sequence

from vectorstore.domain.collection import Collection
from vectorstore.domain.filters.failures import invalid
from vectorstore.domain.filters.integers import NEGATED, compare_integer, compare_untyped_minimum
from vectorstore.domain.filters.literals import INT64_MIN
from vectorstore.domain.filters.operands import Kind, Operand, fit, resolve
from vectorstore.domain.filters.tree import (
    Arithmetic,
    Compare,
    CompareOp,
    FieldRef,
    In,
    Literal,
    Node,
    Not,
    Path,
    Scalar,
    Source,
    all_of,
    any_of,
)

_FLIPPED: dict[CompareOp, CompareOp] = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def compare(node: Compare, schema: Collection, *, negated: bool) -> Node:
    """The comparison with its constant on the right, as all engines read it."""
    left, right, op = resolve(node.left, schema), resolve(node.right, schema), node.op
    if isinstance(left.node, Literal):
        if isinstance(right.node, Literal):
            raise invalid(node.source, "this compares two constants; name a field")
        left, right, op = right, left, _FLIPPED[op]
    for side in (left, right):
        if side.kind in (Kind.JSON, Kind.ARRAY):
            raise invalid(node.source, f"{side.what} cannot be compared; name an element of it")
    if Kind.BOOL in (left.kind, right.kind) and op not in ("==", "!="):
        raise invalid(node.source, "booleans are equal or not; there is no smaller one")
    if isinstance(right.node, Literal):
        value = fit(right.node.value, left, right.node.source or node.source)
        return _with_constant(op, left, Literal(value, source=right.node.source), node.source, negated)
    if Kind.ANY in (left.kind, right.kind):
        raise invalid(node.source, "a JSON value can be compared with constants only")
    if _family(left) != _family(right):
        raise invalid(node.source, f"{left.what} cannot be compared with {right.what}")
    return Compare(NEGATED[op] if negated else op, left.node, right.node, source=node.source)


def _family(operand: Operand) -> Kind:
    return Kind.INT if operand.kind is Kind.FLOAT else operand.kind


def _with_constant(op: CompareOp, left: Operand, constant: Literal, source: Source, negated: bool) -> Node:
    value = constant.value
    if left.kind is Kind.INT and isinstance(value, int):
        return compare_integer(NEGATED[op] if negated else op, left.node, value, source)
    # A key may hold something that has no order with the constant. Then neither < nor >= is true, so that
    # only == and != are each other's opposite.
    exact = left.kind is not Kind.ANY or op in ("==", "!=")
    if negated and exact:
        op, negated = NEGATED[op], False
    if left.kind is Kind.ANY and isinstance(left.node, Arithmetic):
        constant = _calculated(left, constant)
    elif left.kind is Kind.ANY and value == INT64_MIN and isinstance(value, int):
        made = compare_untyped_minimum(op, left.node)
        return Not(made, source=source) if negated else made
    made = Compare(op, left.node, constant, source=source)
    return Not(made, source=source) if negated else made


def _calculated(left: Operand, constant: Literal) -> Literal:
    whole = isinstance(left.node, Arithmetic) and left.node.op == "%"
    as_number = Operand(left.node, Kind.INT if whole else Kind.FLOAT)
    return Literal(fit(constant.value, as_number, constant.source), source=constant.source)


def member(node: In, schema: Collection, *, negated: bool) -> Node:
    """``in`` and ``not in``. An element of an array or a mixed list becomes several conditions."""
    operand, outside = resolve(node.operand, schema), node.negated != negated
    place = operand.node
    if not isinstance(place, (FieldRef, Path)):
        raise invalid(node.source, "in takes a field or a path")
    if operand.kind in (Kind.JSON, Kind.ARRAY):
        raise invalid(node.source, f"{operand.what} is in no list; name an element of it")
    values = tuple(fit(value, operand, node.source) for value in node.values)
    refuse_mixed(values, node.source)
    if not values and (isinstance(place, Path) or operand.kind is Kind.ANY):
        return In(FieldRef(schema.primary.name), (), outside, source=node.source)
    if isinstance(place, Path) and operand.kind is not Kind.ANY:
        parts = [_with_constant("==", operand, Literal(value), node.source, outside) for value in values]
    else:
        parts = _lists(operand, values, outside, node.source)
    return all_of(parts, node.source) if outside else any_of(parts, node.source)


def ids_condition(place: Node, ids: Sequence[Scalar]) -> Node:
    """``place in ids`` for ids that are known to fit."""
    kind = Kind.STRING if ids and isinstance(ids[0], str) else Kind.INT
    return any_of(_lists(Operand(place, kind), tuple(ids), False, None))


def refuse_mixed(values: Sequence[Scalar], source: Source) -> None:
    """Numbers, strings and booleans do not share a list."""
    families = {str if isinstance(v, str) else bool if isinstance(v, bool) else float for v in values}
    if len(families) > 1:
        raise invalid(source, "the values of a list are all numbers, all strings or all booleans")


def _lists(operand: Operand, values: tuple[Scalar, ...], outside: bool, source: Source) -> list[Node]:
    """One list for each type among the values, and the smallest integer apart: Milvus 2.3 reads neither."""
    types = list(dict.fromkeys(type(value) for value in values)) or [int]
    parts: list[Node] = []
    for kind in types:
        alike = tuple(value for value in values if type(value) is kind)
        others = alike if kind is not int else tuple(value for value in alike if value != INT64_MIN)
        if others or not values:
            parts.append(In(operand.node, others, outside, source=source))
        if len(others) < len(alike):
            parts.append(_with_constant("==", operand, Literal(INT64_MIN), source, outside))
    return parts
