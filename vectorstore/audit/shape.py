"""Values that may not be recorded, made into what can be compared and not read."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import orjson
from django.utils.crypto import salted_hmac

from vectorstore.domain.errors import VectorStoreError
from vectorstore.domain.filters import from_object, parse, serialise
from vectorstore.domain.filters.failures import refuse_deep
from vectorstore.domain.filters.tree import (
    And,
    Arithmetic,
    Compare,
    Contains,
    In,
    Like,
    Literal,
    Node,
    Not,
    Or,
    Scalar,
    TextMatch,
)

_CACHED = 4_096
"""Characters of a filter whose shape is remembered."""
_MOST_VALUES = 16
_MOST_CHARACTERS = 8_192


def digest(text: str) -> str:
    """16 hexadecimal digits that only who has the secret key can compute: ``manage.py audit_hash`` prints them."""
    # Half a surrogate pair has no bytes; whatever stands for it is the same each time.
    raw = text.encode(errors="replace")
    return salted_hmac("vectorstore.audit.literal", raw, algorithm="sha256").hexdigest()[:16]


def hidden(value: object) -> str:
    """``hmac:`` and the digest of a value, of numbers and booleans as JSON writes them."""
    if isinstance(value, bool):
        return f"hmac:{digest('true' if value else 'false')}"
    return f"hmac:{digest(value if isinstance(value, str) else repr(value))}"


def shape_of_text(text: str) -> Any:
    """A filter with its literals hidden; ``{"unparsed": …}`` where it is none."""
    return _remembered(text) if len(text) <= _CACHED else _shape_of_text(text)


def _shape_of_text(text: str) -> Any:
    if not text.strip():
        return ""
    try:
        return _written(parse(text))
    except VectorStoreError:
        return {"unparsed": hidden(text)}


_remembered = lru_cache(maxsize=1_024)(_shape_of_text)


def shape_of_object(filters: Mapping[str, Any]) -> Any:
    """The same of the object form: the text that it amounts to."""
    try:
        text = orjson.dumps(filters).decode()
    except (TypeError, ValueError):
        return {"unparsed": hidden(repr(filters))}
    return _remembered_object(text) if len(text) <= _CACHED else _shape_of_object(text)


def _shape_of_object(text: str) -> Any:
    try:
        node = from_object(orjson.loads(text))
        refuse_deep(node)
        return _written(node)
    except VectorStoreError:
        return {"unparsed": hidden(text)}


_remembered_object = lru_cache(maxsize=1_024)(_shape_of_object)


def _written(node: Node) -> str:
    text = serialise(_veiled(node))
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}… {hidden(text)}"


def _veiled(node: Node) -> Node:
    match node:
        case And(operands) | Or(operands):
            return replace(node, operands=tuple(map(_veiled, operands)))
        case Not(operand):
            return replace(node, operand=_veiled(operand))
        case Compare(_, left, right) | Arithmetic(_, left, right):
            return replace(node, left=_veiled(left), right=_veiled(right))
        case Literal(value):
            return Literal(hidden(value))
        case In(_, values) | Contains(_, _, values):
            return replace(node, values=_few(values))
        case Like(_, pattern):
            return replace(node, pattern=hidden(pattern))
        case TextMatch(_, text):
            return replace(node, text=hidden(text))
    return node


def _few(values: tuple[Scalar, ...]) -> tuple[Scalar, ...]:
    shown = tuple(map(hidden, values[:_MOST_VALUES]))
    rest = len(values) - len(shown)
    return (*shown, f"and {rest} more") if rest > 0 else shown
