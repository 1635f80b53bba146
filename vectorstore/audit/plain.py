"""Making any value one that the chain and both databases hold unchanged.

Strings without NUL and lone surrogates, integers that JSON keeps exactly, booleans, null, lists, and maps with
ASCII keys: of these, JSON with sorted keys is RFC 8785.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from typing import Any

from django.db.models import CharField

from vectorstore.audit.entry import Entry
from vectorstore.models import AuditRecord

MOST = 2**53 - 1
"""The largest integer that RFC 8785 has."""
_DEPTH = 16


def columns_of(entry: Entry) -> dict[str, Any]:
    """Every column that the entry gives, in the form in which it is kept and hashed. Never raises."""
    ts = entry.ts if entry.ts.tzinfo else entry.ts.replace(tzinfo=UTC)
    columns: dict[str, Any] = {name: text(getattr(entry, name))[:length] for name, length in _texts()}
    columns["ts"] = ts.astimezone(UTC)
    columns["ids"] = None if entry.ids is None else max(-MOST, min(int(entry.ids), MOST))
    columns["allowed"] = bool(entry.allowed)
    columns["grants"] = plain(entry.grants)
    columns["parameters"] = plain(entry.parameters)
    columns["result"] = plain(entry.result)
    return columns


@cache
def _texts() -> tuple[tuple[str, int], ...]:
    """The text columns and how many characters each holds."""
    fields = (field for field in AuditRecord._meta.concrete_fields if isinstance(field, CharField))
    return tuple((field.name, field.max_length or 0) for field in fields if field.name not in ("prev_hash", "hash"))


def text(value: object) -> str:
    """As text that both databases keep."""
    found = value if type(value) is str else str(value)
    if "\0" in found:
        found = found.replace("\0", "\ufffd")
    if found.isascii():
        return found
    try:
        found.encode()
    except UnicodeEncodeError:
        return found.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return found


def plain(value: object, depth: int = 0) -> Any:
    """As the chain holds it."""
    if value is None or value is True or value is False:
        return value
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, str):
        return text(value)
    if isinstance(value, int):
        return _integer(int(value))
    if depth > _DEPTH:
        return "…"
    if isinstance(value, Mapping):
        return {_key(key): plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item, depth + 1) for item in _ordered(value)]
    if isinstance(value, float):
        return repr(float(value))
    return value.isoformat() if isinstance(value, datetime) else type(value).__name__


def _integer(value: int) -> int | str:
    if -MOST <= value <= MOST:
        return value
    return str(value) if value.bit_length() <= 256 else f"an integer of {value.bit_length()} bits"


def _key(key: object) -> str:
    return text(key).encode("ascii", "backslashreplace").decode()


def _ordered(value: Iterable[object]) -> Iterable[object]:
    return sorted(value, key=str) if isinstance(value, (set, frozenset)) else value
