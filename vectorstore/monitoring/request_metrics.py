"""How many requests there were, and how long they took: by route, method and class of status."""

import time
from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from prometheus_client import Histogram

_SECONDS = Histogram(
    "vectorstore_http_request_seconds",
    "Requests by the template of their route (none where nothing is there), method and class of status.",
    ["route", "method", "status"],
    buckets=(0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_children: dict[tuple[str, str, int], Histogram] = {}


class RequestMetricsMiddleware:
    """Names, paths and users are never labels: there may be any number of them."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        began = time.perf_counter()
        response = self._get_response(request)
        match = request.resolver_match
        key = (match.route if match else "", request.method or "", response.status_code // 100)
        child = _children.get(key)
        if child is None:
            route, method, status = key
            child = _SECONDS.labels(route, method if method in _METHODS else "other", f"{status}xx")
            if method in _METHODS:
                _children[key] = child
        child.observe(time.perf_counter() - began)
        return response
