"""What an actor may do: the grants it holds, looked up and remembered for at most five seconds."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from django.db.models import Q
from django.utils import timezone

from vectorstore.access.actor import SERVICE_ACCOUNT, USER, Actor
from vectorstore.access.roles import ACTIONS, BROAD, ROLES, ROW_ACTIONS
from vectorstore.domain.row_filter import RowFilter
from vectorstore.models import Grant, ServiceAccount, UserAttributes

REMEMBER_S = 5.0
_MOST_REMEMBERED = 10_000
_EVERY = ("*", "default")
_IN_A_COLLECTION = ACTIONS - BROAD - {"apikey.own", "database.view"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a grant holds: a name or ``*`` for cluster and database, a pattern for collections."""

    cluster: str
    database: str
    collections: str

    def holds(self, cluster: str, database: str, collection: str | None) -> bool:
        return (
            self.cluster in ("*", cluster)
            and self.database in ("*", database)
            and (collection is None or fnmatchcase(collection, self.collections))
        )

    @property
    def is_everything(self) -> bool:
        """All collections of every database, or of the default one, which is all there is to many."""
        return self.collections == "*" and self.cluster in _EVERY and self.database in _EVERY


@dataclass(frozen=True, slots=True)
class HeldGrant:
    """``limited``: it has a row filter or denied fields, and so gives row actions only.

    ``rows`` is the resolved row filter; ``unresolved`` says that a variable had no value, so it gives nothing.
    """

    id: int
    role: str
    actions: frozenset[str]
    place: Place
    valid_from: datetime
    expires_at: datetime | None
    limited: bool = False
    rows: RowFilter | None = None
    unresolved: bool = False
    denied: frozenset[str] = frozenset()

    def gives(self, action: str, now: datetime) -> bool:
        in_time = self.valid_from <= now and (self.expires_at is None or now < self.expires_at)
        return in_time and action in self.actions and not self.unresolved


@dataclass(frozen=True, slots=True)
class Limits:
    """What part of a collection a decision covers: rows that meet any of ``rows`` (none: all), without ``denied``."""

    rows: tuple[RowFilter, ...] = ()
    denied: frozenset[str] = frozenset()


EVERYTHING = Limits()


@dataclass(frozen=True, slots=True)
class Decision:
    """``visible``: the caller may know that the collection is there, so a refusal is 403 and not 404."""

    allowed: bool
    reason: str
    visible: bool = True
    grants: tuple[int, ...] = ()
    limits: Limits = EVERYTHING


@dataclass(frozen=True, slots=True)
class Rights:
    """The grants of one actor, whatever their time of validity: that is looked at with each decision."""

    actor: Actor
    grants: tuple[HeldGrant, ...]

    def decide(self, action: str, cluster: str = "", database: str = "", collection: str | None = None) -> Decision:
        """Whether ``action`` is allowed there. Without ``collection`` it is asked of the gateway as a whole."""
        actor = self.actor
        if action not in ACTIONS:
            return Decision(False, f"there is no action {action[:64]!r}", visible=False)
        if not self._within_scopes(action, collection):
            visible = collection is None or self.sees(cluster, database, collection)
            return Decision(False, "the scopes of the API key leave it out", visible)
        if actor.superuser:
            return Decision(True, "superuser" if actor.user_id else "the system itself")
        given = [grant for grant in self._giving(action) if _applies(grant, action, cluster, database, collection)]
        if given:
            names = ", ".join(f"grant {grant.id} ({grant.role} on {grant.place.collections})" for grant in given[:3])
            return Decision(True, names, True, tuple(grant.id for grant in given), _limits(given))
        where = f" on {collection}" if collection is not None else ""
        visible = collection is None or self.sees(cluster, database, collection)
        return Decision(False, f"no grant gives {action}{where}", visible)

    def sees(self, cluster: str, database: str, collection: str) -> bool:
        """Whether the collection, should there be one, is there for this actor: some right on it is enough."""
        scopes = self.actor.scopes
        if scopes is not None and not scopes.covers_collection(collection):
            return False
        if self.actor.superuser:
            return True
        now = timezone.now()
        return any(
            grant.gives(action, now) and (scopes is None or scopes.covers_action(action))
            for grant in self.grants
            if grant.place.holds(cluster, database, collection)
            for action in grant.actions & _IN_A_COLLECTION
        )

    def sees_database(self, cluster: str, database: str) -> bool:
        """Whether anything in the database may be there for this actor."""
        return self.decide("database.view", cluster, database).allowed

    def somewhere(self, action: str) -> bool:
        """Whether ``action`` is allowed on anything at all: decides what menus show, never what may be done."""
        if self.actor.scopes is not None and not self.actor.scopes.covers_action(action):
            return False
        return action in ACTIONS and (self.actor.superuser or any(self._giving(action)))

    def _giving(self, action: str) -> list[HeldGrant]:
        now = timezone.now()
        return [grant for grant in self.grants if grant.gives(action, now)]

    def _within_scopes(self, action: str, collection: str | None) -> bool:
        scopes = self.actor.scopes
        if scopes is None:
            return True
        if collection is None:
            return scopes.covers_action(action) and (action not in BROAD or scopes.collections == "*")
        return scopes.covers_action(action) and scopes.covers_collection(collection)


def _applies(grant: HeldGrant, action: str, cluster: str, database: str, collection: str | None) -> bool:
    if action in BROAD and collection is None:
        return grant.place.is_everything
    if action == "apikey.own":
        return True
    return grant.place.holds(cluster, database, collection)


def _limits(given: list[HeldGrant]) -> Limits:
    """Rows of either grant. Which fields are denied does not change from row to row: where grants differ, a field
    that one of them denies is denied in all rows that only the grants with row filters give."""
    if any(not grant.limited for grant in given):
        return EVERYTHING
    whole = [grant.denied for grant in given if grant.rows is None]
    if whole:
        return Limits(denied=frozenset.intersection(*whole))
    rows = dict.fromkeys(grant.rows for grant in given if grant.rows is not None)
    return Limits(tuple(rows), frozenset().union(*(grant.denied for grant in given)))


_remembered: dict[tuple[str, int | None], tuple[int | None, float, tuple[HeldGrant, ...]]] = {}


def rights_of(actor: Actor, version: int | None = None) -> Rights:
    """The rights of now. ``version`` moves with every change of a right; None where it cannot be asked for."""
    if actor.superuser or actor.id is None:
        return Rights(actor, ())
    key = (actor.kind, actor.id)
    found = _remembered.get(key)
    if found is None or found[0] != version or time.monotonic() - found[1] >= REMEMBER_S:
        if len(_remembered) >= _MOST_REMEMBERED:
            _remembered.clear()
        found = _remembered[key] = (version, time.monotonic(), _load(actor))
    return Rights(actor, found[2])


def forget() -> None:
    """A right has changed: nobody's are remembered any longer in this process."""
    _remembered.clear()


def _load(actor: Actor) -> tuple[HeldGrant, ...]:
    if actor.kind == USER:
        mine = Q(user_id=actor.id) | Q(group__user=actor.id)
    elif actor.kind == SERVICE_ACCOUNT:
        mine = Q(service_account_id=actor.id)
    else:
        return ()
    rows = list(Grant.objects.filter(mine, enabled=True).order_by("id").distinct())
    attributes = _attributes(actor) if any(row.row_filter for row in rows) else {}
    return tuple(held(row, attributes) for row in rows)


def _attributes(actor: Actor) -> Mapping[str, Any]:
    if actor.kind == USER:
        found = UserAttributes.objects.filter(user_id=actor.id or 0).values_list("values", flat=True).first()
    else:
        found = ServiceAccount.objects.filter(pk=actor.id or 0).values_list("attributes", flat=True).first()
    return {**(found or {}), "name": actor.name}


def held(row: Grant, attributes: Mapping[str, Any]) -> HeldGrant:
    """A grant as decisions use it."""
    rows = RowFilter.read(row.row_filter).resolved(attributes) if row.row_filter else None
    limited = bool(row.row_filter or row.denied_fields)
    actions = ROLES.get(row.role, frozenset())
    return HeldGrant(
        id=row.pk,
        role=row.role,
        actions=actions & ROW_ACTIONS if limited else actions,
        place=Place(row.cluster, row.database, row.collections),
        valid_from=row.valid_from,
        expires_at=row.expires_at,
        limited=limited,
        rows=rows,
        unresolved=bool(row.row_filter) and rows is None,
        denied=frozenset(row.denied_fields),
    )
