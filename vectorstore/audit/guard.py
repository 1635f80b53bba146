"""Triggers by which the database itself refuses to change or remove an audit record.

A later migration that alters the table has to call ``install`` again: SQLite then makes the table anew, without them.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db.backends.base.base import BaseDatabaseWrapper

TABLE = "vectorstore_auditrecord"
_FUNCTION = "vectorstore_audit_append_only"
_MESSAGE = "audit records can only be added"

_SQLITE = {
    f"{TABLE}_no_update": f"BEFORE UPDATE ON {TABLE}",
    f"{TABLE}_no_delete": f"BEFORE DELETE ON {TABLE}",
    # INSERT OR REPLACE removes the row that is there without firing the trigger for DELETE.
    f"{TABLE}_no_replace": f"BEFORE INSERT ON {TABLE} WHEN EXISTS (SELECT 1 FROM {TABLE} WHERE seq = NEW.seq)",  # noqa: S608
}
_POSTGRES = {
    f"{TABLE}_no_change": f"BEFORE UPDATE OR DELETE ON {TABLE} FOR EACH ROW",
    f"{TABLE}_no_truncate": f"BEFORE TRUNCATE ON {TABLE} FOR EACH STATEMENT",
}


def install(connection: BaseDatabaseWrapper) -> None:
    """Harmless where it is installed already."""
    remove(connection)
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            for name, when in _SQLITE.items():
                cursor.execute(f"CREATE TRIGGER {name} {when} BEGIN SELECT RAISE(ABORT, '{_MESSAGE}'); END")
            return
        cursor.execute(
            f"CREATE OR REPLACE FUNCTION {_FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{_MESSAGE}'; END $$"
        )
        for name, when in _POSTGRES.items():
            cursor.execute(f"CREATE TRIGGER {name} {when} EXECUTE FUNCTION {_FUNCTION}()")


def remove(connection: BaseDatabaseWrapper) -> None:
    """Harmless where it is not installed."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            for name in _SQLITE:
                cursor.execute(f"DROP TRIGGER IF EXISTS {name}")
            return
        for name in _POSTGRES:
            cursor.execute(f"DROP TRIGGER IF EXISTS {name} ON {TABLE}")
        cursor.execute(f"DROP FUNCTION IF EXISTS {_FUNCTION}()")


def installed(connection: BaseDatabaseWrapper) -> bool:
    """Whether every trigger is there and, on PostgreSQL, enabled."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [TABLE])
            return set(_SQLITE) <= {name for (name,) in cursor.fetchall()}
        cursor.execute("SELECT tgname FROM pg_trigger WHERE tgrelid = to_regclass(%s) AND tgenabled <> 'D'", [TABLE])
        return set(_POSTGRES) <= {name for (name,) in cursor.fetchall()}


@contextmanager
def lifted(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Without the guard, inside a transaction: an error inside puts it back by rolling back."""
    was_installed = installed(connection)
    remove(connection)
    yield
    if was_installed:
        install(connection)


def revoke_statements(role: str) -> str:
    """SQL for a PostgreSQL role that the gateway then runs as. It must not own the table, or it could undo this.

    ``manage.py migrate`` and ``audit_archive`` need the owner's role.
    """
    quoted = '"' + role.replace('"', '""') + '"'
    return (
        f"REVOKE ALL ON {TABLE} FROM PUBLIC;\n"
        f"REVOKE UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER ON {TABLE} FROM {quoted};\n"
        f"GRANT SELECT, INSERT ON {TABLE} TO {quoted};\n"
    )
