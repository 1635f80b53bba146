"""The headers that tell a browser what a page may do; see ``settings/csp.py`` for the policies."""

from collections.abc import Callable
from typing import Any

from csp.utils import build_policy
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase


class ContentSecurityMiddleware:
    """django-csp's policies, put into words once: its own middleware does so twice for every answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response
        self._strict = _written(None)
        exceptions = settings.CONTENT_SECURITY_EXCEPTIONS
        self._exceptions = [(prefix, _written(directives)) for prefix, directives in exceptions.items()]

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        response["Content-Security-Policy"] = self._policy(request.path_info)
        response["Permissions-Policy"] = settings.PERMISSIONS_POLICY
        return response

    def _policy(self, path: str) -> str:
        for prefix, policy in self._exceptions:
            if path.startswith(prefix):
                return policy
        return self._strict


def _written(directives: dict[str, Any] | None) -> str:
    """In an order of our own: django-csp's differs from process to process."""
    return "; ".join(sorted(build_policy(directives).split("; ")))
