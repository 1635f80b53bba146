"""What every request has: an id and a source; under ``/api/`` also problem details for whatever failed."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from vectorstore.api import rate_limits
from vectorstore.api.problems import MEDIA_TYPE, replace_answer
from vectorstore.api.source import source_of
from vectorstore.monitoring import request_id, request_source

API = "/api/"
LIMITED = "/api/v1/"


class RequestIdMiddleware:
    """Stands first, so that answers of the other middlewares pass through it too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        current = request_id.accept(request.headers.get("X-Request-ID"))
        token = request_id.current.set(current)
        source = request_source.current.set(source_of(request))
        try:
            response = self._api(request) if request.path.startswith(API) else self.get_response(request)
        finally:
            request_source.current.reset(source)
            request_id.current.reset(token)
        response["X-Request-ID"] = current
        return response

    def _api(self, request: HttpRequest) -> HttpResponseBase:
        # The same resource answers with and without the slash. A redirect would lose the body of a POST.
        if not request.path_info.endswith("/"):
            request.path_info += "/"
            request.path += "/"
        response = self.get_response(request)
        told = response.get("Content-Type", "").startswith(MEDIA_TYPE)
        if response.status_code >= 400 and not told and isinstance(response, HttpResponse):
            response = replace_answer(request, response)
        if request.path.startswith(LIMITED):
            rate_limits.tell(request, response)
        return response
