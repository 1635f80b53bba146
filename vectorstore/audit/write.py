"""Adding records to the chain: one transaction for them, what they open or close, and a checkpoint when due.

Plain SQL, because the ORM's part of the time would be nine tenths, and every write of the product waits for this.
"""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import Error, connection, transaction

from vectorstore.audit.chain import WITH_HASHES, canonical_json, link
from vectorstore.audit.checkpoint import EVERY, mark
from vectorstore.audit.failures import unavailable
from vectorstore.audit.head import head, lock
from vectorstore.models import AuditRecord, OpenIntent

Row = dict[str, Any]

_JSON = frozenset({"grants", "parameters", "result"})
_RECORDS = AuditRecord._meta.db_table
_INTENTS = OpenIntent._meta.db_table
_ADD = f"INSERT INTO {_RECORDS} ({', '.join(WITH_HASHES)}) VALUES ({', '.join(['%s'] * len(WITH_HASHES))})"  # noqa: S608
_OPEN = f"INSERT INTO {_INTENTS} (event_id, seq, ts) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"  # noqa: S608
_CLOSE = f"DELETE FROM {_INTENTS} WHERE event_id IN "  # noqa: S608
_AT_ONCE = 10_000
"""Parameters of one statement: SQLite takes 32,766."""


def write(rows: Sequence[Row]) -> None:
    """Chain the rows, in this order, within the caller's transaction if there is one.

    Raises:
        AuditUnavailable: none of them was written.
    """
    try:
        with transaction.atomic():
            lock()
            _chain(rows)
            _insert(rows)
            for row in rows:
                if row["seq"] % EVERY == 0:
                    mark(row["seq"], row["hash"])
    except (Error, ImproperlyConfigured) as error:
        raise unavailable(error) from error


def _chain(rows: Sequence[Row]) -> None:
    seq, before = head()
    for row in rows:
        seq += 1
        row["seq"], row["prev_hash"] = seq, before
        row["hash"] = before = link(before, row)


def _insert(rows: Sequence[Row]) -> None:
    time = connection.ops.adapt_datetimefield_value
    opened = [(row["event_id"], row["seq"], time(row["ts"])) for row in rows if row["phase"] == "intent"]
    closed = [row["event_id"] for row in rows if row["phase"] == "outcome"]
    with connection.cursor() as cursor:
        cursor.executemany(_ADD, [_values(row, time(row["ts"])) for row in rows])
        if opened:
            cursor.executemany(_OPEN, opened)
        for start in range(0, len(closed), _AT_ONCE):
            part = closed[start : start + _AT_ONCE]
            cursor.execute(f"{_CLOSE}({', '.join(['%s'] * len(part))})", part)


def _values(row: Row, time: Any) -> list[Any]:
    """In the order of ``WITH_HASHES``, as the driver takes them."""
    kept = {name: canonical_json(row[name]).decode() for name in _JSON}
    driven = row | kept | {"ts": time}
    return [driven[name] for name in WITH_HASHES]
