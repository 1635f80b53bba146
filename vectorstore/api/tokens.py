"""Token pairs: a short-lived access token and a refresh token that is good for one use.

Every refresh token belongs to a family, the chain that began with one login. A token that is used twice was
copied by somebody, so its whole family dies.
"""

from typing import TypedDict, cast

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import BlacklistMixin, RefreshToken
from rest_framework_simplejwt.utils import get_md5_hash_password

from vectorstore.domain.errors import NotAuthenticated

_FAMILY = "family"


class TokenPair(TypedDict):
    access: str
    refresh: str


class _Refresh(RefreshToken):
    def check_blacklist(self) -> None:
        """A used token is read all the same: its second use must be noticed, not only refused."""

    @classmethod
    def begin(cls, user: User, family: str | None) -> "_Refresh":
        # The mixin would record the token before it has its family.
        token: _Refresh = super(BlacklistMixin, cls).for_user(user)
        token[_FAMILY] = family or token[api_settings.JTI_CLAIM]
        token.outstand()
        return token


def issue(user: User, family: str | None = None) -> TokenPair:
    """A new pair; without a ``family`` it begins one."""
    token = _Refresh.begin(user, family)
    return {"access": str(token.access_token), "refresh": str(token)}


def rotate(refresh: str) -> TokenPair:
    """A new pair for an unused refresh token, which dies.

    Raises:
        NotAuthenticated: the token is invalid or expired, was used or revoked, or its user is gone, disabled
            or has another password since.
    """
    token = _read(refresh)
    user = get_user_model().objects.filter(pk=token.get(api_settings.USER_ID_CLAIM), is_active=True).first()
    if user is None or _password_changed(token, user):
        raise _refused()
    with transaction.atomic():
        # Unique in the database: of two concurrent uses one is the first. (The library annotates one value.)
        _, first_use = cast(tuple[BlacklistedToken, bool], token.blacklist())
    if not first_use:
        _end_family(user, token.get(_FAMILY))
        raise _refused()
    return issue(user, token.get(_FAMILY))


def revoke(refresh: str) -> None:
    """The token is refused from now on; revoking it again changes nothing.

    Raises:
        NotAuthenticated: it never was a valid token, or has expired.
    """
    _read(refresh).blacklist()


def _read(refresh: str) -> _Refresh:
    try:
        return _Refresh(refresh)  # type: ignore[arg-type]  # annotated as a Token
    except (TokenError, ValueError):
        raise _refused() from None


def _refused() -> NotAuthenticated:
    return NotAuthenticated("The refresh token is not valid, has expired or was used before.")


def _password_changed(token: _Refresh, user: User) -> bool:
    if not api_settings.CHECK_REVOKE_TOKEN:
        return False
    return bool(token.get(api_settings.REVOKE_TOKEN_CLAIM) != get_md5_hash_password(user.password))


def _end_family(user: User, family: str | None) -> None:
    for known in OutstandingToken.objects.filter(user=user, expires_at__gt=timezone.now()):
        if _Refresh(known.token, verify=False).get(_FAMILY) == family:  # type: ignore[arg-type]
            BlacklistedToken.objects.get_or_create(token=known)
