"""A reference model of rights, written from ``docs/security.md`` and apart from the code that it judges.

Slow and plain on purpose: a caller is the list of its grants, a need is one rule of that page.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ACTIONS = _words(
    """
    collection.view collection.create collection.alter collection.drop collection.load
    index.view index.create index.drop partition.view partition.create partition.drop alias.manage
    database.view database.create database.drop
    vector.search vector.query vector.insert vector.upsert vector.delete vector.delete_by_filter
    vector.import vector.export
    backup.view backup.create backup.restore backup.delete migration.view migration.apply job.view job.cancel
    metrics.view profile.view grant.view grant.manage apikey.own apikey.manage audit.view audit.verify
    cluster.view cluster.manage rowfilter.bypass
    """
)

_VIEWER = _words("collection.view index.view partition.view database.view vector.search vector.query apikey.own")
_EDITOR = _VIEWER | _words(
    """vector.insert vector.upsert vector.delete vector.delete_by_filter vector.import vector.export
    job.view job.cancel"""
)
_COLLECTION_ADMIN = _EDITOR | _words(
    """collection.create collection.alter collection.drop collection.load index.create index.drop
    partition.create partition.drop alias.manage backup.view backup.create backup.restore backup.delete
    profile.view"""
)
ROLES: dict[str, frozenset[str]] = {
    "viewer": _VIEWER,
    "editor": _EDITOR,
    "collection_admin": _COLLECTION_ADMIN,
    "security_admin": _words("grant.view grant.manage apikey.manage audit.view audit.verify apikey.own"),
    "cluster_admin": ACTIONS - {"rowfilter.bypass"},
}

OF_A_COLLECTION = frozenset(
    name for name in ACTIONS if name.split(".")[0] in {"collection", "index", "partition", "alias", "vector"}
)
"""What may be done to one collection; holding any of it makes the collection visible."""
OF_THE_GATEWAY = frozenset(
    name for name in ACTIONS if name.split(".")[0] in {"grant", "audit", "cluster", "migration", "metrics"}
) | {"apikey.manage", "database.create", "database.drop"}
"""What comes from a grant on all collections only."""
WITHIN_ROWS = frozenset(name for name in ACTIONS if name.startswith("vector.")) | {
    "collection.view",
    "index.view",
    "partition.view",
    "database.view",
}
"""What a grant with a row filter or denied fields gives at most: row actions and views."""


@dataclass(frozen=True)
class Held:
    """A grant as it is held; ``active``: enabled and within its time."""

    role: str
    collections: str = "*"
    database: str = "default"
    rows: bool = False
    denied: bool = False
    active: bool = True

    @property
    def actions(self) -> frozenset[str]:
        if not self.active:
            return frozenset()
        return ROLES[self.role] & WITHIN_ROWS if self.rows or self.denied else ROLES[self.role]


@dataclass(frozen=True)
class Scopes:
    actions: frozenset[str]
    collections: str


@dataclass(frozen=True)
class Caller:
    """Somebody who asks, always in the database ``default`` of the cluster ``default``."""

    name: str
    grants: tuple[Held, ...] = ()
    superuser: bool = False
    known: bool = True
    scopes: Scopes | None = None

    def holds(self, action: str, collection: str) -> bool:
        """Whether ``action`` may be done on that collection."""
        return self._scoped(action, collection) and (self.superuser or any(self._give(action, collection)))

    def sees(self, collection: str) -> bool:
        """Whether the collection is there for the caller: it holds some action on it."""
        return any(self.holds(action, collection) for action in OF_A_COLLECTION)

    def holds_everywhere(self, action: str) -> bool:
        """Whether an action that concerns the whole gateway may be done: by a grant on ``*`` of every database, or of
        the default one."""
        if self.scopes and (action not in self.scopes.actions or self.scopes.collections != "*"):
            return False
        return self.superuser or any(
            action in held.actions and held.collections == "*" and held.database in ("*", "default")
            for held in self.grants
        )

    def holds_somewhere(self, action: str) -> bool:
        """Whether an action without a collection of its own may be done: any place will do."""
        if self.scopes and action not in self.scopes.actions:
            return False
        places = [held for held in self.grants if action != "database.view" or held.database == "default"]
        return self.superuser or any(action in held.actions for held in places)

    def covers(self, action: str, pattern: str) -> bool:
        """Whether ``action`` is held without restriction on all that ``pattern`` may match, and so can be given."""
        if self.scopes and not (action in self.scopes.actions and _inside(pattern, self.scopes.collections)):
            return False
        return self.superuser or any(
            action in held.actions
            and _inside(pattern, held.collections)
            and held.database == "default"
            and not (held.rows or held.denied)
            for held in self.grants
        )

    @property
    def upserts_whole_rows(self) -> bool:
        """Upserts and imports write whole rows, so both are refused to whoever does not see all of their fields."""
        return self.superuser or not any(held.denied for held in self.grants)

    def _give(self, action: str, collection: str) -> list[bool]:
        return [
            action in held.actions and held.database == "default" and fnmatchcase(collection, held.collections)
            for held in self.grants
        ]

    def _scoped(self, action: str, collection: str) -> bool:
        scopes = self.scopes
        return not scopes or (action in scopes.actions and fnmatchcase(collection, scopes.collections))


def _inside(inner: str, outer: str) -> bool:
    """For patterns whose only wildcard is a star at their end."""
    return inner.startswith(outer[:-1]) if outer.endswith("*") else inner == outer


class Need:
    """What a request needs."""

    def refusal(self, caller: Caller) -> int | None:
        """The status that refuses the caller, or None where the rights are enough."""
        raise NotImplementedError

    def hides(self, caller: Caller) -> bool:
        """Whether a refusal is the same where the thing is not there at all."""
        return True


@dataclass(frozen=True)
class Nothing(Need):
    """Answers everybody who is known."""

    def refusal(self, caller: Caller) -> int | None:
        return None


@dataclass(frozen=True)
class On(Need):
    """An action on a collection: 404 where the caller does not see it."""

    action: str
    collection: str

    def refusal(self, caller: Caller) -> int | None:
        whole = self.action in ("vector.upsert", "vector.import")
        if caller.holds(self.action, self.collection) and (not whole or caller.upserts_whole_rows):
            return None
        return 403 if caller.sees(self.collection) else 404

    def hides(self, caller: Caller) -> bool:
        return not caller.sees(self.collection)


@dataclass(frozen=True)
class OfAlias(Need):
    """An action on the collection behind an alias, which is there for whoever may view that collection."""

    action: str
    collection: str

    def refusal(self, caller: Caller) -> int | None:
        if not caller.holds("collection.view", self.collection):
            return 404
        return On(self.action, self.collection).refusal(caller)

    def hides(self, caller: Caller) -> bool:
        return self.refusal(caller) == 404


@dataclass(frozen=True)
class OnName(Need):
    """An action on a name that nothing may have yet: refused alike whether or not something has it."""

    action: str
    name: str

    def refusal(self, caller: Caller) -> int | None:
        return None if caller.holds(self.action, self.name) else 403


@dataclass(frozen=True)
class Everywhere(Need):
    """An action that concerns the whole gateway: refused before anything is looked at."""

    action: str

    def refusal(self, caller: Caller) -> int | None:
        return None if caller.holds_everywhere(self.action) else 403


@dataclass(frozen=True)
class OfDatabase(Need):
    """To see the database ``default``: whoever has no view in it finds none."""

    def refusal(self, caller: Caller) -> int | None:
        return None if caller.holds_somewhere("database.view") else 404


@dataclass(frozen=True)
class Somewhere(Need):
    """An action without a collection of its own."""

    action: str

    def refusal(self, caller: Caller) -> int | None:
        return None if caller.holds_somewhere(self.action) else 403


@dataclass(frozen=True)
class OfGrant(Need):
    """An action on a grant for ``collections``, managed within a grant that has them inside.

    Who manages grants elsewhere does not find this one; who manages none is refused. ``there``: it is there already.
    """

    action: str
    collections: str
    there: bool = True

    def refusal(self, caller: Caller) -> int | None:
        if caller.covers(self.action, self.collections):
            return None
        if caller.holds_everywhere(self.action):  # on all collections, but of another database
            return None if self.action == "grant.view" else 403
        return 404 if self.there and caller.holds_somewhere(self.action) else 403

    def hides(self, caller: Caller) -> bool:
        return not caller.holds_everywhere("grant.view")


@dataclass(frozen=True)
class OfKey(Need):
    """A key of somebody else's: not there without ``apikey.manage``. Without any right on keys nothing is changed."""

    changes: bool

    def refusal(self, caller: Caller) -> int | None:
        if caller.holds_everywhere("apikey.manage"):
            return None
        return 403 if self.changes and not caller.holds_somewhere("apikey.own") else 404


@dataclass(frozen=True)
class OfJob(Need):
    """An action on somebody else's job, which is there for whoever may view the jobs of its collection."""

    action: str
    collection: str

    def refusal(self, caller: Caller) -> int | None:
        if not caller.holds("job.view", self.collection):
            return 404
        return None if caller.holds(self.action, self.collection) else 403

    def hides(self, caller: Caller) -> bool:
        return self.refusal(caller) == 404


@dataclass(frozen=True)
class OfProfile(Need):
    """A profile of a search, which is there for whoever may see those of its collection."""

    collection: str

    def refusal(self, caller: Caller) -> int | None:
        return None if caller.holds("profile.view", self.collection) else 404


@dataclass(frozen=True)
class OfSet(Need):
    """An action on a backup, which is there for whoever may view the backups of all its collections."""

    action: str
    collections: tuple[str, ...]

    def refusal(self, caller: Caller) -> int | None:
        if not all(caller.holds("backup.view", name) for name in self.collections):
            return 404
        return None if all(caller.holds(self.action, name) for name in self.collections) else 403

    def hides(self, caller: Caller) -> bool:
        return self.refusal(caller) == 404


@dataclass(frozen=True)
class OfPolicy(Need):
    """A backup policy, which is there for whoever may back up all that its pattern may match."""

    pattern: str

    def refusal(self, caller: Caller) -> int | None:
        return None if caller.covers("backup.create", self.pattern) else 404


@dataclass(frozen=True)
class MakesPolicy(Need):
    """To make a policy of that pattern."""

    pattern: str

    def refusal(self, caller: Caller) -> int | None:
        return None if caller.covers("backup.create", self.pattern) else 403


@dataclass(frozen=True)
class Gives(Need):
    """Nobody gives more than they hold, and nobody changes who holds more: the whole of ``role`` must be held."""

    role: str
    collections: str

    def refusal(self, caller: Caller) -> int | None:
        return None if all(caller.covers(action, self.collections) for action in ROLES[self.role]) else 403

    def hides(self, caller: Caller) -> bool:
        return False


@dataclass(frozen=True)
class All(Need):
    """Every one of the needs; the first that refuses says how."""

    needs: tuple[Need, ...]

    def refusal(self, caller: Caller) -> int | None:
        return next((found for need in self.needs if (found := need.refusal(caller)) is not None), None)

    def hides(self, caller: Caller) -> bool:
        first = self.needs[0]  # a later one refuses those to whom the first has shown the thing
        return first.refusal(caller) is not None and first.hides(caller)


def both(*needs: Need) -> All:
    return All(needs)
