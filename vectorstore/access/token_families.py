"""Families of tokens: every refresh token belongs to the chain that began with one login.

A refresh token is good for one use. One that is used twice was copied by somebody, so its whole family ends.
"""

import uuid
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from vectorstore.access.verified import forget
from vectorstore.models import TokenFamily, UsedRefreshToken

LIFE = timedelta(days=7)


def begin(user: User) -> TokenFamily:
    """The family of a login that happens now."""
    return TokenFamily.objects.create(id=uuid.uuid4().hex, user=user, expires_at=timezone.now() + LIFE)


def living(family_id: str, *, locked: bool = False) -> TokenFamily | None:
    """The family with its user, unless it has ended or the user is disabled.

    ``locked``: until the end of the transaction nobody else changes or deletes it.
    """
    families = TokenFamily.objects.select_related("user").filter(pk=family_id, revoked_at=None)
    family = (families.select_for_update(of=("self",)) if locked else families).first()
    if family is None or family.expires_at <= timezone.now() or not family.user.is_active:
        return None
    return family


def first_use(family: TokenFamily, jti: str) -> bool:
    """Record a use of the refresh token ``jti``; False if it was used before.

    One INSERT decides, by a unique key: of any number of concurrent uses exactly one is the first.
    """
    try:
        with transaction.atomic():
            UsedRefreshToken.objects.create(jti=jti, family=family)
    except IntegrityError:
        return False
    return True


def end(family: TokenFamily, because: str) -> None:
    """No token of the family is good from now on; ending it again changes nothing."""
    TokenFamily.objects.filter(pk=family.pk, revoked_at=None).update(revoked_at=timezone.now(), revoked_because=because)
    forget()


def purge() -> int:
    """Delete families that have expired, with their uses; returns how many families."""
    _, deleted = TokenFamily.objects.filter(expires_at__lte=timezone.now()).delete()
    return deleted.get(TokenFamily._meta.label, 0)
