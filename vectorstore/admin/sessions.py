"""Signing in and out of the console, in the audit log. What cannot be recorded is not done."""

import math
from collections.abc import Callable
from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from vectorstore.access.actor import Actor
from vectorstore.domain.errors import AuditUnavailable, Throttled
from vectorstore.service import auth_events

_API = "/api/"


def connect() -> None:
    """Called once, when Django's models are ready."""
    user_logged_in.connect(_in, dispatch_uid="audit-signed-in")
    user_logged_out.connect(_out, dispatch_uid="audit-signed-out")
    user_login_failed.connect(_failed, dispatch_uid="audit-refused")


def _in(request: HttpRequest | None, user: Any, **_signal: Any) -> None:
    if request is not None and getattr(request, "resolver_match", None):
        auth_events.signed_in(Actor.of(user))


def _out(request: HttpRequest | None, user: Any, **_signal: Any) -> None:
    if user is not None:
        auth_events.signed_out(Actor.of(user))


def _failed(credentials: dict[str, Any], request: HttpRequest | None = None, **_signal: Any) -> None:
    if request is not None and not request.path.startswith(_API):  # the API records its own
        auth_events.refused(str(credentials.get("username") or ""), auth_events.PASSWORD)


class UnavailableMiddleware:
    """What cannot be recorded, or comes too often, is told as that, on a page; nobody is signed in by it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, AuditUnavailable):
            if request.path.endswith("/login/"):
                request.session.flush()
            response = render(request, "admin/vectorstore/audit_unavailable.html", status=503)
        elif isinstance(error, Throttled):
            response = render(request, "admin/vectorstore/throttled.html", {"detail": error.detail}, status=429)
        else:
            return None
        response["Retry-After"] = str(max(1, math.ceil(error.retry_after or 1)))
        return response
