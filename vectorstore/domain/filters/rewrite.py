"""A filter said in fewer and cheaper conditions. It finds the same rows; one that can find none is recognised.

What ``check`` gives has negations at single conditions only. Between ``and`` and ``or`` alone, a condition that is
unknown because of a null makes the same difference as one that is false, so that none of this asks which it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from vectorstore.domain.collection import Collection
from vectorstore.domain.filters.dialect import Dialect
from vectorstore.domain.filters.ranges import Place, Together, all_on, any_on, comparable, constrained, place_of
from vectorstore.domain.filters.tree import (
    And,
    Arithmetic,
    ArrayLength,
    Contains,
    Exists,
    FieldRef,
    Like,
    Node,
    Or,
    Path,
    TextMatch,
    children,
)
from vectorstore.domain.filters.values import write_value


@dataclass(frozen=True, slots=True)
class Rewritten:
    """``node`` is None where nothing is left to ask: no row meets the filter (``nothing``), or every one does.

    ``done`` says in words what was changed.
    """

    node: Node | None
    nothing: bool = False
    done: tuple[str, ...] = ()


def rewrite(node: Node, schema: Collection) -> Rewritten:
    """A checked filter with the same meaning for every row of ``schema``, nulls and missing keys included."""
    rewriter = _Rewriter(schema)
    made = rewriter.condition(node)
    done = tuple(rewriter.done)
    if isinstance(made, bool):
        return Rewritten(None, not made, done)
    return Rewritten(made, False, done)


class _Rewriter:
    def __init__(self, schema: Collection) -> None:
        self._schema = schema
        self._places: dict[Node, Place] = {}
        self.done: dict[str, None] = {}

    def condition(self, node: Node) -> Node | bool:
        """The condition rewritten; True where every row meets it, False where none does."""
        match node:
            case And(operands):
                return self._joined(node, operands, conjunctive=True)
            case Or(operands):
                return self._joined(node, operands, conjunctive=False)
        place = constrained(node)
        if place is None:
            return node
        made = self._together(place, [node], conjunctive=True)
        if isinstance(made, bool):
            return made
        return made[0] if len(made) == 1 else And(tuple(made), source=node.source)

    def _joined(self, node: Node, operands: Sequence[Node], *, conjunctive: bool) -> Node | bool:
        kind: type[And] | type[Or] = And if conjunctive else Or
        parts: list[Node] = []
        for operand in operands:
            made = self.condition(operand)
            if made is not conjunctive and isinstance(made, bool):
                return made  # one that is false decides an and, one that is true an or
            if isinstance(made, Node):
                parts.extend(made.operands if isinstance(made, kind) else (made,))
        parts = self._distinct(parts, Or if conjunctive else And)
        together = self._by_place(parts, conjunctive=conjunctive)
        if isinstance(together, bool):
            return together
        parts = sorted(together, key=_cost)
        if not all(before is after for before, after in zip(together, parts, strict=True)):
            self._note("moved cheap conditions to the front")
        if not parts:
            return conjunctive
        return parts[0] if len(parts) == 1 else kind(tuple(parts), source=node.source)

    def _distinct(self, parts: list[Node], other: type[And] | type[Or]) -> list[Node]:
        """Each once, and none that another one implies: ``a and (a or b)`` is ``a``, and ``a or (a and b)`` too."""
        if len(parts) < 2:
            return parts
        # Not by equality: in Python a list of true equals a list of 1.
        each: dict[str, Node] = {}
        for part in parts:
            each.setdefault(repr(part), part)
        if len(each) < len(parts):
            self._note("left out a repeated condition")
        implied = {
            key
            for key, part in each.items()
            if isinstance(part, other) and any(repr(item) in each for item in part.operands)
        }
        if implied:
            self._note("left out a condition that another one implies")
        return [part for key, part in each.items() if key not in implied]

    def _by_place(self, parts: list[Node], *, conjunctive: bool) -> Together:
        """Comparisons and lists on one place together, where the first of them stood."""
        groups: dict[Node, list[Node]] = {}
        for part in parts:
            place = constrained(part)
            if place is not None:
                groups.setdefault(place, []).append(part)
        found: list[Node] = []
        simpler: dict[Node, list[Node]] = {}
        for place, group in groups.items():
            made = self._together(place, group, conjunctive=conjunctive) if len(group) > 1 else group
            if isinstance(made, bool) and made is not conjunctive:
                return made
            if made is not group:
                simpler[place] = [] if isinstance(made, bool) else made
        for part in parts:
            place = constrained(part)
            if place in simpler:
                found += simpler[place]
                simpler[place] = []
            else:
                found.append(part)
        return found

    def _together(self, node: Node, parts: list[Node], *, conjunctive: bool) -> Together:
        if node not in self._places:
            self._places[node] = place_of(node, self._schema)
        place = self._places[node]
        if not comparable(place, parts):
            return parts
        made = all_on(place, parts) if conjunctive else any_on(place, parts)
        name = write_value(node, _WORDS)
        if isinstance(made, bool):
            self._note(f"{'every' if made else 'no'} row meets the conditions on {name}")
            return made
        if len(made) == len(parts) and all(one in parts for one in made):
            return parts
        self._note(f"simplified the conditions on {name}")
        return made

    def _note(self, what: str) -> None:
        self.done[what] = None


_WORDS = Dialect()


def _cost(node: Node) -> int:
    """What a condition costs for each row, in steps: a field, a pattern or an element, an array, JSON."""
    own = 0
    match node:
        case FieldRef() | Path() if node.untyped:
            own = 3
        case Like() | ArrayLength() | Arithmetic() | Path():
            own = 1
        case Contains() | TextMatch() | Exists():
            own = 2
    return own + max((_cost(child) for child in children(node)), default=0)
