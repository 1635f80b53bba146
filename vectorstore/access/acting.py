"""On whose behalf work goes on that somebody asked for earlier."""

from django.contrib.auth.models import User
from django.utils import timezone

from vectorstore.access import api_keys
from vectorstore.access.actor import SERVICE_ACCOUNT, SYSTEM, SYSTEM_KIND, USER, Actor
from vectorstore.domain.errors import PermissionDenied
from vectorstore.models import ApiKey, ServiceAccount

METHOD = "job"


def acting_for(kind: str, account_id: int | None, name: str, key_prefix: str = "") -> Actor:
    """The actor as it is now: what it may do is looked up again, within the scopes of the key it came with.

    Raises:
        PermissionDenied: the account is gone or disabled, or the key is revoked or has expired.
    """
    if kind == SYSTEM_KIND:
        return SYSTEM
    superuser = False
    if kind == USER:
        user = User.objects.filter(pk=account_id or 0, is_active=True).first()
        found, superuser = user is not None, user is not None and user.is_superuser
    else:
        found = kind == SERVICE_ACCOUNT and ServiceAccount.objects.filter(pk=account_id or 0, is_active=True).exists()
    if not found:
        raise PermissionDenied(f"The account {name}, which asked for this, is gone or disabled: enable it again.")
    scopes = None
    if key_prefix:
        key = ApiKey.objects.filter(prefix=key_prefix, revoked_at=None, expires_at__gt=timezone.now()).first()
        if key is None:
            raise PermissionDenied(f"The API key {key_prefix}, which asked for this, is revoked or expired.")
        scopes = api_keys.scopes_of(key)
    return Actor(kind, account_id, name, superuser, METHOD, key_prefix, scopes)
