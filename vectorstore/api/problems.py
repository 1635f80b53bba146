"""Every failure under ``/api/`` as RFC 9457 ``application/problem+json``.

Code just raises; this is the one place that knows which HTTP status a code has.
"""

import logging
import math
from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

from django.core import exceptions as django
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from rest_framework import exceptions as drf

from vectorstore.api.renderers import encode
from vectorstore.domain import errors as domain
from vectorstore.monitoring import request_id

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

STATUS: dict[str, int] = {
    "malformed": 400,
    "not_authenticated": 401,
    "permission_denied": 403,
    "csrf_failed": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "already_exists": 409,
    "conflict": 409,
    "not_loaded": 409,
    "protected": 409,
    "journal_broken": 409,
    "idempotency_running": 409,
    "backup_damaged": 409,
    "backup_too_new": 409,
    "backup_key_missing": 409,
    "too_large": 413,
    "unsupported_media_type": 415,
    "invalid": 422,
    "invalid_filter": 422,
    "unsupported_by_engine": 422,
    "idempotency_mismatch": 422,
    "throttled": 429,
    "internal_error": 500,
    "engine_failed": 502,
    "embedding_failed": 502,
    "storage_failed": 502,
    "overloaded": 503,
    "audit_unavailable": 503,
    "journal_unavailable": 503,
    "writes_held": 503,
    "engine_unavailable": 503,
    "database_unavailable": 503,
    "storage_unavailable": 503,
    "deadline_exceeded": 504,
    "outcome_unknown": 504,
    "storage_full": 503,
    "disk_full": 503,
}


class FieldProblem(TypedDict):
    """One wrong value: ``pointer`` is an RFC 6901 pointer into the body, or ``?name`` for a parameter."""

    pointer: str
    code: str
    detail: str


class Problem(TypedDict):
    """An RFC 9457 problem. ``code`` is stable; ``detail`` is written for people."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    retryable: bool
    errors: NotRequired[list[FieldProblem]]
    milvus_code: NotRequired[int]


class MethodNotAllowed(domain.VectorStoreError):
    code = "method_not_allowed"
    title = "Method not allowed"

    def __init__(self, detail: str, *, allow: str) -> None:
        super().__init__(detail)
        self.allow = allow


class UnsupportedMediaType(domain.VectorStoreError):
    code = "unsupported_media_type"
    title = "Unsupported media type"


class CsrfFailed(domain.VectorStoreError):
    """A request with a session cookie and without its CSRF token."""

    code = "csrf_failed"
    title = "CSRF check failed"


class DatabaseUnavailable(domain.VectorStoreError):
    """The gateway's own database, not Milvus."""

    code = "database_unavailable"
    title = "The gateway's database is unavailable"
    retryable = True


def translate(error: Exception) -> domain.VectorStoreError | None:
    """What an exception means to the caller; None where only "internal error" may be said."""
    match error:
        case domain.VectorStoreError():
            return error
        case Http404() | drf.NotFound():
            return domain.NotFound("There is nothing at this address.")
        case drf.NotAuthenticated() | drf.AuthenticationFailed():
            return domain.NotAuthenticated(str(error.detail))
        case drf.PermissionDenied() | django.PermissionDenied():
            return domain.PermissionDenied("You may not do this.")
        case drf.MethodNotAllowed():
            return MethodNotAllowed(str(error.detail), allow="")
        case drf.UnsupportedMediaType():
            return UnsupportedMediaType(str(error.detail))
        case drf.Throttled():
            return domain.Throttled("Too many requests; try again later.", retry_after=getattr(error, "wait", None))
        case django.RequestDataTooBig():
            return domain.PayloadTooLarge("The body is larger than the server accepts.")
        case drf.ValidationError():
            return domain.InvalidRequest("A value is invalid.")
        case drf.ParseError() | django.SuspiciousOperation() | django.BadRequest() | UnreadablePostError():
            return domain.MalformedRequest("The request cannot be read.")
        case OperationalError() | InterfaceError():
            logger.error("the gateway's database did not answer", exc_info=error)
            return DatabaseUnavailable("The gateway's database did not answer.", retry_after=1)
    return None


def problem_response(request: HttpRequest, error: domain.VectorStoreError) -> HttpResponse:
    """The answer that tells ``error``, with the headers its status asks for."""
    status = STATUS[error.code]
    body: Problem = {
        "type": f"urn:vectorstore:problem:{error.code}",
        "title": error.title,
        "status": status,
        "detail": error.detail,
        "instance": request.path,
        "code": error.code,
        "request_id": request_id.current.get(),
        "retryable": error.retryable,
    }
    if error.errors:
        body["errors"] = [{"pointer": item.pointer, "code": item.code, "detail": item.detail} for item in error.errors]
    if error.milvus_code is not None:
        body["milvus_code"] = error.milvus_code
    response = HttpResponse(encode(body), status=status, content_type=MEDIA_TYPE)
    if status == 401:
        response["WWW-Authenticate"] = 'Bearer realm="api"'
    elif status in (429, 503):
        response["Retry-After"] = str(max(1, math.ceil(error.retry_after or 1)))
    elif isinstance(error, MethodNotAllowed):
        response["Allow"] = error.allow
    return response


_BY_STATUS: dict[int, tuple[type[domain.VectorStoreError], str]] = {
    400: (domain.MalformedRequest, "The request cannot be read."),
    401: (domain.NotAuthenticated, "Authentication is required."),
    403: (domain.PermissionDenied, "You may not do this."),
    404: (domain.NotFound, "There is nothing at this address."),
    413: (domain.PayloadTooLarge, "The body is larger than the server accepts."),
    415: (UnsupportedMediaType, "The media type is not supported."),
    429: (domain.Throttled, "Too many requests; try again later."),
    503: (domain.Overloaded, "The server cannot answer now; try again later."),
}


def replace_answer(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """An error that Django itself answered (no such address, bad Host, an unexpected exception) as a problem.

    Its own body may be an HTML page or a trace, so nothing of it but the status and ``Allow`` is kept.
    """
    if response.status_code == 405:
        return problem_response(request, method_not_allowed(request, response.get("Allow", "")))
    kind, detail = _BY_STATUS.get(
        response.status_code,
        (domain.VectorStoreError, "Something went wrong here; the request id finds it in the log."),
    )
    return problem_response(request, kind(detail))


def method_not_allowed(request: HttpRequest, allow: str) -> MethodNotAllowed:
    return MethodNotAllowed(f"{request.method} is not one of {allow}.", allow=allow)


def exception_handler(error: Exception, context: Mapping[str, Any]) -> HttpResponse | None:
    """Django REST framework's hook; what it returns None for, Django logs and answers as 500."""
    failure = translate(error)
    return None if failure is None else problem_response(context["request"], failure)
