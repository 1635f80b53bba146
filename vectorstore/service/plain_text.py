"""Text that is put on record."""

from dataclasses import asdict
from typing import Any

from vectorstore.domain.errors import InvalidRequest


def refuse_nul(request: Any) -> None:
    """Raises InvalidRequest where a text of the request holds U+0000, which PostgreSQL cannot keep.

    Args:
        request: a dataclass of the contract.
    """
    pointer = _find(asdict(request), "")
    if pointer is not None:
        raise InvalidRequest.at(pointer, "the text holds the character U+0000, which cannot be kept")


def _find(value: Any, pointer: str) -> str | None:
    if isinstance(value, str):
        return pointer if "\0" in value else None
    if isinstance(value, dict):
        pairs = list(value.items())
        if any("\0" in key for key, _ in pairs):
            return pointer
    elif isinstance(value, list | tuple):
        pairs = [(str(index), item) for index, item in enumerate(value)]
    else:
        return None
    for key, item in pairs:
        found = _find(item, f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}")
        if found is not None:
            return found
    return None
