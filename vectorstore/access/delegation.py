"""Giving rights on: nobody gives more than they hold, nor for longer, nor in more places."""

from datetime import datetime
from fnmatch import fnmatchcase

from django.contrib.auth.models import Group, User
from django.db.models import Q
from django.utils import timezone

from vectorstore.access.rights import HeldGrant, Place, Rights, held
from vectorstore.models import Grant, ServiceAccount


def lacking(rights: Rights, given: HeldGrant) -> str:
    """What the holder of ``rights`` lacks to give ``given``; empty if it may.

    What is held under a row filter or without some fields cannot be given on: a filter's variables mean other rows
    for somebody else.
    """
    scopes = rights.actor.scopes
    if scopes is not None:
        beyond = sorted(action for action in given.actions if not scopes.covers_action(action))
        if beyond or not pattern_covers(scopes.collections, given.place.collections):
            return f"the scopes of the API key leave out {beyond[0] if beyond else given.place.collections}"
    if rights.actor.superuser:
        return ""
    now = timezone.now()
    for action in sorted(given.actions):
        if not any(_reaches(grant, given, action, now) for grant in rights.grants):
            return f"you do not hold {action} on {given.place.collections} yourself, for as long"
    return ""


def _reaches(own: HeldGrant, given: HeldGrant, action: str, now: datetime) -> bool:
    lasts = own.expires_at is None or (given.expires_at is not None and given.expires_at <= own.expires_at)
    return not own.limited and own.gives(action, now) and lasts and place_covers(own.place, given.place)


def place_covers(outer: Place, inner: Place) -> bool:
    """Whether everything in ``inner`` is in ``outer``."""
    return (
        outer.cluster in ("*", inner.cluster)
        and outer.database in ("*", inner.database)
        and pattern_covers(outer.collections, inner.collections)
    )


def pattern_covers(outer: str, inner: str) -> bool:
    """Whether every name that ``inner`` matches is matched by ``outer``; no where that is hard to tell."""
    if outer in ("*", inner):
        return True
    if not set(inner) & set("*?"):
        return fnmatchcase(inner, outer)
    prefix = outer.removesuffix("*")
    literal = inner[: min(inner.find(mark) for mark in "*?" if mark in inner)]
    return outer.endswith("*") and not set(prefix) & set("*?") and literal.startswith(prefix)


def grants_of(subject: User | Group | ServiceAccount) -> list[HeldGrant]:
    """What somebody holds, or would as soon as a grant is enabled again."""
    if isinstance(subject, User):
        mine = Q(user=subject) | Q(group__user=subject)
    elif isinstance(subject, Group):
        mine = Q(group=subject)
    else:
        mine = Q(service_account=subject)
    return [held(row, {}) for row in Grant.objects.filter(mine).distinct()]
