"""``audit/``."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.http import HttpResponseBase, StreamingHttpResponse
from django.utils.dateparse import parse_datetime

from vectorstore.api.operation import operation
from vectorstore.api.renderers import encode
from vectorstore.api.schemas.audit import AuditBody, VerdictBody, audit_body, verdict_body
from vectorstore.api.views.base import View
from vectorstore.domain.errors import InvalidRequest
from vectorstore.models import AuditRecord
from vectorstore.service.audit_service import AuditFilter, AuditService
from vectorstore.service.context import Scope

_TEXTS = ("actor", "action", "collection", "outcome")
_TIMES = ("since", "until")


class _AuditView(View):
    tag = "Audit"

    @property
    def service(self) -> AuditService:
        return AuditService(Scope(actor=self.actor))

    @property
    def wanted(self) -> AuditFilter:
        asked = self.request.query_params
        given: dict[str, Any] = {name: _text(name, asked[name]) for name in _TEXTS if asked.get(name)}
        given |= {name: _time(name, asked[name]) for name in _TIMES if asked.get(name)}
        return AuditFilter(**given)


class AuditView(_AuditView):
    @operation("List audit records", answer=AuditBody, order=("seq",), query=(*_TEXTS, *_TIMES))
    def get(self) -> dict[str, Any]:
        """The newest first. An act that changes something has an intent and an outcome."""
        return self.table(self.service.find(self.wanted), audit_body, search="action", order="-seq")


class AuditExportView(_AuditView):
    @operation("Export audit records", answer=AuditBody, media="application/x-ndjson", query=(*_TEXTS, *_TIMES))
    def get(self) -> HttpResponseBase:
        """One record a line, the oldest first."""
        records = self.service.find(self.wanted).order_by("seq").iterator(chunk_size=1_000)
        response = StreamingHttpResponse(_lines(records), content_type="application/x-ndjson")
        response["Content-Disposition"] = 'attachment; filename="audit.ndjson"'
        return response


class AuditVerifyView(_AuditView):
    @operation("Verify the audit log", answer=VerdictBody)
    def post(self) -> VerdictBody:
        """Reads every record: whether one was changed, moved, added or taken out."""
        return verdict_body(self.service.verify())


def _lines(records: Iterator[AuditRecord]) -> Iterator[bytes]:
    for record in records:
        yield encode(audit_body(record)) + b"\n"


def _text(name: str, value: str) -> str:
    if "\0" in value or len(value) > 255:
        raise InvalidRequest.at(f"?{name}", f"{name} has at most 255 characters, none of them U+0000")
    return value


def _time(name: str, value: str) -> datetime:
    try:
        found = parse_datetime(value)
    except ValueError:
        found = None
    if found is None:
        raise InvalidRequest.at(f"?{name}", f"{name} is a time such as 2030-01-31T00:00:00Z")
    return found
