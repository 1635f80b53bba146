"""NDJSON: one JSON object a line."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import orjson

from vectorstore.domain.errors import PayloadTooLarge
from vectorstore.transfer.readers.base import Bad, Bounds, Piece, Position, refuse_many
from vectorstore.transfer.sizes import MAX_ROW_BYTES, PIECE_TEXT_BYTES

BOM = b"\xef\xbb\xbf"
_SHOWN = 200


class NdjsonReader:
    columns: tuple[str, ...] | None = None
    rows: int | None = None
    values: Literal["native", "text", "columns"] = "native"

    def __init__(self, path: Path, bounds: Bounds) -> None:
        self.path = path
        self._bounds = bounds

    def read(self, start: Position) -> Iterator[Piece]:
        return pieces(self._texts(start), start, self._bounds)

    def _texts(self, start: Position) -> Iterator[tuple[bytes, int]]:
        """Each line that is not empty, with the byte after it."""
        at = start.at
        with self.path.open("rb") as file:
            file.seek(at)
            while line := file.readline(MAX_ROW_BYTES + 1):
                if len(line) > MAX_ROW_BYTES:
                    raise too_long(at)
                text = line.removeprefix(BOM) if at == 0 else line
                at += len(line)
                if text.strip():
                    yield text, at


def pieces(texts: Iterator[tuple[bytes, int]], start: Position, bounds: Bounds) -> Iterator[Piece]:
    """Rows of JSON text in pieces of bounded number and size."""
    first = row = start.row
    rows: list[Any] = []
    size, end = 0, start.at
    for text, end in texts:
        refuse_many(row, bounds)
        rows.append(parse(text))
        row, size = row + 1, size + len(text)
        if len(rows) >= bounds.piece or size >= PIECE_TEXT_BYTES:
            yield Piece(first, rows, Position(row, end))
            first, rows, size = row, [], 0
    if rows:
        yield Piece(first, rows, Position(row, end))


def parse(text: bytes) -> Any:
    """A row, or ``Bad``. NaN and infinity are no JSON, nor is what is not UTF-8."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        reason = str(error).partition(": line ")[0]
        return Bad(f"the row is no JSON: {reason}", text[:_SHOWN].decode(errors="replace"))


def too_long(at: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"The row at byte {at} of the file has more than {MAX_ROW_BYTES} bytes.")
