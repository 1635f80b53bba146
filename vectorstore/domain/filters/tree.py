"""The syntax tree of a filter: plain values, compared by what they say and not by where it was written."""

from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import field as made_by
from typing import Literal as OneOf

Source = int | str | None
"""Where a node was written: a 1-based column of the text, or a JSON pointer into the object form."""

Scalar = bool | int | float | str
CompareOp = OneOf["==", "!=", "<", "<=", ">", ">="]
ArithmeticOp = OneOf["+", "-", "*", "/", "%"]
ContainsMode = OneOf["any_one", "all", "any"]
ContainsFamily = OneOf["json", "array"]

META = "$meta"
"""The engine's own name for the field that keeps a row's dynamic keys."""


@dataclass(frozen=True, slots=True)
class Node:
    source: Source = made_by(default=None, compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True, eq=False)
class Literal(Node):
    """A constant. Unlike in Python, ``true``, ``1`` and ``1.0`` are three different constants."""

    value: Scalar

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Literal):
            return NotImplemented
        return type(self.value) is type(other.value) and self.value == other.value

    def __hash__(self) -> int:
        return hash((type(self.value), self.value))


@dataclass(frozen=True, slots=True)
class FieldRef(Node):
    """A field of the schema or, where the schema has none of that name, a dynamic key.

    ``untyped``, set by ``check``: the value is in JSON, so that only the row knows its type. ``nullable``, set by
    ``check``: rows may have null there.
    """

    name: str
    untyped: bool = made_by(default=False, compare=False, repr=False, kw_only=True)
    nullable: bool = made_by(default=False, compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Path(Node):
    """``json["k"][0]``, ``array[0]``, or ``$meta["k"]`` where ``field`` is ``$meta``."""

    field: str
    keys: tuple[str | int, ...]
    untyped: bool = made_by(default=False, compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Arithmetic(Node):
    op: ArithmeticOp
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class ArrayLength(Node):
    operand: Node


@dataclass(frozen=True, slots=True)
class Compare(Node):
    op: CompareOp
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class In(Node):
    operand: Node
    values: tuple[Scalar, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Like(Node):
    """``%`` stands for any characters, ``_`` for one, a backslash takes the next character as itself."""

    operand: Node
    pattern: str


@dataclass(frozen=True, slots=True)
class IsNull(Node):
    operand: Node
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Exists(Node):
    operand: Node


@dataclass(frozen=True, slots=True)
class Contains(Node):
    """``json_contains`` and ``array_contains`` (``any_one``), ``…_contains_all``, ``…_contains_any``."""

    mode: ContainsMode
    operand: Node
    values: tuple[Scalar, ...]
    family: ContainsFamily = "json"


@dataclass(frozen=True, slots=True)
class TextMatch(Node):
    operand: Node
    text: str


@dataclass(frozen=True, slots=True)
class And(Node):
    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or(Node):
    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not(Node):
    operand: Node


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly below."""
    match node:
        case And(operands) | Or(operands):
            return operands
        case Compare(_, left, right) | Arithmetic(_, left, right):
            return (left, right)
        case Not() | In() | Like() | IsNull() | Exists() | Contains() | TextMatch() | ArrayLength():
            return (node.operand,)
    return ()


def all_of(nodes: Iterable[Node], source: Source = None) -> Node:
    """Their conjunction in one flat node; a single one is itself."""
    flat: list[Node] = []
    for node in nodes:
        flat.extend(node.operands if isinstance(node, And) else (node,))
    return flat[0] if len(flat) == 1 else And(tuple(flat), source=source)


def any_of(nodes: Iterable[Node], source: Source = None) -> Node:
    """Their disjunction in one flat node; a single one is itself."""
    flat: list[Node] = []
    for node in nodes:
        flat.extend(node.operands if isinstance(node, Or) else (node,))
    return flat[0] if len(flat) == 1 else Or(tuple(flat), source=source)


def conjunction(*nodes: Node | None) -> Node | None:
    """All of them together; None stands for "no condition" and drops out. None if nothing is left."""
    present = [node for node in nodes if node is not None]
    return all_of(present) if present else None
