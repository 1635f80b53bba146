"""What every reader of a file gives: pieces of rows, each with the place where the next one begins."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import pyarrow as pa

from vectorstore.domain.errors import PayloadTooLarge


@dataclass(frozen=True, slots=True)
class Position:
    """A place between two rows: the number of the next row, from 0, and the byte it begins at (0: by number alone)."""

    row: int = 0
    at: int = 0


@dataclass(frozen=True, slots=True)
class Bad:
    """A row that cannot be read; ``text`` is how it begins."""

    reason: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows from the number ``first`` on: Arrow columns, or a list of dicts, ``Bad`` or whatever stood for a row."""

    first: int
    rows: "pa.RecordBatch | list[Any]"
    next: Position

    @property
    def size(self) -> int:
        return self.rows.num_rows if isinstance(self.rows, pa.RecordBatch) else len(self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """``piece`` rows at once; a file with more than ``rows`` rows, or ``size`` bytes once unpacked, is refused."""

    piece: int
    rows: int
    size: int


class Reader(Protocol):
    """Opening one checks what can be told from the file's beginning or end.

    ``columns`` are the names of the columns, None where each row has its own; ``rows`` their number, None where it is
    not known beforehand. ``values`` says what values are: ``native``, ``text`` (CSV) or ``columns`` (Arrow types,
    with JSON as text).
    """

    path: Path
    columns: tuple[str, ...] | None
    rows: int | None
    values: Literal["native", "text", "columns"]

    def read(self, start: Position) -> Iterator[Piece]:
        """The pieces from ``start`` on; the same start gives the same pieces.

        Raises:
            MalformedRequest: the file is damaged or no file of its format.
            PayloadTooLarge: it has more rows, or larger ones, than are taken.
        """


def refuse_many(row: int, bounds: Bounds) -> None:
    """Raises PayloadTooLarge where the row number ``row`` is one too many."""
    if row >= bounds.rows:
        raise PayloadTooLarge(
            f"The file has more than {bounds.rows} rows (VECTORSTORE_MAX_IMPORT_ROWS). Import it in parts."
        )
