"""Tree to text: the only place where an expression for Milvus is written."""

import re

from vectorstore.domain.filters.dialect import Dialect
from vectorstore.domain.filters.failures import invalid, unsupported
from vectorstore.domain.filters.literals import write_number, write_string
from vectorstore.domain.filters.operands import is_plain_name
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
    Scalar,
    TextMatch,
)

EVERYTHING = Dialect()
_SUFFIX = {"any_one": "", "all": "_all", "any": "_any"}
_PREFIX_PATTERN = re.compile(r"(?:[^%_\\]|\\.)*%?", re.DOTALL)


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
            return f"not ({serialise(inner, dialect)})"
        case Compare(op, left, right):
            return f"{_value(left, dialect)} {op} {_value(right, dialect)}"
        case In():
            return _member(node, dialect)
        case Like(inner, pattern):
            if not dialect.infix_like and not _PREFIX_PATTERN.fullmatch(pattern):
                raise unsupported(node.source, "the connected engine has prefix patterns only, such as 'ab%'")
            return f"{_value(inner, dialect)} like {write_string(pattern, node.source)}"
        case IsNull(inner, negated):
            if not dialect.is_null:
                raise unsupported(node.source, "the connected engine has no null tests")
            return f"{_value(inner, dialect)} is {'not ' if negated else ''}null"
        case Exists(inner):
            return f"exists {_value(inner, dialect)}"
        case Contains(mode, inner, values, family):
            listed = _list(values) if mode != "any_one" else _constant(values[0])
            return f"{family}_contains{_SUFFIX[mode]}({_value(inner, dialect)}, {listed})"
        case TextMatch(inner, text):
            if not dialect.text_match:
                raise unsupported(node.source, "the connected engine has no text_match")
            return f"text_match({_value(inner, dialect)}, {write_string(text, node.source)})"
    raise invalid(node.source, "a value is no condition; compare it with something")


def _operand(node: Node, dialect: Dialect, within: type[And] | type[Or]) -> str:
    text = serialise(node, dialect)
    # To Milvus 2.3, exists takes all that follows it.
    loose = isinstance(node, Exists) or (isinstance(node, Or) and within is And)
    # A list on a path may be written as a chain of comparisons.
    chained = isinstance(node, In) and isinstance(node.operand, Path) and not dialect.json_path_in
    return f"({text})" if loose or chained else text


def _member(node: In, dialect: Dialect) -> str:
    if isinstance(node.operand, Path) and not dialect.json_path_in and node.values:
        place = _value(node.operand, dialect)
        op, joint = ("!=", " and ") if node.negated else ("==", " or ")
        return joint.join(f"{place} {op} {_constant(value)}" for value in node.values)
    return f"{_value(node.operand, dialect)} {'not in' if node.negated else 'in'} {_list(node.values)}"


def _value(node: Node, dialect: Dialect) -> str:
    match node:
        case Literal(value):
            return _constant(value)
        case FieldRef(name):
            return name if is_plain_name(name) else f"{META}[{write_string(name)}]"
        case Path(name, keys):
            inner = "".join(f"[{write_string(key) if isinstance(key, str) else key}]" for key in keys)
            if name == META or is_plain_name(name):
                return name + inner
            raise invalid(node.source, f"{name[:255]!r} is no name of a field")
        case ArrayLength(inner_node):
            return f"array_length({_value(inner_node, dialect)})"
        case Arithmetic(op, left, right):
            if op == "%" and not dialect.modulo:
                raise unsupported(node.source, "the connected engine has no remainder operator %")
            sides = (_value(left, dialect), _value(right, dialect))
            left_text, right_text = (
                f"({text})" if isinstance(side, Arithmetic) else text
                for text, side in zip(sides, (left, right), strict=True)
            )
            return f"{left_text} {op} {right_text}"
    raise invalid(node.source, "a condition is no value; compare fields and constants")


def _constant(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return write_string(value) if isinstance(value, str) else write_number(value)


def _list(values: tuple[Scalar, ...]) -> str:
    return f"[{', '.join(_constant(value) for value in values)}]"
