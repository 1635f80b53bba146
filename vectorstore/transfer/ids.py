"""Ids of imported rows: made from the row's number where the file has none, and found where a file has one twice."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vectorstore.domain.collection import Field
from vectorstore.domain.errors import InvalidRequest
from vectorstore.domain.models import DataType, RowId
from vectorstore.transfer.folders import room

Repeated = Any
"""An array of ``row``, ascending, and ``key``: the number of the earlier row with the same id."""

_PAIR = np.dtype([("key", "<u8"), ("row", "<i8")])
_AT_ONCE = 2_000_000
_MOST_REPEATED = 1_000_000
_MASK = (1 << 62) - 1
_FACTORS = (0x1E3779B97F4A7C15 | 1, 0x3F58476D1CE4E5B9 | 1)


def derived(seed: str, rows: Sequence[int], primary: Field) -> list[RowId]:
    """The id of each row number, the same whenever it is asked for; no two rows of one ``seed`` share one.

    Integers have 62 bits (each step is reversible within them), strings are UUIDs of version 8.
    """
    if primary.type is DataType.INT64:
        start = int.from_bytes(hashlib.blake2b(seed.encode(), digest_size=8).digest(), "little")
        return [_mixed(start + row) for row in rows]
    key = hashlib.blake2b(seed.encode(), digest_size=32).digest()
    return [_uuid(hashlib.blake2b(str(row).encode(), digest_size=16, key=key).hexdigest()) for row in rows]


def _mixed(value: int) -> int:
    value &= _MASK
    for factor in _FACTORS:
        value ^= value >> 31
        value = value * factor & _MASK
    return value ^ (value >> 31)


def _uuid(text: str) -> str:
    return f"{text[:8]}-{text[8:12]}-8{text[13:16]}-{'89ab'[int(text[16], 16) & 3]}{text[17:20]}-{text[20:]}"


class Seen:
    """The ids of a file's rows, on disk. Strings are told apart by 64 bits of a hash."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, ids: Sequence[RowId], rows: Any) -> None:
        """``rows`` are the numbers of the rows, of shape (len(ids),)."""
        found = np.empty(len(ids), _PAIR)
        found["row"] = rows
        if ids and isinstance(ids[0], int):
            found["key"] = np.asarray(ids, np.int64).view(np.uint64)
        else:
            digests = b"".join(hashlib.blake2b(str(each).encode(), digest_size=8).digest() for each in ids)
            found["key"] = np.frombuffer(digests, "<u8")
        with room(), self._path.open("ab") as file:
            file.write(found.tobytes())

    def cut(self, count: int) -> None:
        """Forget all but the first ``count``."""
        with self._path.open("ab") as file:
            file.truncate(count * _PAIR.itemsize)

    @property
    def count(self) -> int:
        return self._path.stat().st_size // _PAIR.itemsize if self._path.exists() else 0

    def repeated(self) -> Repeated:
        """The rows whose id an earlier row has; a bounded part of the ids is held in memory at once.

        Raises:
            InvalidRequest: there are more than a million of them.
        """
        count = self.count
        parts = -(-count // _AT_ONCE)
        found, total = [np.empty(0, _PAIR)], 0
        whole = np.memmap(self._path, _PAIR, "r") if count else np.empty(0, _PAIR)
        for part in range(parts):
            blocks = (whole[start : start + _AT_ONCE] for start in range(0, count, _AT_ONCE))
            found.append(_repeated(np.concatenate([block[_part_of(block["key"], parts) == part] for block in blocks])))
            total += len(found[-1])
            if total > _MOST_REPEATED:
                raise InvalidRequest(f"More than {_MOST_REPEATED} rows of the file have an id that an earlier row has.")
        return np.sort(np.concatenate(found), order="row")


def _part_of(keys: Any, parts: int) -> Any:
    with np.errstate(over="ignore"):
        return ((keys * np.uint64(_FACTORS[0])) >> np.uint64(32)) % np.uint64(parts)


def _repeated(pairs: Any) -> Any:
    """Pairs of a row and, as ``key``, the earlier row with its id."""
    ordered = pairs[np.lexsort((pairs["row"], pairs["key"]))]
    again = np.flatnonzero(ordered["key"][1:] == ordered["key"][:-1]) + 1
    found = np.empty(len(again), _PAIR)
    found["row"], found["key"] = ordered["row"][again], ordered["row"][again - 1].astype(np.uint64)
    return found
