"""Token pairs: an access token of five minutes, and a refresh token that is good for one use.

They say who the caller is and never what it may do. Which tokens are good is decided by their family
(``access.token_families``), the chain that began with one login.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypedDict

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from rest_framework_simplejwt import tokens as simplejwt
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings

from vectorstore.access import token_families as families
from vectorstore.access.actor import Actor
from vectorstore.access.verified import Verified
from vectorstore.api.token_backend import SigningKeyBackend, backend
from vectorstore.domain.errors import NotAuthenticated
from vectorstore.models import TokenFamily

FAMILY, PASSWORD = "fam", "ver"
_ACTOR_METHOD = "token"


class TokenPair(TypedDict):
    access: str
    refresh: str


class Replayed(NotAuthenticated):
    """A refresh token was used a second time, and its family has ended; ``actor`` is whose it was."""

    def __init__(self, detail: str, actor: Actor) -> None:
        super().__init__(detail)
        self.actor = actor


class AccessToken(simplejwt.AccessToken):
    def get_token_backend(self) -> SigningKeyBackend:
        return backend


class RefreshToken(simplejwt.RefreshToken):
    access_token_class = AccessToken

    def get_token_backend(self) -> SigningKeyBackend:
        return backend


def issue(user: User) -> TokenPair:
    """The first pair of a new family."""
    return _pair(families.begin(user))


def rotate(refresh: str, record: Callable[[Actor], None] = lambda _: None) -> TokenPair:
    """A new pair for an unused refresh token, which dies.

    ``record`` is called with whose it is before anything is committed: what it raises leaves the token unused.

    Raises:
        Replayed: it was used before; its family has ended now.
        NotAuthenticated: it is invalid, expired or revoked, or its user is gone, disabled or has another password.
    """
    token = _read(refresh)
    with transaction.atomic():
        family = families.living(token[FAMILY], locked=True)
        if family is None or not _is_of(token, family):
            raise _refused()
        actor = Actor.of(family.user, _ACTOR_METHOD)
        if families.first_use(family, token[api_settings.JTI_CLAIM]):
            record(actor)
            return _pair(family)
        families.end(family, "replay")
    raise Replayed(_refused().detail, actor)


def revoke(refresh: str) -> Actor:
    """End the family of a refresh token; returns whose it was. Revoking again changes nothing.

    Raises:
        NotAuthenticated: it never was a valid token, has expired, or its user is gone.
    """
    token = _read(refresh)
    family = TokenFamily.objects.select_related("user").filter(pk=token[FAMILY]).first()
    if family is None:
        raise _refused()
    families.end(family, "logout")
    return Actor.of(family.user, _ACTOR_METHOD)


def verify(access: bytes) -> Verified | None:
    """Whose access token it is; None if it is invalid or has ended with its family, its user or the password."""
    try:
        token = AccessToken(access)  # type: ignore[arg-type]  # annotated as a Token
    except TokenError:
        return None
    family = families.living(str(token.get(FAMILY)))
    if family is None or not _is_of(token, family):
        return None
    return Verified(Actor.of(family.user, _ACTOR_METHOD), float(token["exp"]))


def _pair(family: TokenFamily) -> TokenPair:
    token = RefreshToken()
    token[api_settings.USER_ID_CLAIM] = str(family.user_id)
    token[FAMILY] = family.pk
    token[PASSWORD] = _mark(family.user.password, settings.SECRET_KEY)
    access = token.access_token
    left = family.expires_at - timezone.now()
    for part in (token, access):  # nothing outlives the family
        part.set_exp(lifetime=min(_life(part), left))
    return {"access": str(access), "refresh": str(token)}


def _life(token: simplejwt.Token) -> timedelta:
    assert token.lifetime is not None  # noqa: S101  both kinds have one
    return token.lifetime


def _read(refresh: str) -> RefreshToken:
    try:
        token = RefreshToken(refresh.encode("utf-8", "replace"))  # type: ignore[arg-type]
    except TokenError:
        raise _refused() from None
    if not isinstance(token.get(FAMILY), str):
        raise _refused()
    return token


def _refused() -> NotAuthenticated:
    return NotAuthenticated("The refresh token is not valid, has expired or was used before.")


def _is_of(token: simplejwt.Token, family: TokenFamily) -> bool:
    """Whether the token is of the family's user as it is now: a changed password ends every token."""
    known = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    mark = str(token.get(PASSWORD))
    return token.get(api_settings.USER_ID_CLAIM) == str(family.user_id) and any(
        constant_time_compare(mark, _mark(family.user.password, key)) for key in known
    )


def _mark(password: str, secret_key: str | bytes) -> str:
    """64 bits that change with the stored password and tell nothing about it."""
    digest: Any = salted_hmac("vectorstore.token.password", password, secret=secret_key, algorithm="sha256")
    return str(digest.hexdigest())[:16]
