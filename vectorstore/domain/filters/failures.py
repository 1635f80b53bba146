"""How a filter error says where it is."""

from vectorstore.domain.errors import FieldError, InvalidFilter, UnsupportedByEngine
from vectorstore.domain.filters.tree import Node, Source, children

DEPTH_LIMIT = 64
"""Levels of a tree. Beyond them the engines' own recursive parsers are at risk, and so would ours be."""

PART_LIMIT = 1_000
"""Words and signs of a text, or nodes of a tree; a list and a string are one each. Reading that many takes 12 ms, and
while Python reads it serves nobody else."""

PATTERN_LIMIT = 4_096
"""Characters of a pattern of like."""

LIST_LIMIT = 16_384
"""Values in one list."""


def invalid(source: Source, detail: str) -> InvalidFilter:
    """A filter error at a column of the text or at a pointer into the object form."""
    place, message = _place(source, detail)
    return InvalidFilter(message, errors=(FieldError(place, InvalidFilter.code, message),))


def unsupported(source: Source, detail: str) -> UnsupportedByEngine:
    """A sound filter that the connected engine has no words for."""
    place, message = _place(source, detail)
    return UnsupportedByEngine(message, errors=(FieldError(place, UnsupportedByEngine.code, message),))


def _place(source: Source, detail: str) -> tuple[str, str]:
    if isinstance(source, str):
        return source, detail
    return "/filter", detail if source is None else f"column {source}: {detail}"


def too_large(source: Source) -> InvalidFilter:
    """The error of a filter with more than ``PART_LIMIT`` parts."""
    return invalid(source, f"the filter has more than {PART_LIMIT} parts; give many values as a list, with in")


def refuse_deep(root: Node) -> None:
    """Refuse what is nested too deeply or has too many parts.

    Walks without recursion, since a hostile tree may be deeper than the interpreter's stack.
    """
    level: list[Node] = [root]
    parts = 0
    for _ in range(DEPTH_LIMIT):
        parts += len(level)
        if parts > PART_LIMIT:
            raise too_large(root.source)
        level = [below for node in level for below in children(node)]
        if not level:
            return
    raise invalid(level[0].source, f"the filter is nested more than {DEPTH_LIMIT} levels deep")
