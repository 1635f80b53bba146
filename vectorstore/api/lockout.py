"""Too many wrong passwords for one name from one address: django-axes counts them, for the admin's login and the API's.

Names in ``project.settings.security`` refer to what is here.
"""

import hashlib
import math
from collections.abc import Mapping
from typing import Any

from axes.backends import AxesStandaloneBackend
from axes.handlers.proxy import AxesProxyHandler
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone

from vectorstore.access.throttle import hit
from vectorstore.api.source import network_of, source_of
from vectorstore.domain.errors import Throttled

API = "/api/"
ATTEMPTS_PER_MINUTE = 20
"""For one name from one address, right passwords included."""
_LONGEST_NAME = 255
_GONE = "�"


class LockoutBackend(AxesStandaloneBackend):
    """Stands before the backend that knows passwords. A check without a request is not from outside: it counts none."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> None:
        if request is not None:
            if not request.path.startswith(API):  # the API's view has counted it
                _count(request, attempted_name(request, credentials))
            super().authenticate(request, **credentials)


def attempted_name(request: HttpRequest, credentials: Mapping[str, Any] | None) -> str:
    """The name that was tried, as the database can keep it. Nobody has a longer one."""
    given = request.POST.get("username") if credentials is None else credentials.get("username")
    return str(given or "").replace("\0", _GONE)[:_LONGEST_NAME]


def refuse_locked_out(request: HttpRequest, name: str) -> None:
    """Raises Throttled while ``name`` is locked out for this caller; a name that nobody has is treated alike."""
    _count(request, name)
    credentials = {"username": name}
    if not AxesProxyHandler.is_allowed(request, credentials):
        raise Throttled(
            "Too many wrong passwords for this name from this address; try again later.",
            retry_after=_seconds_left(request, credentials),
        )


def _count(request: HttpRequest, name: str) -> None:
    """Count an attempt before the password is looked at: failures are counted afterwards, which many attempts sent
    at once would all be ahead of.

    Raises:
        Throttled: there were more than anybody mistypes.
    """
    digest = hashlib.sha256(f"{network_of(source_of(request))} {name}".encode("utf-8", "replace")).hexdigest()
    verdict = hit(f"password:{digest[:32]}", ATTEMPTS_PER_MINUTE)
    if not verdict.allowed:
        raise Throttled("Too many attempts to sign in; try again later.", retry_after=verdict.reset_s)


def failed(request: HttpRequest, name: str) -> None:
    """Count a wrong password that no backend was asked about."""
    AxesProxyHandler.user_login_failed(sender=__name__, credentials={"username": name}, request=request)


def succeeded(request: HttpRequest, user: User) -> None:
    """The failures of this name and address count no longer."""
    AxesProxyHandler.user_logged_in(sender=User, request=request, user=user)


def answer(request: HttpRequest, response: HttpResponseBase | None, credentials: Mapping[str, Any] | None) -> Any:
    """What the middleware of django-axes sends after a wrong password that was one too many."""
    if request.path.startswith(API):
        return response  # the view has said it
    seconds = _seconds_left(request, credentials)
    context = {"title": "Locked", "site_title": admin.site.site_title, "minutes": math.ceil(seconds / 60)}
    page: HttpResponse = render(request, "admin/locked.html", context, status=429)
    page["Retry-After"] = str(math.ceil(seconds))
    return page


def _seconds_left(request: HttpRequest, credentials: Mapping[str, Any] | None) -> float:
    """Until the latest failure is old enough; a request while locked out does not count as one."""
    handler = AxesProxyHandler.get_implementation()
    latest = [
        attempts.aggregate(latest=Max("attempt_time"))["latest"]
        for attempts in handler.get_user_attempts(request, credentials)
    ]
    ends = max((moment for moment in latest if moment is not None), default=timezone.now()) + settings.AXES_COOLOFF_TIME
    return float(max(1.0, (ends - timezone.now()).total_seconds()))
