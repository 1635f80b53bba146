"""What is said of a request in a profile: its shape and its plan, with ``?`` for every value."""

import re
from collections.abc import Iterable
from typing import Any

from vectorstore.domain.filters.tree import META, FieldRef, Node, Path, children

_VALUE = re.compile(r'"?hmac:[0-9a-f]{16}"?')
_LIST = re.compile(r'\[\?(?:, (?:\?|"and \d+ more"))+\]')
_BOUNDS = ("radius", "range_filter")
_CLASSES = (10, 100, 1_000, 10_000)


def without_values(recorded: Any) -> Any:
    """The parameters of a request as the audit log has them, without the digests that stand for its values there.

    Requests that differ only in values become the same; of a list of values there is one left.
    """
    if isinstance(recorded, str):
        return _LIST.sub("[?]", _VALUE.sub("?", recorded))
    if isinstance(recorded, dict):
        return {name: "?" if name in _BOUNDS else without_values(value) for name, value in recorded.items()}
    if isinstance(recorded, list):
        return [without_values(item) for item in recorded]
    return recorded


def size_class(number: int) -> str:
    """``1–10``, ``11–100`` and so on: requests for about as much are of one shape."""
    low = 0
    for high in _CLASSES:
        if number <= high:
            return f"{low + 1:,}–{high:,}" if low else f"1–{high}"
        low = high
    return f"more than {low:,}"


def filter_fields(nodes: Iterable[Node | None]) -> list[str]:
    """The fields that filters look at, by name; of a path into JSON the field, or the dynamic key."""
    found: set[str] = set()
    left = [node for node in nodes if node is not None]
    while left:
        node = left.pop()
        if isinstance(node, FieldRef):
            found.add(node.name)
        elif isinstance(node, Path):
            found.add(str(node.keys[0]) if node.field == META else node.field)
        left.extend(children(node))
    return sorted(found)
