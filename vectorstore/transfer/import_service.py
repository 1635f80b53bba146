"""Imports as a caller starts them: the right is asked and the options are looked at before the file is taken."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from vectorstore.config.settings import current
from vectorstore.domain.errors import InvalidRequest, PayloadTooLarge, PermissionDenied
from vectorstore.domain.transfer_requests import ImportRequest
from vectorstore.models.job import Job
from vectorstore.service.catalogue import KnownCollection
from vectorstore.service.job_service import submit
from vectorstore.service.operation import Service
from vectorstore.transfer import folders
from vectorstore.transfer.fetch import check_url
from vectorstore.transfer.readers import format_of
from vectorstore.transfer.source import DATA, METADATA, ImportJob, array_field, open_source


@dataclass(frozen=True, slots=True)
class Source:
    """A file on this machine, and for an NPY array that of the other fields. ``name`` tells the format by its end."""

    path: Path
    name: str = ""
    metadata: Path | None = None
    metadata_name: str = ""


class Inbox:
    """Where the file of one import goes: ``folder``. ``start`` makes it a job; without it nothing is kept."""

    def __init__(self, service: "ImportService", known: KnownCollection, transfer: str) -> None:
        self._service, self._known, self._transfer = service, known, transfer
        self.folder = folders.folder(transfer)
        self.job: Job | None = None

    def start(self, source: Source | None, options: ImportRequest) -> Job:
        """``source`` is None where the options have a URL; a file in ``folder`` is taken, another one copied.

        Raises:
            InvalidRequest: the options, or the columns of the file, do not fit the collection.
            MalformedRequest, PayloadTooLarge: the file is damaged or too large, as far as can be told at once.
        """
        known = self._known
        if (source is None) == (options.url is None):
            raise InvalidRequest.at("/url", "give either a file or its url")
        job = self._described(source, options)
        self._check(job)
        if source is not None:
            self._take(source.path, DATA)
            if source.metadata is not None:
                self._take(source.metadata, METADATA)
            open_source(job, known)
        self.job = submit(self._service.scope, "import", asdict(job), known.schema.name)
        return self.job

    def _described(self, source: Source | None, options: ImportRequest) -> ImportJob:
        name = source.name or source.path.name if source is not None else _last(options.url)
        kind = options.format or format_of(name)
        beside: str | None = None
        if source is not None and source.metadata is not None:
            beside = source.metadata_name or source.metadata.name
        elif options.metadata_url is not None:
            beside = _last(options.metadata_url)
        if beside is not None and kind != "npy":
            raise InvalidRequest.at("/metadata", "only an NPY array has its other fields in a second file")
        return ImportJob(
            transfer=self._transfer,
            collection=self._known.schema.name,
            uid=self._known.uid,
            format=kind,
            metadata_format=format_of(beside, "/metadata") if beside is not None else None,
            url=options.url,
            metadata_url=options.metadata_url,
            mapping=options.mapping,
            drop=options.drop,
            field=options.field,
            on_error=options.on_error,
            mode=options.mode,
            partition=options.partition,
        )

    def _check(self, job: ImportJob) -> None:
        known, settings = self._known, current()
        if job.url is not None:
            check_url(job.url, settings)
        if job.metadata_url is not None:
            check_url(job.metadata_url, settings, "/metadata_url")
        if job.metadata_format == "npy":
            raise InvalidRequest.at("/metadata", "the metadata of an array is Parquet, NDJSON, JSON or CSV")
        if job.format == "npy":
            array_field(job.field, known.schema)
        elif job.field is not None:
            raise InvalidRequest.at("/field", "only an NPY array is of one field; use mapping")
        if job.partition:
            if any(field.partition_key for field in known.schema.fields):
                raise InvalidRequest.at("/partition", "the collection has a partition key, which chooses the partition")
            known.require_partitions([job.partition])
        job.names.check(known.schema, None)
        self._service.require("vector.upsert" if job.replaces else "vector.insert", known.schema.name)

    def _take(self, path: Path, name: str) -> None:
        if path.stat().st_size > current().max_upload_bytes:
            limit = current().max_upload_bytes
            raise PayloadTooLarge(f"The file is larger than the limit of {limit} bytes (VECTORSTORE_MAX_UPLOAD_BYTES).")
        target = self.folder / name
        if path.parent == self.folder:
            path.replace(target)
            return
        with path.open("rb") as given, folders.whole_file(target) as taken:
            shutil.copyfileobj(given, taken, 1024 * 1024)


class ImportService(Service):
    def start(self, collection_name: str, source: Source | None, options: ImportRequest | None = None) -> Job:
        """Import a file, or what is at the URL of the options; the job's result is ``{"collection", "rows", …}``.

        Raises:
            PermissionDenied, NotFound: as an insert; also where fields are denied to the caller.
            InvalidRequest, MalformedRequest, PayloadTooLarge: see ``Inbox.start``.
        """
        with self.accept(collection_name) as inbox:
            return inbox.start(source, options or ImportRequest())

    @contextmanager
    def accept(self, collection_name: str) -> Iterator[Inbox]:
        """A place for a file that is still to come: the right to import it is asked first."""
        with self.on_collection("vector.import", collection_name) as act:
            refuse_unfit(act.known)
            transfer = folders.make()
            inbox = Inbox(self, act.known, transfer)
            try:
                yield inbox
            finally:
                if inbox.job is None:
                    folders.remove(transfer)


def refuse_unfit(known: KnownCollection) -> None:
    """Raises where rows cannot be imported at all into the collection, or not by this caller."""
    if known.denied:
        raise PermissionDenied("An import writes whole rows, and some of their fields are denied to you.")
    if known.schema.engine_ids:
        raise InvalidRequest("the engine makes the ids of this collection, so an import could write rows twice")


def _last(url: str | None) -> str:
    return (url or "").partition("?")[0].rpartition("/")[2]
