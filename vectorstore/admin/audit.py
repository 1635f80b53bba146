"""The audit log: looked through, exported, verified; changed by nobody."""

import csv
import json
from collections.abc import Iterator
from datetime import UTC
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.urls import path, reverse
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import display

from vectorstore.admin.calls import allowed, reported, scope_for
from vectorstore.admin.through_service import ThroughService
from vectorstore.models import AuditRecord
from vectorstore.service.audit_service import AuditFilter, AuditService

_COLOURS = {"ok": "success", "unknown": "warning", "intent": "info"}
_COLUMNS = [field.name for field in AuditRecord._meta.fields]


@admin.register(AuditRecord)
class AuditAdmin(ThroughService):
    rights = {"view": "audit.view"}
    list_display = ("seq", "time", "actor", "action", "target", "ended", "rows", "source")
    list_filter = (("ts", RangeDateTimeFilter), "phase", "allowed", "method", "action", "outcome")
    list_filter_submit = True
    search_fields = ("actor", "collection", "request_id", "event_id", "key_prefix")
    search_help_text = "Search by actor, collection, request, event or key"
    show_full_result_count = False
    list_per_page = 50
    list_before_template = "admin/vectorstore/audit_list_top.html"
    readonly_fields = _COLUMNS

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        own = [
            path("export/", wrap(self.export), name="vectorstore_audit_export"),
            path("verify/", wrap(self.verify), name="vectorstore_audit_verify"),
        ]
        return own + super().get_urls()

    def export(self, request: HttpRequest) -> HttpResponseBase:
        """What the list shows with its filters, as CSV, the oldest first."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = self.get_changelist_instance(request).get_queryset(request)
        permitted = AuditService(scope_for(request)).find(AuditFilter())  # recorded, as an export by the API is
        rows = permitted.filter(pk__in=found.values("pk")).order_by("seq").iterator(chunk_size=1_000)
        response = StreamingHttpResponse(_csv(rows), content_type="text/csv")
        response["Content-Disposition"] = 'attachment; filename="audit.csv"'
        return response

    def verify(self, request: HttpRequest) -> HttpResponse:
        """Whether the chain is whole; POST only."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not allowed(request, "audit.verify"):
            raise PermissionDenied
        with reported(request, "The audit log was not verified"):
            verdict = AuditService(scope_for(request)).verify()
            if verdict.intact:
                messages.success(request, f"The audit log is intact: {verdict.records:,} records.")
            else:
                messages.error(request, f"The audit log is not intact: {verdict.detail}")
        return HttpResponseRedirect(reverse("admin:vectorstore_auditrecord_changelist"))

    @display(description="Time (UTC)", ordering="ts")
    def time(self, record: AuditRecord) -> str:
        return f"{record.ts.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3]

    @display(description="On", empty_value="–")
    def target(self, record: AuditRecord) -> str | None:
        where = [name for name in (record.cluster, record.database) if name not in ("", "default")]
        return " / ".join([*where, record.collection]) if record.collection else None

    @display(description="Outcome", label=_COLOURS)
    def ended(self, record: AuditRecord) -> str:
        return record.outcome or "intent"

    @display(description="Rows", empty_value="–")
    def rows(self, record: AuditRecord) -> int | None:
        return record.result.get("rows", record.ids)


class _Echo:
    """What ``csv`` writes is given back, line by line."""

    def write(self, line: str) -> str:
        return line


def _csv(records: Iterator[AuditRecord]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield writer.writerow(_COLUMNS)
    for record in records:
        yield writer.writerow([_cell(getattr(record, name)) for name in _COLUMNS])


def _cell(value: Any) -> Any:
    """Spreadsheets run a cell that begins like a formula."""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return value
