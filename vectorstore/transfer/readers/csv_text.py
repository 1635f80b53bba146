"""CSV by RFC 4180, with a header. An empty cell holds nothing; two quotes hold the empty string."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Literal

from vectorstore.domain.errors import MalformedRequest
from vectorstore.transfer.readers.base import Bad, Bounds, Piece, Position, refuse_many
from vectorstore.transfer.readers.lines import BOM, too_long
from vectorstore.transfer.sizes import MAX_ROW_BYTES, PIECE_TEXT_BYTES

_CELL = re.compile(r'(?:"([^"]*+(?:""[^"]*+)*+)"|([^",]*+))(,|$)')
_MOST_COLUMNS = 4096
_SHOWN = 200
Cells = list[str | None]


class CsvReader:
    rows: int | None = None
    values: Literal["native", "text", "columns"] = "text"

    def __init__(self, path: Path, bounds: Bounds) -> None:
        self.path = path
        self._bounds = bounds
        with path.open("rb") as file:
            header, self._begins = next(_records(file, 0), (b"", 0))
        try:
            names = cells(header.decode())
        except ValueError as error:
            raise MalformedRequest(f"The header of the CSV file cannot be read: {error}.") from None
        if not all(names) or len(set(names)) < len(names) or len(names) > _MOST_COLUMNS:
            raise MalformedRequest(
                f"The CSV file begins with a header of at most {_MOST_COLUMNS} names, none empty and none there twice."
            )
        self.columns: tuple[str, ...] | None = tuple(str(name) for name in names)

    def read(self, start: Position) -> Iterator[Piece]:
        at = start.at or self._begins
        first = row = start.row
        rows: list[Any] = []
        size, end = 0, at
        with self.path.open("rb") as file:
            file.seek(at)
            for record, end in _records(file, at):
                refuse_many(row, self._bounds)
                rows.append(self._row(record))
                row, size = row + 1, size + len(record)
                if len(rows) >= self._bounds.piece or size >= PIECE_TEXT_BYTES:
                    yield Piece(first, rows, Position(row, end))
                    first, rows, size = row, [], 0
        if rows:
            yield Piece(first, rows, Position(row, end))

    def _row(self, record: bytes) -> Any:
        names = self.columns or ()
        try:
            values = cells(record.decode())
        except ValueError as error:  # a UnicodeDecodeError is one
            reason = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
            return Bad(f"the row cannot be read: {reason}", record[:_SHOWN].decode(errors="replace"))
        if len(values) != len(names):
            shown = record[:_SHOWN].decode(errors="replace")
            return Bad(f"the row has {len(values)} cells, the header {len(names)}", shown)
        return {name: value for name, value in zip(names, values, strict=True) if value is not None}


def _records(file: IO[bytes], at: int) -> Iterator[tuple[bytes, int]]:
    """Each record that is not empty without the end of its line, and the byte after it."""
    while line := file.readline(MAX_ROW_BYTES + 1):
        begins, lines = at, [line]
        at += len(line)
        open_quote = line.count(b'"') % 2
        while open_quote and at - begins <= MAX_ROW_BYTES and (line := file.readline(MAX_ROW_BYTES + 1)):
            lines.append(line)
            at += len(line)
            open_quote ^= line.count(b'"') % 2
        if at - begins > MAX_ROW_BYTES:
            raise too_long(begins)
        record = b"".join(lines)
        text = (record.removeprefix(BOM) if begins == 0 else record).removesuffix(b"\n").removesuffix(b"\r")
        if text:
            yield text, at


def cells(record: str) -> Cells:
    """The cells of a record; None for one without anything, not even quotes.

    Raises:
        ValueError: a quote stands where none may.
    """
    found: Cells = []
    place = 0
    while True:
        cell = _CELL.match(record, place)
        if cell is None:
            raise ValueError(f"a quote is wrong in cell {len(found) + 1}")
        quoted, plain = cell[1], cell[2]
        found.append(quoted.replace('""', '"') if quoted is not None else plain or None)
        place = cell.end()
        if not cell[3]:
            return found
