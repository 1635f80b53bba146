"""The rows that an import leaves out, as NDJSON: number, what is wrong by column, and the row."""

import base64
import shutil
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from vectorstore.transfer.checking import Fault
from vectorstore.transfer.columns import plain_rows
from vectorstore.transfer.folders import whole_file
from vectorstore.transfer.readers import Bad, Piece


class Rejects:
    """One file for each piece, so that a repeated piece repeats its own; joined at the end."""

    NAME = "rejects.ndjson"

    def __init__(self, home: Path) -> None:
        self._home = home

    def write(self, number: int, faults: list[Fault], piece: Piece) -> None:
        """The faults of one piece, by row."""
        by_row: dict[int, list[Fault]] = {}
        for fault in faults:
            by_row.setdefault(fault.row, []).append(fault)
        with whole_file(self._home / f"rejects-{number:08d}") as file:
            for row, found in sorted(by_row.items()):
                errors = [{"column": fault.column, "reason": fault.reason} for fault in found]
                file.write(_dumped({"row": row, "errors": errors, "data": _read(piece, row)}) + b"\n")

    def join(self) -> None:
        """Make the file of all rejects."""
        parts = sorted(self._home.glob("rejects-*"))
        with whole_file(self._home / self.NAME) as whole:
            for part in parts:
                with part.open("rb") as file:
                    shutil.copyfileobj(file, whole)
        for part in parts:
            part.unlink()


def _read(piece: Piece, row: int) -> Any:
    """The row as it was read."""
    index = row - piece.first
    if isinstance(piece.rows, pa.RecordBatch):
        return plain_rows(piece.rows.slice(index, 1))[0]
    found = piece.rows[index]
    return found.text if isinstance(found, Bad) else found


def _dumped(told: dict[str, Any]) -> bytes:
    options = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
    try:
        return orjson.dumps(told, default=_other, option=options)
    except TypeError:  # a text that is not UTF-8, an integer of more than 64 bits
        return orjson.dumps({**told, "data": repr(told.get("data"))[:1000].encode("utf-8", "replace").decode()})


def _other(value: Any) -> Any:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)
