"""Tree to text: the only place where an expression for Milvus is written."""

from vectorstore.domain.filters.dialect import Dialect
from vectorstore.domain.filters.failures import invalid, unsupported
from vectorstore.domain.filters.literals import write_string
from vectorstore.domain.filters.patterns import is_prefix
from vectorstore.domain.filters.tree import (
    META,
    And,
    Arithmetic,
    ArrayLength,
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
)
from vectorstore.domain.filters.values import refuse_free_arithmetic, write_constant, write_list, write_value

EVERYTHING = Dialect()
_SUFFIX = {"any_one": "", "all": "_all", "any": "_any"}
_ORDERED = ("<", "<=", ">", ">=")


def serialise(node: Node, dialect: Dialect = EVERYTHING) -> str:
    """The expression of a checked tree in the connected engine's ``dialect``.

    Raises:
        UnsupportedByEngine: the engine has no words for a part of it.
    """
    match node:
        case And(operands):
            return " and ".join(_operand(item, dialect, within=And) for item in operands)
        case Or(operands):
            return " or ".join(_operand(item, dialect, within=Or) for item in operands)
        case Not(inner):
            text = _unless_missing(f"not ({_condition(inner, dialect)})", node, dialect)
        case _:
            text = _unless_missing(_condition(node, dialect), node, dialect)
    return _unless_null(text, node, dialect)


def _condition(node: Node, dialect: Dialect) -> str:
    match node:
        case And() | Or() | Not():
            return serialise(node, dialect)
        case Compare():
            return _compare(node, dialect)
        case In():
            return _member(node, dialect)
        case Like(inner, pattern):
            if not dialect.infix_like and not is_prefix(pattern):
                raise unsupported(node.source, "the connected engine has prefix patterns only, such as 'ab%'")
            return f"{write_value(inner, dialect)} like {write_string(pattern, node.source)}"
        case IsNull(inner, negated):
            if not dialect.is_null:
                raise unsupported(node.source, "the connected engine has no null tests")
            return f"{write_value(inner, dialect)} is {'not ' if negated else ''}null"
        case Exists(inner):
            return f"exists {write_value(inner, dialect)}"
        case Contains():
            return _contains(node, dialect)
        case TextMatch(inner, text):
            if not dialect.text_match:
                raise unsupported(node.source, "the connected engine has no text_match")
            return f"text_match({write_value(inner, dialect)}, {write_string(text, node.source)})"
    raise invalid(node.source, "a value is no condition; compare it with something")


def _operand(node: Node, dialect: Dialect, within: type[And] | type[Or]) -> str:
    text = serialise(node, dialect)
    # To Milvus 2.3, exists takes all that follows it.
    loose = isinstance(node, Exists) or (isinstance(node, Or) and within is And)
    chained = isinstance(node, In) and _is_chained(node, dialect)
    return f"({text})" if loose or chained else text


def _is_chained(node: In, dialect: Dialect) -> bool:
    """Whether a list is written as comparisons: Milvus Lite has none on paths, and fails where a key holds an array."""
    in_json = isinstance(node.operand, Path) or (isinstance(node.operand, FieldRef) and node.operand.untyped)
    return in_json and not dialect.json_path_in and bool(node.values)


def _compare(node: Compare, dialect: Dialect) -> str:
    sides = (node.left, node.right)
    computed = any(isinstance(side, (Arithmetic, ArrayLength)) for side in sides)
    if computed and node.op in _ORDERED and not dialect.computed_order:
        raise unsupported(node.source, "the connected engine compares calculated values by == and != only")
    if computed and not isinstance(node.right, Literal):
        refuse_free_arithmetic(node.source, dialect)
    return f"{write_value(node.left, dialect)} {node.op} {write_value(node.right, dialect)}"


def _member(node: In, dialect: Dialect) -> str:
    place = write_value(node.operand, dialect)
    if _is_chained(node, dialect):
        op, joint = ("!=", " and ") if node.negated else ("==", " or ")
        return joint.join(f"{place} {op} {write_constant(value)}" for value in node.values)
    return f"{place} {'not in' if node.negated else 'in'} {write_list(node.values)}"


def _contains(node: Contains, dialect: Dialect) -> str:
    if isinstance(node.operand, Path) and node.operand.field == META and not dialect.meta_contains:
        raise unsupported(node.source, "the connected engine takes contains of a dynamic key by its bare name only")
    listed = write_list(node.values) if node.mode != "any_one" else write_constant(node.values[0])
    return f"{node.family}_contains{_SUFFIX[node.mode]}({write_value(node.operand, dialect)}, {listed})"


def _unless_null(text: str, node: Node, dialect: Dialect) -> str:
    """``text`` so that it is not true of a row whose field is null, where the engine would find it."""
    if dialect.null_is_unknown:
        return text
    match node:
        case In(FieldRef() as place, _, True) | Not(Contains(_, FieldRef() as place)):
            pass
        case Compare(_, ArrayLength(FieldRef() as place)) | Compare(_, _, ArrayLength(FieldRef() as place)):
            pass
        case _:
            return text
    return f"({text} and {write_value(place, dialect)} is not null)" if place.nullable else text


def _unless_missing(text: str, node: Node, dialect: Dialect) -> str:
    """``text`` so that it is true of a row without the key, where the engine would not know.

    A key of another type than the constant is the same to such an engine: what has no order with a number is
    taken to be a string, and the other way round.
    """
    if dialect.missing_is_false:
        return text
    match node:
        case Compare("!=", left, Literal(value)):
            other_types = isinstance(left, Arithmetic)
        case Not(Compare(_, left, Literal(value))):
            other_types = True
        case In(left, _, True) | Not(Like(left)):
            other_types, value = False, ""
        case _:
            return text
    place = left.left if isinstance(left, Arithmetic) and isinstance(left.right, Literal) else left
    place = place.right if isinstance(place, Arithmetic) else place
    if not isinstance(place, (FieldRef, Path)) or not place.untyped:
        return text
    name = write_value(place, dialect)
    also = [f"({text})" if isinstance(node, In) else text, f"not (exists {name})"]
    if other_types:
        also += [f"{name} >= 0", f"{name} < 0"] if isinstance(value, str) else [f'{name} like "%"']
    return f"({' or '.join(also)})"
