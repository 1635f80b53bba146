"""A JSON array of objects, of any length: cut at the ends of its elements, never held as a whole."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Literal

from vectorstore.domain.errors import MalformedRequest
from vectorstore.transfer.readers.base import Bounds, Piece, Position
from vectorstore.transfer.readers.lines import BOM, pieces, too_long
from vectorstore.transfer.sizes import MAX_ROW_BYTES

_READ = 1024 * 1024
_SPACE = b" \t\r\n"
_MARK = re.compile(rb'["{}\[\]]')
_STRING_END = re.compile(rb'(?:[^"\\]++|\\.)*+"', re.DOTALL)
_SCALAR_END = re.compile(rb"[,\]\s]")


class JsonReader:
    columns: tuple[str, ...] | None = None
    rows: int | None = None
    values: Literal["native", "text", "columns"] = "native"

    def __init__(self, path: Path, bounds: Bounds) -> None:
        self.path = path
        self._bounds = bounds

    def read(self, start: Position) -> Iterator[Piece]:
        return pieces(self._texts(start), start, self._bounds)

    def _texts(self, start: Position) -> Iterator[tuple[bytes, int]]:
        with self.path.open("rb") as file:
            file.seek(start.at)
            yield from _Elements(file, start.at).each()


class _Elements:
    """``_buffer`` holds the file from the byte ``_at`` on; what is read is looked at from ``_here``."""

    def __init__(self, file: IO[bytes], at: int) -> None:
        self._file, self._at = file, at
        self._buffer, self._here = b"", 0

    def each(self) -> Iterator[tuple[bytes, int]]:
        """The text of each element, with the byte after it."""
        first = self._at == 0
        if first:
            self._open()
        while True:
            mark = self._next()
            if mark == b"]":
                self._refuse_more()
                return
            if not first:
                if mark != b",":
                    raise self._broken("a comma or ] is missing")
                self._here += 1
                mark = self._next()
            if mark in (b",", b"]", b"}", b""):
                raise self._broken("an element is missing" if mark else "it ends too early")
            first = False
            end = self._element(mark)
            text = self._buffer[self._here : end]
            self._here = end
            yield text, self._at + end

    def _open(self) -> None:
        self._more()
        if self._buffer.startswith(BOM):
            self._here = len(BOM)
        if self._next() != b"[":
            raise self._broken("it does not begin with [; one object a line is the format ndjson")
        self._here += 1

    def _next(self) -> bytes:
        """The next byte that is no space; empty at the end of the file."""
        while True:
            while self._here < len(self._buffer):
                mark = self._buffer[self._here : self._here + 1]
                if mark not in _SPACE:
                    return mark
                self._here += 1
            if not self._more():
                return b""

    def _element(self, mark: bytes) -> int:
        """Where the element at ``_here`` ends, in the buffer."""
        while True:
            end = self._end(mark)
            if end is not None:
                return end
            if len(self._buffer) - self._here > MAX_ROW_BYTES:
                raise too_long(self._at + self._here)
            if not self._more():
                raise self._broken("it ends too early")

    def _end(self, mark: bytes) -> int | None:
        if mark not in (b"{", b"[", b'"'):
            scalar = _SCALAR_END.search(self._buffer, self._here)
            return scalar.start() if scalar else None
        depth, place = 0, self._here
        while found := _MARK.search(self._buffer, place):
            place = found.end()
            if found[0] == b'"':
                closed = _STRING_END.match(self._buffer, place)
                if closed is None:
                    return None
                place = closed.end()
            else:
                depth += 1 if found[0] in b"{[" else -1
            if depth <= 0:
                return place
        return None

    def _more(self) -> bool:
        read = self._file.read(_READ)
        self._at += self._here
        self._buffer, self._here = self._buffer[self._here :] + read, 0
        return bool(read)

    def _refuse_more(self) -> None:
        self._here += 1
        if self._next():
            raise self._broken("something follows the array")

    def _broken(self, reason: str) -> MalformedRequest:
        return MalformedRequest(f"The file is no JSON array of objects: at byte {self._at + self._here}, {reason}.")
