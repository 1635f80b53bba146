"""Builds the tree while the parser reads: one method for each rule of the grammar."""

from collections.abc import Callable
from typing import Any, cast

from lark import Token, Transformer

from vectorstore.domain.filters import tree
from vectorstore.domain.filters.failures import invalid
from vectorstore.domain.filters.literals import read_list, read_number, read_string
from vectorstore.domain.filters.tree import CompareOp, ContainsFamily, ContainsMode, Node, Scalar

_CONTAINS: dict[str, tuple[ContainsFamily, ContainsMode]] = {
    "json_contains": ("json", "any_one"),
    "json_contains_all": ("json", "all"),
    "json_contains_any": ("json", "any"),
    "array_contains": ("array", "any_one"),
    "array_contains_all": ("array", "all"),
    "array_contains_any": ("array", "any"),
}
FUNCTIONS = (*_CONTAINS, "array_length", "text_match")


class Listed(tree.Node):
    """A list among the arguments of a function; it never stays in a tree."""

    __slots__ = ("values",)

    def __init__(self, values: tuple[Scalar, ...], source: int) -> None:
        super().__init__(source=source)
        object.__setattr__(self, "values", values)

    values: tuple[Scalar, ...]


_VALUES = (tree.Literal, tree.FieldRef, tree.Path, tree.Arithmetic, tree.ArrayLength)


def _column(token: Token) -> int:
    return (token.start_pos or 0) + 1


def _value(node: Node, column: int) -> Node:
    """``node``, unless it is a condition. A chain has its middle twice, so chains in chains would grow without end."""
    if not isinstance(node, _VALUES):
        raise invalid(column, "a condition is no value; compare fields and constants")
    return node


class Builder(Transformer[Token, Node]):
    """Called by Lark with the children of each rule, leaves first."""

    def start(self, items: list[Node]) -> Node:
        return items[0]

    def any_of(self, items: list[Node]) -> Node:
        return tree.any_of(items, items[0].source)

    def all_of(self, items: list[Node]) -> Node:
        return tree.all_of(items, items[0].source)

    def negate(self, items: list[Any]) -> Node:
        return tree.Not(items[1], source=_column(items[0]))

    def exists(self, items: list[Any]) -> Node:
        return tree.Exists(items[1], source=_column(items[0]))

    def compare(self, items: list[Any]) -> Node:
        left, op, right = items
        column = _column(op)
        return tree.Compare(cast(CompareOp, str(op)), _value(left, column), _value(right, column), source=column)

    def chain(self, items: list[Any]) -> Node:
        low, first, middle, second, high = items
        if first[0] != second[0] or first[0] not in "<>":
            raise invalid(_column(second), "a chain of comparisons runs one way, such as 1 < x <= 4")
        both = (self.compare([low, first, middle]), self.compare([middle, second, high]))
        return tree.And(both, source=_column(first))

    def member(self, items: list[Any]) -> Node:
        operand, values = items
        return tree.In(operand, read_list(values, _column(values)), source=_column(values))

    def not_member(self, items: list[Any]) -> Node:
        operand, _, values = items
        return tree.In(operand, read_list(values, _column(values)), True, source=_column(values))

    def like(self, items: list[Any]) -> Node:
        operand, pattern = items
        column = _column(pattern)
        return tree.Like(operand, read_string(pattern, column), source=column)

    def is_null(self, items: list[Any]) -> Node:
        return tree.IsNull(items[0], source=items[0].source)

    def is_not_null(self, items: list[Any]) -> Node:
        return tree.IsNull(items[0], True, source=items[0].source)

    def arithmetic(self, items: list[Any]) -> Node:
        left, op, right = items
        column, name = _column(op), cast(tree.ArithmeticOp, str(op))
        return tree.Arithmetic(name, _value(left, column), _value(right, column), source=column)

    def number(self, items: list[Token]) -> Node:
        column = _column(items[0])
        return tree.Literal(read_number(items[0], column), source=column)

    def signed(self, items: list[Token]) -> Node:
        sign, digits = items
        return tree.Literal(read_number(digits, _column(digits), sign), source=_column(sign))

    def string(self, items: list[Token]) -> Node:
        column = _column(items[0])
        return tree.Literal(read_string(items[0], column), source=column)

    def boolean(self, items: list[Token]) -> Node:
        return tree.Literal(items[0].lower() == "true", source=_column(items[0]))

    def name(self, items: list[Token]) -> Node:
        return tree.FieldRef(str(items[0]), source=_column(items[0]))

    def path(self, items: list[Any]) -> Node:
        base, *keys = items
        return tree.Path(str(base), tuple(keys), source=_column(base))

    def subscript(self, items: list[Token]) -> str | int:
        token = items[0]
        column = _column(token)
        if token.type == "STRING":
            return read_string(token, column)
        index = read_number(token, column)
        if not isinstance(index, int):
            raise invalid(column, "an index is a whole number")
        return index

    def listed(self, items: list[Token]) -> Node:
        return Listed(read_list(items[0], _column(items[0])), _column(items[0]))

    def call(self, items: list[Any]) -> Node:
        function, *arguments = items
        column, name = _column(function), function.lower()
        build: Callable[[list[Node], int], Node] | None = {
            "array_length": self._length,
            "text_match": self._text_match,
        }.get(name)
        if build:
            return build(arguments, column)
        if name not in _CONTAINS:
            raise invalid(column, f"there is no function {function[:40]}; there are {', '.join(FUNCTIONS)}")
        family, mode = _CONTAINS[name]
        match arguments:
            case [operand, tree.Literal(value)] if mode == "any_one" and not isinstance(operand, Listed):
                return tree.Contains(mode, operand, (value,), family, source=column)
            case [operand, Listed() as listed] if mode != "any_one" and not isinstance(operand, Listed):
                return tree.Contains(mode, operand, listed.values, family, source=column)
        value = "one value" if mode == "any_one" else "a list of values"
        raise invalid(column, f"{name} takes a field or a path and {value}")

    def _length(self, arguments: list[Node], column: int) -> Node:
        match arguments:
            case [tree.FieldRef() | tree.Path() as operand]:
                return tree.ArrayLength(operand, source=column)
        raise invalid(column, "array_length takes one field or path")

    def _text_match(self, arguments: list[Node], column: int) -> Node:
        match arguments:
            case [tree.FieldRef() as operand, tree.Literal(str() as text)]:
                return tree.TextMatch(operand, text, source=column)
        raise invalid(column, "text_match takes a VARCHAR field and a string")
