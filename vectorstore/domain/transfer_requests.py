"""What callers ask of imports and exports."""

from dataclasses import dataclass
from dataclasses import field as made_by
from typing import Literal

from vectorstore.domain.requests import Filters

FileFormat = Literal["parquet", "ndjson", "json", "csv", "npy"]
ExportFormat = Literal["parquet", "ndjson", "csv"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRequest:
    """A file of rows: uploaded, or fetched from ``url``.

    ``format`` is by the file's name unless given. ``mapping`` names the field of a file's column where the two
    differ, ``drop`` the columns to leave out. ``metadata_url`` is the file with the other fields of an NPY array,
    whose vectors go to ``field`` (the only vector field unless given). ``on_error``: ``fail`` writes nothing where a
    row is bad, ``skip`` leaves bad rows out and lists them in a file. ``mode``: an id that the collection has already
    is an error with ``insert``, and replaced with ``upsert``.
    """

    url: str | None = None
    metadata_url: str | None = None
    format: FileFormat | None = None
    mapping: dict[str, str] = made_by(default_factory=dict)
    drop: list[str] = made_by(default_factory=list)
    field: str | None = None
    on_error: Literal["fail", "skip"] = "fail"
    mode: Literal["insert", "upsert"] = "insert"
    partition: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest:
    """All rows, or those that match ``filter`` or ``filters``; all fields unless ``output_fields`` names some."""

    format: ExportFormat
    filter: str | None = None
    filters: Filters | None = None
    output_fields: list[str] | None = None
