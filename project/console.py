"""The middlewares that pages need: sessions, CSRF, messages and the like, together in one."""

from collections.abc import Callable
from typing import Any, cast

from django.conf import settings
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.module_loading import import_string

from vectorstore.api.middleware import API

Answer = Callable[[HttpRequest], HttpResponseBase]


class ConsoleMiddleware:
    """Those of ``CONSOLE_MIDDLEWARE``, in their order. A request of the API that brings its own credential passes by:
    to it they would do nothing, and each of them takes time."""

    def __init__(self, get_response: Answer) -> None:
        self._past = self._through = get_response
        self._before_views: list[Callable[..., HttpResponseBase | None]] = []
        self._after_failures: list[Callable[..., HttpResponseBase | None]] = []
        for path in reversed(settings.CONSOLE_MIDDLEWARE):
            middleware = import_string(path)(self._through)
            if hasattr(middleware, "process_view"):
                self._before_views.insert(0, middleware.process_view)
            if hasattr(middleware, "process_exception"):
                self._after_failures.append(middleware.process_exception)
            self._through = cast(Answer, convert_exception_to_response(middleware))

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self._past(request) if _passes(request) else self._through(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponseBase | None:
        if _passes(request):
            return None
        found = (hook(request, view, args, kwargs) for hook in self._before_views)
        return next((response for response in found if response is not None), None)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponseBase | None:
        if _passes(request):
            return None
        found = (hook(request, error) for hook in self._after_failures)
        return next((response for response in found if response is not None), None)


def _passes(request: HttpRequest) -> bool:
    return request.path_info.startswith(API) and bool(request.META.get("HTTP_AUTHORIZATION"))
