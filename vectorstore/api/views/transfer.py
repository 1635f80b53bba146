"""``collections/{name}/import/`` and ``export/``, and ``downloads/``."""

from typing import Any

import orjson
from django.http import FileResponse, HttpRequest, QueryDict
from django.http.response import HttpResponseBase

from vectorstore.api.decode import decode, read_body, strict_twin
from vectorstore.api.openapi import IDEMPOTENCY_HEADER
from vectorstore.api.operation import operation
from vectorstore.api.renderers import encode
from vectorstore.api.schemas.jobs import JobBody, job_body
from vectorstore.api.schemas.transfer import DownloadSchema, ImportSchema
from vectorstore.api.uploads import FORM, Upload, leave_unread, read_form
from vectorstore.api.views.base import EngineView, View
from vectorstore.config.settings import current
from vectorstore.domain.errors import InvalidRequest
from vectorstore.domain.transfer_requests import ExportRequest, ImportRequest
from vectorstore.transfer.downloads import open_download
from vectorstore.transfer.export_service import ExportService
from vectorstore.transfer.import_service import ImportService, Inbox, Source

_FILES = ("file", "metadata")


class ImportView(EngineView):
    tag = "Transfer"
    schema = ImportSchema()
    json_body = strict_twin(ImportRequest)

    def dispatch(self, request: HttpRequest, *args: Any, **path: Any) -> HttpResponseBase:
        if request.content_type == FORM:
            leave_unread(request)
        return super().dispatch(request, *args, **path)

    @operation("Import rows", answer=JobBody, status=202, errors=(413, 415), idempotent="vector.import")
    def post(self, name: str) -> JobBody | HttpResponseBase:
        """The rows of a file, sent as a form or fetched from a URL. The job's result counts them; with
        ``on_error=skip`` it has a link to the rows that were left out."""
        http = self.request._request
        with ImportService(self.scope).accept(name) as inbox:
            if http.content_type == FORM:
                source, options, digest = self._sent(http, inbox)
            else:
                source, digest = None, read_body(http, current().max_body_bytes)
                options = decode(digest, ImportRequest)
            key = http.headers.get(IDEMPOTENCY_HEADER)
            if key:
                return self._once(key, digest, 202, lambda: encode(job_body(inbox.start(source, options))))
            return job_body(inbox.start(source, options))

    @staticmethod
    def _sent(http: HttpRequest, inbox: Inbox) -> tuple[Source, ImportRequest, bytes]:
        """The file, the options, and what tells this request from another one."""
        fields, files = read_form(http, inbox.folder, _FILES, current().max_upload_bytes)
        if "file" not in files:
            raise InvalidRequest.at("/file", "the form has no file")
        text = orjson.dumps(_options(fields), option=orjson.OPT_SORT_KEYS)
        options = decode(text, ImportRequest)
        digest = text + b"".join(files[name].sha256.encode() for name in sorted(files))
        return _source(files), options, digest


class ExportView(EngineView):
    tag = "Transfer"

    @operation("Export rows", body=ExportRequest, answer=JobBody, status=202, idempotent="vector.export")
    def post(self, body: ExportRequest, name: str) -> JobBody:
        """The rows and fields that are the caller's, into a file. The job's result has a link to it, which works
        for VECTORSTORE_EXPORT_KEPT_HOURS for whoever has it."""
        return job_body(ExportService(self.scope).start(name, body))

    def may(self, action: str, **path: Any) -> bool:
        return ExportService(self.scope).may(action, path["name"])


class DownloadView(View):
    tag = "Transfer"
    schema = DownloadSchema()
    public = True
    bucket = "download"

    @operation("Download a file", answer=str, media="application/octet-stream")
    def get(self, token: str) -> HttpResponseBase:
        """By a link that a job has given. A link that is forged and one that has expired answer alike."""
        found = open_download(token)
        response = FileResponse(
            found.path.open("rb"), as_attachment=True, filename=found.name, content_type=found.media
        )
        response["X-Content-Type-Options"] = "nosniff"
        response["Cache-Control"] = "private, no-store"
        return response


def _source(files: dict[str, Upload]) -> Source:
    file, metadata = files["file"], files.get("metadata")
    if metadata is None:
        return Source(file.path, file.name)
    return Source(file.path, file.name, metadata.path, metadata.name)


def _options(fields: QueryDict) -> dict[str, Any]:
    """The options of a form: ``options`` holds all as JSON, or each has a field of its own."""
    found: dict[str, Any] = {}
    for name, values in fields.lists():
        if name == "drop":
            found[name] = values
        elif len(values) > 1:
            raise InvalidRequest.at(f"/{name[:255]}", "the field is there twice")
        elif name == "options":
            continue
        else:
            found[name] = _json(name, values[0]) if name == "mapping" else values[0]
    if "options" in fields:
        told = _json("options", str(fields["options"]))
        if found:
            raise InvalidRequest.at("/options", "give all options together as JSON, or each in a field of its own")
        return told
    return found


def _json(name: str, text: str) -> dict[str, Any]:
    try:
        found = orjson.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise InvalidRequest.at(f"/{name}", f"{name} is a JSON object")
    return found
