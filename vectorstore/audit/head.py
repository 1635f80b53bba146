"""The end of the chain, and the lock that whoever adds to it holds until its transaction ends."""

from django.db import connection

from vectorstore.audit.chain import FIRST
from vectorstore.models import AuditCheckpoint, AuditRecord

_LOCK = int.from_bytes(b"vs.audit")
_LAST = "SELECT seq, hash FROM {} ORDER BY seq DESC LIMIT 1"
_PLACES = tuple(_LAST.format(model._meta.db_table) for model in (AuditRecord, AuditCheckpoint))


def lock() -> None:
    """Only inside a transaction. On SQLite, BEGIN IMMEDIATE has made this transaction the only writer already."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def head() -> tuple[int, str]:
    """``seq`` and hash of the last record, or of the last checkpoint where all records were archived."""
    with connection.cursor() as cursor:
        for query in _PLACES:
            cursor.execute(query)
            found = cursor.fetchone()
            if found:
                return found[0], found[1]
    return 0, FIRST
