"""The gateway without its security, to measure what that costs: for the benchmark, and reachable from nowhere else.

``DJANGO_SETTINGS_MODULE=benchmarks.bare_settings`` loads it. Every request is the system's, nothing is counted,
nothing is recorded.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.apps import AppConfig


class BareConfig(AppConfig):
    name = "benchmarks"
    label = "bare"
    default = True

    def ready(self) -> None:
        from vectorstore.access.actor import SYSTEM
        from vectorstore.api import authentication, rate_limits
        from vectorstore.service import operation

        def authenticate(self: Any, request: Any) -> tuple[Any, None]:
            return SYSTEM, None

        @contextmanager
        def unrecorded(*_: Any) -> Iterator[None]:
            yield

        authentication.TokenAuthentication.authenticate = authenticate  # type: ignore[assignment,method-assign]
        rate_limits.count = lambda request, *, public, bucket="login": None
        rate_limits.tell = lambda request, response: None
        vars(operation).update(_recorded=unrecorded, parameters_of=lambda request: {})
