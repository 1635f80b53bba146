"""The four probes. None waits longer than the two seconds that ``health_check`` gives each component."""

import hmac
import ipaddress
from dataclasses import asdict

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from django_prometheus.exports import ExportToDjangoView
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from vectorstore.audit.log import try_append
from vectorstore.config.settings import current
from vectorstore.monitoring.health_check import CHECKS, Status, examine
from vectorstore.monitoring.metrics import recorded


def _audit(timeout: float) -> str:
    try_append()
    return ""


_CHECKS = {**CHECKS, "audit": _audit}
"""Siblings cannot know each other, so the probes put together what the gateway stands on."""


@require_safe
def livez(request: HttpRequest) -> HttpResponse:
    """200 while the process answers at all."""
    return JsonResponse({"status": Status.OK})


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """200 if requests can be served, else 503. Names and states only, because nobody has signed in."""
    health = examine(_CHECKS)
    body = {"status": health.status, "components": {item.name: item.status for item in health.components}}
    return JsonResponse(body, status=503 if health.status is Status.FAIL else 200)


@api_view(["GET"])
def healthz(request: Request) -> Response:
    """Each component with version and latency, for those who have signed in."""
    health = examine(_CHECKS)
    body = {"status": health.status, "components": {item.name: asdict(item) for item in health.components}}
    return Response(body, status=503 if health.status is Status.FAIL else 200)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus's text format, to holders of ``VECTORSTORE_METRICS_TOKEN``; if it is unset, to this machine."""
    if not _may_read_metrics(request):
        return HttpResponse("Send the metrics token as a bearer token.\n", status=401, content_type="text/plain")
    answer = ExportToDjangoView(request)
    answer.write(recorded())
    return answer


def _may_read_metrics(request: HttpRequest) -> bool:
    token = current().metrics_token
    if token:
        offered = request.headers.get("Authorization", "")
        return hmac.compare_digest(offered.encode(), f"Bearer {token}".encode())
    if request.headers.get("X-Forwarded-For") or request.headers.get("Forwarded"):
        return False  # a proxy on this machine speaks for somebody elsewhere
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
