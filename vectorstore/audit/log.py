"""The audit log as the rest of the product knows it: ``append``, ``append_soon``, ``flush``."""

import logging
import os
from collections.abc import Sequence
from contextlib import suppress

from django.conf import settings
from django.db import connection, transaction

from vectorstore.audit.entry import Entry
from vectorstore.audit.failures import unavailable
from vectorstore.audit.group_commit import GroupCommit
from vectorstore.audit.plain import columns_of
from vectorstore.audit.write import write
from vectorstore.config.settings import current
from vectorstore.domain.errors import AuditUnavailable
from vectorstore.models.write_behind import WriteBehind

log = logging.getLogger("vectorstore.audit")


def append(*entries: Entry) -> None:
    """Durable in the chain on return; inside ``transaction.atomic`` it becomes so together with the caller's changes.

    Raises:
        AuditUnavailable: none of them was written, so what they announce must not be done.
    """
    _append(entries)


def try_append() -> None:
    """Whether a record could be written now: one is, and taken back.

    Raises:
        AuditUnavailable: it could not.
    """
    with transaction.atomic():
        write([columns_of(Entry(phase="outcome", action="audit.probe"))])
        transaction.set_rollback(True)


def append_soon(entry: Entry) -> None:
    """For reads: in the chain within about 250 ms, or later where the database does not answer.

    Raises:
        AuditUnavailable: too many wait already. With ``AUDIT_READS=best_effort`` the record is given up instead.
    """
    in_background = getattr(settings, "AUDIT_FLUSHER", True)
    if in_background:
        _soon.ensure_thread()
    if _soon.put(entry):
        return
    if not in_background:
        with suppress(AuditUnavailable):
            _soon.flush()
        if _soon.put(entry):
            return
    if current().audit_reads != "best_effort":
        raise unavailable()
    _soon.drop()


def flush() -> None:
    """Write now what ``append_soon`` was given.

    Raises:
        AuditUnavailable: it still waits.
    """
    _soon.flush()


def discard() -> None:
    """Forget what waits to be written; for tests."""
    _soon.discard()


def _append(entries: Sequence[Entry]) -> None:
    rows = [columns_of(entry) for entry in entries]
    if not rows:
        return
    if connection.in_atomic_block:
        write(rows)
    else:
        _together.write(rows)


def _tell(dropped: int) -> None:
    log.error("%d reads were served without a record in the audit log: it cannot be written", dropped)


_together = GroupCommit(write)
_soon = WriteBehind(_append, name="audit-flusher", limit=10_000, batch=500, every_s=0.25, tell=_tell)


def _begin_anew() -> None:
    """In a forked process: the parent's threads are not here, its locks may be held, and what waits is its own."""
    _together.__init__(write)  # type: ignore[misc]
    _soon.begin_anew()


os.register_at_fork(after_in_child=_begin_anew)
