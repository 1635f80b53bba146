"""Actions and the fixed roles that give them."""

VIEW = frozenset({"collection.view", "index.view", "partition.view", "database.view", "vector.search", "vector.query"})
WRITE = frozenset(
    {
        "vector.insert",
        "vector.upsert",
        "vector.delete",
        "vector.delete_by_filter",
        "vector.import",
        "vector.export",
    }
)
JOBS = frozenset({"job.view", "job.cancel"})
SCHEMA = frozenset(
    {
        "collection.create",
        "collection.alter",
        "collection.drop",
        "collection.load",
        "index.create",
        "index.drop",
        "partition.create",
        "partition.drop",
        "alias.manage",
    }
)
BACKUP = frozenset({"backup.view", "backup.create", "backup.restore", "backup.delete"})
OPERATION = frozenset(
    {
        "database.create",
        "database.drop",
        "migration.view",
        "migration.apply",
        "metrics.view",
        "profile.view",
        "cluster.view",
        "cluster.manage",
    }
)
SECURITY = frozenset({"grant.view", "grant.manage", "apikey.manage", "audit.view", "audit.verify"})
OWN = frozenset({"apikey.own"})
BYPASS = "rowfilter.bypass"

ROW_ACTIONS = VIEW | WRITE
"""What a grant with a row filter or denied fields can give: nothing else can be kept within rows or fields."""

BROAD = SECURITY | OPERATION
"""What concerns more than one collection: given only by a grant on all collections (``*``)."""

ACTIONS = VIEW | WRITE | JOBS | SCHEMA | BACKUP | OPERATION | SECURITY | OWN | {BYPASS}

ROLES: dict[str, frozenset[str]] = {
    "viewer": VIEW | OWN,
    "editor": VIEW | WRITE | JOBS | OWN,
    "collection_admin": VIEW | WRITE | JOBS | SCHEMA | BACKUP | OWN | {"profile.view"},
    "security_admin": SECURITY | OWN,
    "cluster_admin": ACTIONS - {BYPASS},
}
