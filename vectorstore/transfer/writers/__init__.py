"""Writers of files, one for each format: parts that are joined at the end."""

from pathlib import Path
from typing import IO, Protocol

from vectorstore.domain.batch import Batch
from vectorstore.domain.collection import Collection
from vectorstore.domain.transfer_requests import ExportFormat
from vectorstore.transfer.writers.csv_text import CsvFormat
from vectorstore.transfer.writers.lines import NdjsonFormat
from vectorstore.transfer.writers.parquet import ParquetFormat


class Part(Protocol):
    def write(self, batch: Batch) -> int:
        """Add rows; returns about how many bytes they have."""

    def close(self) -> None:
        """Finish the part; the file itself stays open."""


class Format(Protocol):
    """How rows of one collection are written."""

    media: str

    def __init__(self, collection: Collection) -> None: ...

    def part(self, file: IO[bytes]) -> Part:
        """A part into an open file."""

    def join(self, parts: list[Path], file: IO[bytes]) -> None:
        """All parts, in order, as one file; there may be none."""


FORMATS: dict[ExportFormat, type[Format]] = {"parquet": ParquetFormat, "ndjson": NdjsonFormat, "csv": CsvFormat}
