"""Who is calling: a bearer token, or the browser admin's session with its CSRF token."""

import threading
import time
from hashlib import sha256
from typing import Any

from rest_framework import authentication, exceptions
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import AuthenticationFailed, InvalidToken

from vectorstore.api.problems import CsrfFailed

REMEMBER_SECONDS = 5.0
"""How long a disabled user may still be served: a search then costs no signature check and no query."""


class TokenMemory:
    """Verified tokens and their users, for a few seconds, at most ``size`` of them.

    Keys are digests, so that a memory dump holds no usable token.
    """

    def __init__(self, seconds: float, size: int = 10_000) -> None:
        self._seconds = seconds
        self._size = size
        self._known: dict[bytes, tuple[float, Any]] = {}
        self._lock = threading.Lock()

    def get(self, token: bytes) -> Any | None:
        """The user of a token remembered and not yet stale."""
        found = self._known.get(sha256(token).digest())
        return found[1] if found is not None and time.monotonic() < found[0] else None

    def put(self, token: bytes, user: Any, expires_in: float) -> None:
        """Remember ``user`` for the memory's span, or for ``expires_in`` seconds if the token ends sooner."""
        until = time.monotonic() + min(self._seconds, expires_in)
        key = sha256(token).digest()
        with self._lock:
            self._known.pop(key, None)  # entries stand in order of insertion, so the first is the oldest
            if len(self._known) >= self._size:
                del self._known[next(iter(self._known))]
            self._known[key] = (until, user)

    def clear(self) -> None:
        """Forget everybody, so that each token is checked again."""
        with self._lock:
            self._known.clear()


class TokenAuthentication(JWTAuthentication):
    """``Authorization: Bearer <access token>``."""

    remembered = TokenMemory(REMEMBER_SECONDS)

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        scheme, _, raw = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        token = raw.strip().encode("utf-8", "replace")
        user = self.remembered.get(token)
        if user is not None:
            return user, None
        try:
            valid = self.get_validated_token(token)
            user = self.get_user(valid)
        except (InvalidToken, AuthenticationFailed, ValueError):
            # One answer for a forged, an expired and a deleted user's token: it teaches nothing.
            raise exceptions.AuthenticationFailed("The access token is not valid or has expired.") from None
        self.remembered.put(token, user, valid["exp"] - time.time())
        return user, valid

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


class SessionAuthentication(authentication.SessionAuthentication):
    """Django's session; every unsafe method needs the CSRF token."""

    def enforce_csrf(self, request: Any) -> None:
        try:
            # Django's own request, because the framework's would parse the body to look for a form.
            super().enforce_csrf(request._request)
        except exceptions.PermissionDenied:
            raise CsrfFailed("Send the CSRF token of this session in X-CSRFToken.") from None
