"""``like``: the pattern in a form that every engine reads alike.

Milvus 2.3 has prefixes only, takes ``_`` and backslashes in them literally, and finds every row by an empty
pattern. So whatever can be said by comparisons is.
"""

import re

from vectorstore.domain.filters.failures import invalid
from vectorstore.domain.filters.tree import Compare, CompareOp, Like, Literal, Node, all_of

_PIECE = re.compile(r"\\(.)|([%_])|([^\\%_]+)", re.DOTALL)
_SPECIAL = re.compile(r"[%_\\]")
_LAST = 0x10FFFF


def plain_pattern(node: Like) -> Node:
    """The same condition as a comparison, a range, or a pattern with as few escapes as possible."""
    pieces = _pieces(node)
    wild = [piece for piece, special in pieces if special]
    literal = "".join(piece for piece, special in pieces if not special)
    if not wild:
        return _compare("==", node, literal)
    if wild == ["%"] and pieces[-1][1]:
        if not _SPECIAL.search(literal):
            return Like(node.operand, f"{literal}%", source=node.source)
        beyond = _successor(literal)
        low = _compare(">=", node, literal)
        return low if beyond is None else all_of((low, _compare("<", node, beyond)), node.source)
    pattern = "".join(piece if special else _SPECIAL.sub(r"\\\g<0>", piece) for piece, special in pieces)
    return Like(node.operand, pattern, source=node.source)


def is_prefix(pattern: str) -> bool:
    """Whether a pattern made by :func:`plain_pattern` is one that all engines have."""
    return pattern.endswith("%") and not _SPECIAL.search(pattern[:-1])


def _pieces(node: Like) -> list[tuple[str, bool]]:
    """Runs of literal text and wildcards (marked), with escapes taken away and ``%%`` made one."""
    pieces: list[tuple[str, bool]] = []
    position = 0
    for match in _PIECE.finditer(node.pattern):
        position = match.end()
        escaped, wild, text = match.groups()
        piece = (wild or escaped or text, wild is not None)
        if pieces and not piece[1] and not pieces[-1][1]:
            piece = (pieces.pop()[0] + piece[0], False)
        if piece != ("%", True) or not pieces or pieces[-1] != piece:
            pieces.append(piece)
    if position != len(node.pattern):
        raise invalid(node.source, "the pattern ends in a backslash; a literal one is written twice")
    return pieces


def _compare(op: CompareOp, node: Like, value: str) -> Node:
    return Compare(op, node.operand, Literal(value, source=node.source), source=node.source)


def _successor(text: str) -> str | None:
    """The smallest string, in the order of UTF-8 bytes, above all that begin with ``text``."""
    for end in range(len(text), 0, -1):
        code = ord(text[end - 1])
        if code < _LAST:
            return text[: end - 1] + chr(0xE000 if code == 0xD7FF else code + 1)
    return None
