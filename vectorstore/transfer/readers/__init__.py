"""Readers of files, one for each format."""

from pathlib import Path

from vectorstore.domain.collection import Field
from vectorstore.domain.errors import InvalidRequest
from vectorstore.domain.transfer_requests import FileFormat
from vectorstore.transfer.readers.base import Bad, Bounds, Piece, Position, Reader
from vectorstore.transfer.readers.csv_text import CsvReader
from vectorstore.transfer.readers.json_array import JsonReader
from vectorstore.transfer.readers.lines import NdjsonReader
from vectorstore.transfer.readers.npy import NpyReader
from vectorstore.transfer.readers.parquet import ParquetReader

__all__ = ["Bad", "Bounds", "Piece", "Position", "Reader", "format_of", "open_array", "open_rows"]

_ENDINGS: dict[str, FileFormat] = {
    ".parquet": "parquet",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".json": "json",
    ".csv": "csv",
    ".npy": "npy",
}


def format_of(name: str, pointer: str = "/format") -> FileFormat:
    """The format by the ending of a file's name.

    Raises:
        InvalidRequest: the ending says nothing.
    """
    found = _ENDINGS.get(Path(name).suffix.lower())
    if found is None:
        raise InvalidRequest.at(pointer, f"give the format, or a file whose name ends in one of {', '.join(_ENDINGS)}")
    return found


def open_rows(path: Path, kind: FileFormat, bounds: Bounds) -> Reader:
    """A reader of whole rows: of any format but NPY.

    Raises:
        MalformedRequest, PayloadTooLarge: as far as the beginning or the end of the file tells.
    """
    if kind == "parquet":
        return ParquetReader(path, bounds)
    if kind == "csv":
        return CsvReader(path, bounds)
    if kind == "json":
        return JsonReader(path, bounds)
    if kind == "ndjson":
        return NdjsonReader(path, bounds)
    raise InvalidRequest.at("/format", "an NPY file holds vectors alone; its metadata is Parquet, NDJSON, JSON or CSV")


def open_array(path: Path, bounds: Bounds, field: Field, metadata: Reader | None) -> Reader:
    """A reader of an NPY array of vectors of ``field`` with the other fields from ``metadata``."""
    return NpyReader(path, bounds, field, metadata)
