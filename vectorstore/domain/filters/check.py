"""A tree against a schema: names resolved, types checked, and one form chosen for what has several.

After this every engine reads the filter alike: chains and bare booleans are spelled out, constants stand on
the right, negations stand at single conditions, and -2^63, which Milvus 2.3 cannot read, is gone.
"""

from collections.abc import Sequence
from dataclasses import replace

from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.filters.comparisons import compare, ids_condition, member, refuse_mixed
from vectorstore.domain.filters.failures import LIST_LIMIT, PATTERN_LIMIT, invalid, refuse_deep
from vectorstore.domain.filters.integers import always
from vectorstore.domain.filters.literals import refuse_surrogates
from vectorstore.domain.filters.operands import KIND_OF_TYPE, Kind, Operand, fit, resolve
from vectorstore.domain.filters.patterns import plain_pattern
from vectorstore.domain.filters.tree import (
    And,
    Compare,
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
    TextMatch,
    all_of,
    any_of,
)
from vectorstore.domain.models import DataType, RowId


def check(node: Node, schema: Collection) -> Node:
    """The normal form of ``node`` for ``schema``.

    A comparison with a JSON key that a row lacks is false, whatever the engine: ``meta["k"] != 1`` and
    ``not (meta["k"] == 1)`` both find the rows without ``k``. A nullable field that is null meets neither a
    comparison nor its negation.

    Raises:
        InvalidFilter: naming the place and what would be right.
    """
    refuse_deep(node)
    return _condition(node, schema, negated=False)


def _condition(node: Node, schema: Collection, *, negated: bool) -> Node:
    """``node``, or what is true where ``node`` is false."""
    match node:
        case And(operands) | Or(operands):
            joined = all_of if isinstance(node, And) != negated else any_of
            return joined([_condition(item, schema, negated=negated) for item in operands], node.source)
        case Not(inner):
            return _condition(inner, schema, negated=not negated)
        case Compare():
            return compare(node, schema, negated=negated)
        case In():
            return member(node, schema, negated=negated)
        case Like():
            return _like(node, schema, negated)
        case IsNull():
            return _is_null(node, schema, negated)
        case Exists(inner):
            operand = resolve(inner, schema)
            if operand.kind is not Kind.ANY:
                raise invalid(node.source, "exists takes a JSON path or a dynamic field")
            return _maybe_not(replace(node, operand=_place(operand, node, "exists")), negated)
        case Contains():
            return _maybe_not(_contains(node, schema), negated)
        case TextMatch(inner, text):
            operand = resolve(inner, schema)
            if operand.kind is not Kind.STRING or not isinstance(operand.node, FieldRef):
                raise invalid(node.source, "text_match takes a VARCHAR field")
            refuse_surrogates(text, node.source)
            return _maybe_not(replace(node, operand=operand.node), negated)
        case Literal():
            raise invalid(node.source, "a constant is no condition; compare a field with it")
    operand = resolve(node, schema)
    if operand.kind not in (Kind.BOOL, Kind.ANY) or not isinstance(operand.node, (FieldRef, Path)):
        raise invalid(node.source, f"{operand.what} is no condition; compare it with something")
    return compare(Compare("==", node, Literal(True), source=node.source), schema, negated=negated)


def _maybe_not(node: Node, negated: bool) -> Node:
    return Not(node, source=node.source) if negated else node


def _place(operand: Operand, node: Node, what: str) -> Node:
    if not isinstance(operand.node, (FieldRef, Path)):
        raise invalid(node.source, f"{what} takes a field or a path")
    return operand.node


def _like(node: Like, schema: Collection, negated: bool) -> Node:
    operand = resolve(node.operand, schema)
    if operand.kind not in (Kind.STRING, Kind.ANY):
        raise invalid(node.source, f"like takes a VARCHAR field, not {operand.what}")
    _place(operand, node, "like")
    if len(node.pattern) > PATTERN_LIMIT:
        raise invalid(node.source, f"a pattern has at most {PATTERN_LIMIT} characters")
    refuse_surrogates(node.pattern, node.source)
    plain = plain_pattern(node)
    if isinstance(plain, Like):
        return _maybe_not(replace(plain, operand=operand.node), negated)
    return _condition(plain, schema, negated=negated)


def _is_null(node: IsNull, schema: Collection, negated: bool) -> Node:
    operand, present = resolve(node.operand, schema), node.negated != negated
    place = _place(operand, node, "is null")
    if operand.kind is Kind.ANY:
        return _maybe_not(Exists(place, source=node.source), not present)
    field = schema.field(place.name) if isinstance(place, FieldRef) else None
    if field is None:
        raise invalid(node.source, "an element of an array is never null")
    if not field.nullable:
        return In(FieldRef(schema.primary.name), (), present, source=node.source)
    return IsNull(place, present, source=node.source)


def _contains(node: Contains, schema: Collection) -> Node:
    operand = resolve(node.operand, schema)
    place = _place(operand, node, "contains")
    if operand.kind is Kind.JSON:
        raise invalid(node.source, 'name the array within the JSON field, as in contains(field["key"], …)')
    if not node.values:
        raise invalid(node.source, "give at least one value that may be contained")
    if operand.kind is Kind.ARRAY:
        element = Operand(place, KIND_OF_TYPE[operand.element or DataType.INT64], operand.element is DataType.FLOAT)
        values = tuple(fit(value, element, node.source) for value in node.values)
        return _contains_any(replace(node, operand=place, values=values, family="array"))
    if operand.kind is not Kind.ANY:
        raise invalid(node.source, f"{operand.what} holds no elements")
    values = tuple(fit(value, operand, node.source) for value in node.values)
    refuse_mixed(values, node.source)
    return _contains_any(replace(node, operand=place, values=values, family="json"))


def _contains_any(node: Contains) -> Contains:
    """A negative number in a list of one: Milvus Lite reads it there and not by itself."""
    value = node.values[0]
    negative = node.mode == "any_one" and not isinstance(value, (bool, str)) and str(value).startswith("-")
    return replace(node, mode="any") if negative else node


def ids_in(primary: Field, ids: Sequence[RowId]) -> Node:
    """The condition that the primary key is one of ``ids``, which ``read_id`` has read."""
    if len(ids) > LIST_LIMIT:
        raise invalid(None, f"the list has more than {LIST_LIMIT} values")
    return ids_condition(FieldRef(primary.name), ids)


def everything(primary: Field) -> Node:
    """A condition that every row meets, for calls that want one."""
    if primary.type is DataType.VARCHAR:
        return Compare(">=", FieldRef(primary.name), Literal(""))
    return always(FieldRef(primary.name))
