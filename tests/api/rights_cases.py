"""Every route of the API with a request that is right, and what it needs: the table that the matrix goes through."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.access.rights_model import (
    All,
    Everywhere,
    Gives,
    MakesPolicy,
    Need,
    Nothing,
    OfAlias,
    OfDatabase,
    OfGrant,
    OfJob,
    OfKey,
    OfPolicy,
    OfProfile,
    OfSet,
    On,
    OnName,
    Somewhere,
    both,
)

EAST = [1, 0, 0, 0]


@dataclass(frozen=True)
class Place:
    """What requests name. A refused request gets what all share, one that may change something its own."""

    collection: str
    alias: str
    prefix: str
    new: str
    """A name that nothing has yet; as name of a collection it lies within the same patterns."""
    user: str
    """An account without grants."""
    rich: str
    """An account that is a viewer of ``rich_on``."""
    rich_on: str
    group: str
    service: str
    grant: int
    """A viewer's, on ``rich_on``, of ``rich``."""
    key: int
    """An API key of ``service``."""
    cluster: str
    """A cluster on record that nothing answers for."""
    refresh: str
    password: str
    job: int
    """One of ``rich`` on the collection, that waits."""
    failed: int
    """One of ``rich`` on the collection, that failed."""
    backup: str
    """Of the collection."""
    wide: str
    """A backup of the collection and of one outside of every pattern but the star."""
    policy: str
    """Backs up the collection."""
    broad: str
    """Backs up all."""
    profile: int
    """Of a search of the collection."""

    def row(self, identity: str) -> dict[str, Any]:
        return {"id": identity, "vector": EAST}


@dataclass(frozen=True)
class Case:
    """A request and the status of its success on Milvus Lite. ``{collection}`` and the like come from the place."""

    method: str
    path: str
    """As the OpenAPI document writes it, below ``/api/v1/``."""
    need: Callable[[Place], Need]
    ok: int
    body: Callable[[Place], Any] = field(default=lambda at: None)
    values: Callable[[Place], dict[str, Any]] = field(default=lambda at: {})
    wears: bool = False
    """Success uses the collection up."""
    before: str = ""
    """A request that a superuser makes first, where success is expected: method and path."""
    public: bool = False

    @property
    def route(self) -> tuple[str, str]:
        return self.method, self.path

    def url(self, at: Place) -> str:
        return self.path.format_map(
            {"name": at.collection, "alias": at.alias, "cluster": at.cluster, **self.values(at)}
        )


def on(action: str) -> Callable[[Place], Need]:
    return lambda at: On(action, at.collection)


def behind(action: str) -> Callable[[Place], Need]:
    return lambda at: OfAlias(action, at.collection)


def everywhere(action: str) -> Callable[[Place], Need]:
    return lambda at: Everywhere(action)


def nothing(at: Place) -> Need:
    return Nothing()


def _search(**more: Any) -> Callable[[Place], Any]:
    return lambda at: {"vector": EAST, **more}


_COLLECTION = "collections/{name}/"
COLLECTIONS = (
    Case("GET", "collections/", nothing, 200),
    Case(
        "POST",
        "collections/",
        lambda at: OnName("collection.create", at.new),
        201,
        lambda at: {"name": at.new, "dimension": 4, "metric": "L2"},
    ),
    Case("GET", _COLLECTION, on("collection.view"), 200),
    Case("PATCH", _COLLECTION, on("collection.alter"), 200, lambda at: {"description": "changed"}, wears=True),
    Case("DELETE", _COLLECTION, on("collection.drop"), 204, wears=True, before="DELETE aliases/{name}_alias/"),
    Case("POST", _COLLECTION + "load/", on("collection.load"), 200, wears=True),
    Case("POST", _COLLECTION + "release/", on("collection.load"), 200, wears=True),
    Case("POST", _COLLECTION + "flush/", on("collection.load"), 200),
    Case("POST", _COLLECTION + "compact/", on("collection.load"), 200),
    Case("POST", _COLLECTION + "truncate/", on("collection.drop"), 200, wears=True),
    Case(
        "POST",
        _COLLECTION + "rename/",
        lambda at: both(On("collection.alter", at.collection), OnName("collection.alter", at.new)),
        200,
        lambda at: {"new_name": at.new},
        wears=True,
    ),
    Case(
        "POST",
        _COLLECTION + "rename/",
        lambda at: both(On("collection.alter", at.collection), OnName("collection.alter", f"far_{at.new}")),
        200,
        lambda at: {"new_name": f"far_{at.new}"},
        wears=True,
    ),
    Case("GET", _COLLECTION + "stats/", on("collection.view"), 200),
    Case("GET", _COLLECTION + "partitions/", on("partition.view"), 200),
    Case("POST", _COLLECTION + "partitions/", on("partition.create"), 201, lambda at: {"name": at.new}, wears=True),
    Case(
        "GET",
        _COLLECTION + "partitions/{partition}/",
        on("partition.view"),
        200,
        values=lambda at: {"partition": "spring"},
    ),
    Case(
        "DELETE",
        _COLLECTION + "partitions/{partition}/",
        on("partition.drop"),
        204,
        values=lambda at: {"partition": "spring"},
        wears=True,
        before="POST collections/{name}/release/",
    ),
    Case("GET", _COLLECTION + "indexes/", on("index.view"), 200),
    Case(
        "POST",
        _COLLECTION + "indexes/",
        on("index.create"),
        201,
        lambda at: {"field": "vector", "type": "FLAT", "metric": "L2"},
        wears=True,
        before="DELETE collections/{name}/indexes/vector/",
    ),
    Case("GET", _COLLECTION + "indexes/{field}/", on("index.view"), 200, values=lambda at: {"field": "vector"}),
    Case(
        "DELETE",
        _COLLECTION + "indexes/{field}/",
        on("index.drop"),
        204,
        values=lambda at: {"field": "vector"},
        wears=True,
        before="POST collections/{name}/release/",
    ),
    Case(
        "POST",
        _COLLECTION + "indexes/{field}/measure/",
        on("index.create"),
        202,
        values=lambda at: {"field": "vector"},
    ),
    Case(
        "POST",
        _COLLECTION + "indexes/{field}/rebuild/",
        on("index.create"),
        202,
        values=lambda at: {"field": "vector"},
    ),
    Case("GET", "advice/{name}/", on("collection.view"), 200),
    Case("POST", "advice/{name}/", on("index.create"), 202, lambda at: {}),
    # Nothing was measured: whoever may build indexes is told so.
    Case("POST", "advice/{name}/apply/", on("index.create"), 409, lambda at: {}),
    Case("GET", "aliases/", nothing, 200),
    Case(
        "POST",
        "aliases/",
        lambda at: both(On("alias.manage", at.collection), OnName("alias.manage", at.new)),
        201,
        lambda at: {"alias": at.new, "collection": at.collection},
        wears=True,
    ),
    Case(
        "POST",
        "aliases/",
        lambda at: both(On("alias.manage", at.collection), OnName("alias.manage", f"far_{at.new}")),
        201,
        lambda at: {"alias": f"far_{at.new}", "collection": at.collection},
        wears=True,
    ),
    Case("GET", "aliases/{alias}/", behind("collection.view"), 200),
    Case("PUT", "aliases/{alias}/", behind("alias.manage"), 200, lambda at: {"collection": at.collection}, wears=True),
    Case("DELETE", "aliases/{alias}/", behind("alias.manage"), 204, wears=True),
)

ROWS = (
    Case(
        "POST",
        _COLLECTION + "vectors/",
        on("vector.insert"),
        201,
        lambda at: {"vectors": [at.row(at.new)]},
    ),
    Case("PUT", _COLLECTION + "vectors/", on("vector.upsert"), 200, lambda at: {"vectors": [at.row(at.new)]}),
    Case("POST", _COLLECTION + "vectors/get/", on("vector.query"), 200, lambda at: {"ids": ["a"]}),
    Case("POST", _COLLECTION + "vectors/query/", on("vector.query"), 200, lambda at: {"filter": "id != ''"}),
    Case("POST", _COLLECTION + "vectors/count/", on("vector.query"), 200, lambda at: {}),
    Case("POST", _COLLECTION + "vectors/delete/", on("vector.delete"), 200, lambda at: {"ids": ["a"]}, wears=True),
    Case(
        "POST",
        _COLLECTION + "vectors/delete/",
        on("vector.delete_by_filter"),
        200,
        lambda at: {"filter": "id != ''"},
        wears=True,
    ),
    # Imports by URL are off: whoever may import is told so.
    Case("POST", _COLLECTION + "import/", on("vector.import"), 422, lambda at: {"url": "https://example.org/a.csv"}),
    Case("POST", _COLLECTION + "export/", on("vector.export"), 202, lambda at: {"format": "csv"}),
    Case("POST", _COLLECTION + "search/", on("vector.search"), 200, _search()),
    Case("POST", _COLLECTION + "search/", on("vector.search"), 200, lambda at: {"vectors": [EAST, EAST]}),
    Case("POST", _COLLECTION + "search/range/", on("vector.search"), 200, _search(radius=0.5)),
    Case("POST", _COLLECTION + "search/hybrid/", on("vector.search"), 200, lambda at: {"searches": [_search()(at)]}),
    Case("POST", _COLLECTION + "search/explain/", on("vector.search"), 200, _search()),
    # There is no embedding: whoever may search is told so.
    Case("POST", _COLLECTION + "search/text/", on("vector.search"), 422, lambda at: {"text": "where"}),
)

FILES = (Case("GET", "downloads/{token}/", nothing, 404, values=lambda at: {"token": "forged"}, public=True),)

_DATABASE = "databases/{name}/"
DATABASES = (
    Case("GET", "databases/", nothing, 200),
    Case("POST", "databases/", everywhere("database.create"), 201, lambda at: {"name": at.new}),
    Case("GET", _DATABASE, lambda at: OfDatabase(), 200, values=lambda at: {"name": "default"}),
    Case("DELETE", _DATABASE, everywhere("database.drop"), 409, values=lambda at: {"name": "default"}),
)

AUTH = (
    Case(
        "POST",
        "auth/token/",
        nothing,
        200,
        lambda at: {"username": at.user, "password": at.password},
        public=True,
    ),
    Case("POST", "auth/token/refresh/", nothing, 200, lambda at: {"refresh": at.refresh}, public=True),
    Case("POST", "auth/token/revoke/", nothing, 204, lambda at: {"refresh": at.refresh}, public=True),
    Case("GET", "auth/me/", nothing, 200),
    Case("POST", "auth/can-i/", nothing, 200, lambda at: {"action": "vector.search", "collection": at.collection}),
)


def _about(kind: str) -> Callable[[Place], dict[str, Any]]:
    return lambda at: {"username": getattr(at, kind), "account": getattr(at, kind)}


def _changes_rich(at: Place) -> Need:
    """Of an account that holds more, an administrator sees that it is there and may not change it."""
    return both(Everywhere("grant.manage"), Gives("viewer", at.rich_on))


_ACCOUNTS_OF_EACH_KIND = tuple(
    case
    for address, parameter, kind, made in (
        ("users/", "username", "user", lambda at: {"username": at.new, "password": at.password}),
        ("groups/", "account", "group", lambda at: {"name": at.new}),
        ("service-accounts/", "account", "service", lambda at: {"name": at.new}),
    )
    for case in (
        Case("GET", address, everywhere("grant.view"), 200),
        Case("POST", address, everywhere("grant.manage"), 201, made),
        Case("GET", f"{address}{{{parameter}}}/", everywhere("grant.view"), 200, values=_about(kind)),
        Case(
            "DELETE",
            f"{address}{{{parameter}}}/",
            everywhere("grant.manage"),
            204,
            values=_about(kind),
        ),
    )
)
ACCOUNTS = (
    *_ACCOUNTS_OF_EACH_KIND,
    Case(
        "PATCH",
        "users/{username}/",
        everywhere("grant.manage"),
        200,
        lambda at: {"attributes": {"tenants": ["x"]}},
        _about("user"),
    ),
    Case(
        "PATCH",
        "users/{username}/",
        _changes_rich,
        200,
        lambda at: {"password": at.password},
        _about("rich"),
    ),
    Case("DELETE", "users/{username}/", _changes_rich, 204, values=_about("rich")),
    Case(
        "PATCH",
        "service-accounts/{account}/",
        everywhere("grant.manage"),
        200,
        lambda at: {"attributes": {"tenants": ["x"]}},
        _about("service"),
    ),
)


def _grant(role: str, collections: str | None = None) -> Callable[[Place], Any]:
    return lambda at: {"user": at.user, "role": role, "collections": collections or at.rich_on}


def _gives(role: str, collections: str | None = None) -> Callable[[Place], Need]:
    return lambda at: All(
        (OfGrant("grant.manage", collections or at.rich_on, there=False), Gives(role, collections or at.rich_on))
    )


def _this_grant(at: Place) -> dict[str, Any]:
    return {"number": at.grant}


def _manages_it(at: Place) -> Need:
    return OfGrant("grant.manage", at.rich_on)


_CLUSTER = "clusters/{cluster}/"


def _default(at: Place) -> dict[str, Any]:
    return {"cluster": "default"}


CLUSTERS = (
    Case("GET", "clusters/", everywhere("cluster.view"), 200),
    Case(
        "POST",
        "clusters/",
        everywhere("cluster.manage"),
        201,
        lambda at: {
            "name": at.new.replace("_", "-"),
            "uri": f"http://{at.new.replace('_', '-')}.invalid:1",
        },
    ),
    Case("GET", _CLUSTER, everywhere("cluster.view"), 200, values=_default),
    # It is the environment's: whoever may change clusters is told so.
    Case("PATCH", _CLUSTER, everywhere("cluster.manage"), 409, lambda at: {"user": "u"}, _default),
    Case("DELETE", _CLUSTER, everywhere("cluster.manage"), 409, values=_default),
    Case("POST", f"{_CLUSTER}test/", everywhere("cluster.manage"), 200, values=_default),
)

GRANTS = (
    Case("GET", "grants/", lambda at: Somewhere("grant.view"), 200),
    Case("POST", "grants/", _gives("viewer"), 201, _grant("viewer")),
    Case("POST", "grants/", _gives("editor"), 201, _grant("editor")),
    Case("POST", "grants/", _gives("viewer", "*"), 201, _grant("viewer", "*")),
    Case("POST", "grants/", _gives("security_admin"), 201, _grant("security_admin")),
    Case("POST", "grants/", _gives("security_admin", "*"), 201, _grant("security_admin", "*")),
    Case("POST", "grants/", _gives("cluster_admin", "*"), 201, _grant("cluster_admin", "*")),
    Case("GET", "grants/{number}/", lambda at: OfGrant("grant.view", at.rich_on), 200, values=_this_grant),
    # Taken away by whoever may manage it, given again only by whoever holds as much.
    Case("PATCH", "grants/{number}/", _manages_it, 200, lambda at: {"enabled": False}, _this_grant),
    Case(
        "PATCH",
        "grants/{number}/",
        lambda at: both(_manages_it(at), Gives("viewer", at.rich_on)),
        200,
        lambda at: {"enabled": True},
        _this_grant,
    ),
    Case("DELETE", "grants/{number}/", _manages_it, 204, values=_this_grant),
    Case("GET", "roles/", nothing, 200),
)

KEYS = (
    Case("GET", "api-keys/", nothing, 200),
    Case("POST", "api-keys/", lambda at: Somewhere("apikey.own"), 201, lambda at: {"name": at.new}),
    Case(
        "POST",
        "api-keys/",
        everywhere("apikey.manage"),
        201,
        lambda at: {"name": at.new, "service_account": at.service},
    ),
    Case(
        "POST",
        "api-keys/",
        lambda at: both(Everywhere("apikey.manage"), Gives("viewer", at.rich_on)),
        201,
        lambda at: {"name": at.new, "user": at.rich},
    ),
    Case(
        "GET", "api-keys/{number}/", lambda at: OfKey(changes=False), 200,
        values=lambda at: {"number": at.key},
    ),
    Case(
        "DELETE", "api-keys/{number}/", lambda at: OfKey(changes=True), 204,
        values=lambda at: {"number": at.key},
    ),
)  # fmt: skip

_JOB = "jobs/{number}/"
JOBS = (
    Case("GET", "jobs/", nothing, 200),
    Case("GET", _JOB, lambda at: OfJob("job.view", at.collection), 200, values=lambda at: {"number": at.job}),
    Case(
        "POST", f"{_JOB}cancel/", lambda at: OfJob("job.cancel", at.collection), 202,
        values=lambda at: {"number": at.job},
    ),
    Case(
        "POST", f"{_JOB}retry/", lambda at: OfJob("job.cancel", at.collection), 202,
        values=lambda at: {"number": at.failed},
    ),
)  # fmt: skip


def _of_set(action: str) -> Callable[[Place], Need]:
    return lambda at: OfSet(action, (at.collection,))


def _of_wide(action: str) -> Callable[[Place], Need]:
    return lambda at: OfSet(action, (at.collection, FAR))


def _backup(at: Place) -> dict[str, Any]:
    return {"set_id": at.backup}


def _wide(at: Place) -> dict[str, Any]:
    return {"set_id": at.wide}


def _sets(of: Callable[[str], Callable[[Place], Need]], values: Callable[[Place], dict[str, Any]]) -> tuple[Case, ...]:
    address = "backups/{set_id}/"
    return (
        Case("GET", address, of("backup.view"), 200, values=values),
        Case("PATCH", address, of("backup.create"), 200, lambda at: {"note": "changed"}, values),
        Case("POST", f"{address}verify/", of("backup.create"), 202, values=values),
        Case("DELETE", address, of("backup.delete"), 204, values=values),
    )


def _policies(of: Callable[[Place], Need], values: Callable[[Place], dict[str, Any]]) -> tuple[Case, ...]:
    address = "backup-policies/{policy}/"
    return (
        Case("GET", address, of, 200, values=values),
        Case("GET", f"{address}retention/", of, 200, values=values),
        Case("PATCH", address, of, 200, lambda at: {"enabled": False}, values),
        Case("DELETE", address, of, 204, values=values),
    )


def _makes(pattern: Callable[[Place], str]) -> Case:
    return Case(
        "POST",
        "backup-policies/",
        lambda at: MakesPolicy(pattern(at)),
        201,
        lambda at: {"name": at.new, "collections": pattern(at), "schedule": "0 3 * * *"},
    )


def _restored_to(target: str) -> Callable[[Place], Need]:
    return lambda at: both(
        OnName("backup.restore", at.collection), OnName("collection.create", target.format(new=at.new))
    )


def _settles(at: Place) -> Need:
    return both(On("vector.upsert", at.collection), On("collection.alter", at.collection))


FAR = "far_away"
BACKUPS = (
    Case("GET", "backups/", nothing, 200),
    Case("POST", "backups/", on("backup.create"), 202, lambda at: {"collections": [at.collection]}),
    *_sets(_of_set, _backup),
    *_sets(_of_wide, _wide),
    Case("GET", "backup-policies/", nothing, 200),
    _makes(lambda at: at.collection),
    _makes(lambda at: f"{at.prefix}*"),
    _makes(lambda at: "*"),
    *_policies(lambda at: OfPolicy(at.collection), lambda at: {"policy": at.policy}),
    *_policies(lambda at: OfPolicy("*"), lambda at: {"policy": at.broad}),
    *(
        Case(
            "POST",
            "restores/",
            _restored_to(target),
            202,
            lambda at, target=target: {
                "collection": at.collection,
                "latest": True,
                "target_name": target.format(new=at.new),
            },
            wears=True,
        )
        for target in ("{new}", "far_{new}")
    ),
    Case(
        "POST",
        "restores/",
        lambda at: both(OnName("backup.restore", at.collection), OnName("collection.drop", at.collection)),
        202,
        lambda at: {"collection": at.collection, "latest": True, "mode": "replace"},
        wears=True,
    ),
    Case(
        "POST",
        "restores/",
        lambda at: both(OnName("backup.restore", at.collection), OnName("vector.upsert", at.collection)),
        202,
        lambda at: {"collection": at.collection, "latest": True, "mode": "data"},
        wears=True,
    ),
    Case("GET", _COLLECTION + "recovery-window/", on("backup.view"), 200),
    Case("GET", "restore-points/", nothing, 200),
    Case(
        "POST",
        "restore-points/",
        on("backup.create"),
        201,
        lambda at: {"collection": at.collection, "name": at.new},
    ),
    Case("GET", "drift/", nothing, 200),
    Case("POST", _COLLECTION + "drift/adopt/", _settles, 200, wears=True),
    Case("POST", _COLLECTION + "drift/revert/", _settles, 200, wears=True),
)

PROFILES = (
    Case("GET", "profiles/", lambda at: Somewhere("profile.view"), 200),
    Case("GET", "slow-queries/", lambda at: Somewhere("profile.view"), 200),
    Case(
        "GET", "profiles/{number}/", lambda at: OfProfile(at.collection), 200,
        values=lambda at: {"number": at.profile},
    ),
)  # fmt: skip

AUDIT = (
    Case("GET", "audit/", everywhere("audit.view"), 200),
    Case("GET", "audit/export/", everywhere("audit.view"), 200),
    Case("POST", "audit/verify/", everywhere("audit.verify"), 200),
)


CLUSTERS = (
    Case("GET", "clusters/", everywhere("cluster.view"), 200),
    Case(
        "POST",
        "clusters/",
        everywhere("cluster.manage"),
        201,
        lambda at: {"name": f"new-{at.cluster}", "uri": f"http://new-{at.cluster}:19530"},
    ),
    Case("GET", "clusters/{cluster}/", everywhere("cluster.view"), 200),
    Case("PATCH", "clusters/{cluster}/", everywhere("cluster.manage"), 200, lambda at: {"user": "ada"}),
    Case("DELETE", "clusters/{cluster}/", everywhere("cluster.manage"), 204),
    Case(
        "POST", "clusters/{cluster}/test/", everywhere("cluster.manage"), 200, values=lambda at: {"cluster": "default"}
    ),
)

CASES = (
    *(COLLECTIONS + ROWS + FILES + DATABASES + AUTH + ACCOUNTS + GRANTS + KEYS + JOBS),
    *(BACKUPS + PROFILES + AUDIT + CLUSTERS + CLUSTERS),
)
