"""``audit/``."""

from collections.abc import Iterator
from typing import Any

from django.http import HttpResponseBase, StreamingHttpResponse

from vectorstore.api.operation import operation
from vectorstore.api.query_values import as_text, as_time
from vectorstore.api.renderers import encode
from vectorstore.api.schemas.audit import AuditBody, VerdictBody, audit_body, verdict_body
from vectorstore.api.views.base import View
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
        given: dict[str, Any] = {name: as_text(name, asked[name]) for name in _TEXTS if asked.get(name)}
        given |= {name: as_time(name, asked[name]) for name in _TIMES if asked.get(name)}
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
