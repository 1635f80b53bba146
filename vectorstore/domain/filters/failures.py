"""How a filter error says where it is."""

from vectorstore.domain.errors import FieldError, InvalidFilter, UnsupportedByEngine
from vectorstore.domain.filters.tree import Node, Source, children

DEPTH_LIMIT = 64
"""Levels of a tree. Beyond them the engines' own recursive parsers are at risk, and so would ours be."""

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


def refuse_deep(root: Node) -> None:
    """Walks without recursion, since a hostile tree may be deeper than the interpreter's stack."""
    level: list[Node] = [root]
    for _ in range(DEPTH_LIMIT):
        level = [below for node in level for below in children(node)]
        if not level:
            return
    raise invalid(level[0].source, f"the filter is nested more than {DEPTH_LIMIT} levels deep")
