"""Exports as a caller starts them."""

from dataclasses import asdict, dataclass
from typing import Any

from vectorstore.domain.requests import Filters
from vectorstore.domain.transfer_requests import ExportFormat, ExportRequest
from vectorstore.models.job import Job
from vectorstore.service.expressions import read_filter, where
from vectorstore.service.job_service import submit
from vectorstore.service.operation import Service
from vectorstore.transfer import folders
from vectorstore.transfer.projection import Projection


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportJob:
    """The parameters of an export's job; ``uid`` is the collection's identity."""

    transfer: str
    collection: str
    uid: str
    format: ExportFormat
    filter: str | None = None
    filters: Filters | None = None
    output_fields: list[str] | None = None

    @classmethod
    def of(cls, params: dict[str, Any]) -> "ExportJob":
        return cls(**params)


class ExportService(Service):
    def start(self, collection_name: str, request: ExportRequest) -> Job:
        """Export what the caller may see of a collection; the job's result is ``{"download", "rows", "bytes"}``.

        Raises:
            InvalidFilter, InvalidRequest: the filter or a field does not fit the collection.
            PermissionDenied, NotFound: as a query.
        """
        with self.on_collection("vector.export", collection_name, request) as act:
            known = act.known
            where(known, read_filter(known, request.filter, request.filters))
            Projection.of(known, request.output_fields)
            transfer = folders.make()
            job = ExportJob(
                transfer=transfer,
                collection=known.schema.name,
                uid=known.uid,
                format=request.format,
                filter=request.filter,
                filters=request.filters,
                output_fields=request.output_fields,
            )
            try:
                return submit(self.scope, "export", asdict(job), known.schema.name)
            except BaseException:
                folders.remove(transfer)
                raise
