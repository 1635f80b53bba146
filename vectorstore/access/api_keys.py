"""API keys ``vs_<prefix>_<secret>``: 256 random bits, of which only an HMAC is kept."""

import ipaddress
import logging
import re
import secrets
import string
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from vectorstore.access.actor import SERVICE_ACCOUNT, USER, Actor, KeyScopes
from vectorstore.access.verified import Verified, forget
from vectorstore.domain.errors import InvalidRequest
from vectorstore.models import ApiKey, ServiceAccount

log = logging.getLogger(__name__)

DEFAULT_LIFE = timedelta(days=90)
LONGEST_LIFE = timedelta(days=365)
_LAST_USED_PAUSE = timedelta(minutes=1)

_BASE36 = string.ascii_lowercase + string.digits
_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
_SECRET_BYTES, _SECRET_DIGITS = 32, 43
_FORM = re.compile(rf"vs_([a-z0-9]{{8}})_[0-9A-Za-z]{{{_SECRET_DIGITS}}}")
_ATTEMPTS = 5


def make(
    name: str,
    owner: User | ServiceAccount,
    *,
    expires_at: datetime | None = None,
    scopes: KeyScopes | None = None,
    cidr: str = "",
    rate_limit: int | None = None,
    by: str = "",
) -> tuple[ApiKey, str]:
    """A new key and its text, which cannot be had again.

    Without ``expires_at`` it lives 90 days. ``rate_limit`` is in requests a minute; ``by`` names who made it.

    Raises:
        InvalidRequest: it would have expired already, or live for more than 365 days; ``cidr`` is no network.
    """
    now = timezone.now()
    ends = expires_at or now + DEFAULT_LIFE
    if not now < ends <= now + LONGEST_LIFE:
        raise InvalidRequest.at("/expires_at", "a key expires in the future and within 365 days")
    if cidr and _network(cidr) is None:
        raise InvalidRequest.at("/cidr", "cidr is a network such as 10.0.0.0/8 or 2001:db8::/32")
    fields: dict[str, Any] = {
        "name": name,
        "user": owner if isinstance(owner, User) else None,
        "service_account": owner if isinstance(owner, ServiceAccount) else None,
        "scopes": None if scopes is None else _written(scopes),
        "cidr": cidr,
        "rate_limit": rate_limit,
        "expires_at": ends,
        "created_by": by[:150],
    }
    for _ in range(_ATTEMPTS):
        prefix = "".join(secrets.choice(_BASE36) for _ in range(8))
        text = f"vs_{prefix}_{_base62(secrets.token_bytes(_SECRET_BYTES))}"
        try:
            with transaction.atomic():
                return ApiKey.objects.create(prefix=prefix, digest=_digest(text, settings.SECRET_KEY), **fields), text
        except IntegrityError:
            if not ApiKey.objects.filter(prefix=prefix).exists():
                raise
    raise RuntimeError("no unused prefix was found")  # one in 36^8 is taken for each key that there is


def revoke(key: ApiKey) -> None:
    """The key is refused from now on; revoking it again changes nothing."""
    ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now())
    key.refresh_from_db(fields=["revoked_at"])
    forget()


def check(text: str, source: str) -> Verified | None:
    """Whose key it is, sent from the address ``source``.

    None for a key that is malformed, unknown, revoked, expired or not for that address, or whose owner is disabled.
    """
    form = _FORM.fullmatch(text)
    if form is None:
        return None
    key = ApiKey.objects.select_related("user", "service_account").filter(prefix=form[1], revoked_at=None).first()
    if key is None or not _matches(key, text) or key.expires_at <= timezone.now() or not _may_come_from(key, source):
        return None
    owner = key.user or key.service_account
    if owner is None or not owner.is_active:
        return None
    _used(key)
    actor = Actor(
        kind=USER if isinstance(owner, User) else SERVICE_ACCOUNT,
        id=owner.pk,
        name=owner.get_username() if isinstance(owner, User) else owner.name,
        superuser=isinstance(owner, User) and owner.is_superuser,
        method="api_key",
        key_prefix=key.prefix,
        scopes=scopes_of(key),
    )
    return Verified(actor, key.expires_at.timestamp(), key.rate_limit)


def _base62(secret: bytes) -> str:
    number, digits = int.from_bytes(secret, "big"), ""
    for _ in range(_SECRET_DIGITS):
        number, digit = divmod(number, 62)
        digits += _BASE62[digit]
    return digits


def _digest(text: str, secret_key: str | bytes) -> str:
    return salted_hmac("vectorstore.api_key", text, secret=secret_key, algorithm="sha256").hexdigest()


def _matches(key: ApiKey, text: str) -> bool:
    known = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return any(constant_time_compare(_digest(text, secret_key), key.digest) for secret_key in known)


@lru_cache(maxsize=1024)
def _network(cidr: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(cidr, strict=False)
    except ValueError:
        return None


def _may_come_from(key: ApiKey, source: str) -> bool:
    if not key.cidr:
        return True
    network = _network(key.cidr)
    try:
        address = ipaddress.ip_address(source)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return network is not None and address in network


def _written(scopes: KeyScopes) -> dict[str, Any]:
    actions = None if scopes.actions is None else sorted(scopes.actions)
    return {"actions": actions, "collections": scopes.collections}


def scopes_of(key: ApiKey) -> KeyScopes | None:
    """What is on record; what is not understood leaves no right at all."""
    match key.scopes:
        case None:
            return None
        case {"actions": None, "collections": str(collections)}:
            return KeyScopes(None, collections)
        case {"actions": [*actions], "collections": str(collections)}:
            return KeyScopes(frozenset(map(str, actions)), collections)
    return KeyScopes(frozenset(), "")


def _used(key: ApiKey) -> None:
    """Record the use, at most once a minute; a request never fails for it."""
    now = timezone.now()
    stale = now - _LAST_USED_PAUSE
    if key.last_used_at is not None and key.last_used_at > stale:
        return
    try:
        with transaction.atomic():
            ApiKey.objects.filter(Q(last_used_at=None) | Q(last_used_at__lte=stale), pk=key.pk).update(last_used_at=now)
    except DatabaseError as error:
        log.warning("the last use of the API key %s could not be recorded (%s)", key.prefix, type(error).__name__)
