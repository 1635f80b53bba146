"""A small audit log, and hands that change it past the product."""

from collections.abc import Sequence
from typing import Any

from django.db import connection

from vectorstore.audit import log
from vectorstore.audit.chain import WITH_HASHES
from vectorstore.audit.entry import Entry
from vectorstore.models import AuditRecord


def an_entry(**columns: Any) -> Entry:
    """The outcome of a write of Ada's, or what ``columns`` say otherwise."""
    return Entry(
        **{
            "phase": "outcome",
            "action": "vector.insert",
            "actor_kind": "user",
            "actor_id": "1",
            "actor": "ada",
            "cluster": "default",
            "database": "default",
            "collection": "documents",
            "ids": 3,
            "grants": (7,),
            "parameters": {"vectors": 3},
            "outcome": "ok",
            "result": {"us": 1234, "rows": 3},
        }
        | columns
    )


def fill(count: int) -> None:
    """That many records, in one transaction."""
    log.append(*(an_entry(parameters={"number": number}) for number in range(count)))


def sql(statement: str, parameters: Sequence[Any] = ()) -> None:
    """``{records}`` stands for the table."""
    with connection.cursor() as cursor:
        cursor.execute(statement.replace("{records}", AuditRecord._meta.db_table), parameters)


_REFUSALS = {
    "sqlite": (
        "CREATE TRIGGER full_disk BEFORE INSERT ON {records} BEGIN SELECT RAISE(ABORT, 'full_disk'); END",
        "DROP TRIGGER full_disk",
    ),
    "postgresql": (
        "ALTER TABLE {records} ADD CONSTRAINT full_disk CHECK (false) NOT VALID",
        "ALTER TABLE {records} DROP CONSTRAINT full_disk",
    ),
}


def refuse_records() -> None:
    """The database takes no more records; ``allow_records`` undoes it."""
    sql(_REFUSALS[connection.vendor][0])


def allow_records() -> None:
    sql(_REFUSALS[connection.vendor][1])


def edit(seq: int) -> None:
    sql("UPDATE {records} SET actor = 'mallory' WHERE seq = %s", [seq])


def delete(first: int, last: int) -> None:
    sql("DELETE FROM {records} WHERE seq BETWEEN %s AND %s", [first, last])


def swap(one: int, other: int) -> None:
    """Each record takes the other's place; nothing else of them changes."""
    for before, after in ((one, -1), (other, one), (-1, other)):
        sql("UPDATE {records} SET seq = %s WHERE seq = %s", [after, before])


def insert(seq: int) -> None:
    """A copy of the record there takes its place, and all that follow move on by one."""
    sql("UPDATE {records} SET seq = seq + 1000000 WHERE seq >= %s", [seq])
    sql("UPDATE {records} SET seq = seq - 999999 WHERE seq > 1000000")
    copied = "INSERT INTO {records} (seq, {others}) SELECT seq - 1, {others} FROM {records} WHERE seq = %s"
    sql(copied.replace("{others}", ", ".join(name for name in WITH_HASHES if name != "seq")), [seq + 1])
