"""Who is calling: a bearer token, an API key, or the browser admin's session with its CSRF token.

What the ``Authorization`` header says counts; a session is looked at only without one.
"""

from collections.abc import Callable
from typing import Any

from rest_framework import authentication, exceptions
from rest_framework.request import Request

from vectorstore.access import api_keys
from vectorstore.access.actor import Actor
from vectorstore.access.verified import Verified, remembered
from vectorstore.api import tokens
from vectorstore.api.problems import CsrfFailed
from vectorstore.api.source import source_of


def _credential(request: Request, scheme: str) -> str | None:
    """What the header carries under ``scheme``; None where it has another one."""
    given, _, credential = request.META.get("HTTP_AUTHORIZATION", "").strip().partition(" ")
    return credential.strip() if given.lower() == scheme else None


def _verified(credential: bytes, check: Callable[[], Verified | None]) -> tuple[Actor, Verified]:
    known = remembered.get(credential)
    if known is None:
        epoch = remembered.epoch
        known = check()
        if known is None:
            # One answer for whatever is wrong: it teaches nothing.
            raise exceptions.AuthenticationFailed("The credentials are not valid or have expired.")
        remembered.put(credential, known, epoch)
    return known.actor, known


class _HeaderAuthentication(authentication.BaseAuthentication):
    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


class TokenAuthentication(_HeaderAuthentication):
    """``Authorization: Bearer <access token>``."""

    def authenticate(self, request: Request) -> tuple[Actor, Verified] | None:
        credential = _credential(request, "bearer")
        if credential is None:
            return None
        token = credential.encode("utf-8", "replace")
        return _verified(token, lambda: tokens.verify(token))


class ApiKeyAuthentication(_HeaderAuthentication):
    """``Authorization: Api-Key vs_<prefix>_<secret>``."""

    def authenticate(self, request: Request) -> tuple[Actor, Verified] | None:
        key = _credential(request, "api-key")
        if key is None:
            return None
        source = source_of(request._request)
        # A key may be bound to a network, so it is remembered for the address that it came from.
        return _verified(f"{source} {key}".encode("utf-8", "replace"), lambda: api_keys.check(key, source))


class SessionAuthentication(authentication.SessionAuthentication):
    """Django's session; every unsafe method needs the CSRF token. Stands last: it refuses headers that nobody took."""

    def authenticate(self, request: Request) -> Any:
        if request.META.get("HTTP_AUTHORIZATION", "").strip():
            raise exceptions.AuthenticationFailed("Authorization is Bearer <access token> or Api-Key <key>.")
        return super().authenticate(request)

    def enforce_csrf(self, request: Any) -> None:
        try:
            # Django's own request, because the framework's would parse the body to look for a form.
            super().enforce_csrf(request._request)
        except exceptions.PermissionDenied:
            raise CsrfFailed("Send the CSRF token of this session in X-CSRFToken.") from None
