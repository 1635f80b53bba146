"""Opening the file of an import by what its job carries."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vectorstore.config.settings import current
from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.errors import InvalidRequest
from vectorstore.domain.transfer_requests import FileFormat
from vectorstore.service.catalogue import KnownCollection
from vectorstore.service.embedding_rules import embedded_field
from vectorstore.transfer.folders import folder
from vectorstore.transfer.mapping import Mapping
from vectorstore.transfer.readers import Bounds, Reader, open_array, open_rows
from vectorstore.transfer.sizes import rows_at_once

DATA, METADATA = "data", "metadata"
"""Names of the uploaded or fetched files in the transfer's folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportJob:
    """The parameters of an import's job. ``uid`` is the collection's identity: another one is not written to."""

    transfer: str
    collection: str
    uid: str
    format: FileFormat
    metadata_format: FileFormat | None = None
    url: str | None = None
    metadata_url: str | None = None
    mapping: dict[str, str] = field(default_factory=dict)
    drop: list[str] = field(default_factory=list)
    field: str | None = None
    on_error: str = "fail"
    mode: str = "insert"
    partition: str | None = None

    @classmethod
    def of(cls, params: dict[str, Any]) -> "ImportJob":
        return cls(**params)

    @property
    def folder(self) -> Path:
        return folder(self.transfer)

    @property
    def names(self) -> Mapping:
        return Mapping(self.mapping, self.drop)

    @property
    def replaces(self) -> bool:
        return self.mode == "upsert"


def open_source(job: ImportJob, known: KnownCollection) -> Reader:
    """The reader of the job's files, which are in its folder, checked as far as it goes without reading them.

    Raises:
        InvalidRequest: the columns do not fit the collection.
        MalformedRequest, PayloadTooLarge: the file is damaged or too large.
    """
    settings = current()
    bounds = Bounds(piece=rows_at_once(known.schema), rows=settings.max_import_rows, size=settings.max_import_bytes)
    home = job.folder
    if job.format == "npy":
        beside = open_rows(home / METADATA, job.metadata_format, bounds) if job.metadata_format else None
        reader = open_array(home / DATA, bounds, array_field(job.field, known.schema), beside)
    else:
        reader = open_rows(home / DATA, job.format, bounds)
    job.names.check(known.schema, reader.columns, _made(known))
    return reader


def array_field(name: str | None, collection: Collection) -> Field:
    """The vector field that an NPY array is of.

    Raises:
        InvalidRequest: there is no such one, or several and none is named.
    """
    fields = collection.vector_fields
    found = fields[0] if name is None and len(fields) == 1 else None
    if name is not None:
        found = next((field for field in fields if field.name == name), None)
    if found is None:
        names = ", ".join(field.name for field in fields)
        raise InvalidRequest.at("/field", f"name the vector field of the array; the collection has {names}")
    return found


def _made(known: KnownCollection) -> frozenset[str]:
    """The fields that the gateway fills in: from the embedding, and what the caller's row filter demands."""
    names = {rows.field for rows in known.rows}
    if known.embedding is not None:
        names.add(embedded_field(known.embedding, known.schema).name)
    return frozenset(names)
