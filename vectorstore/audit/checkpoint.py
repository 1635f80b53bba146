"""Checkpoints: every ``EVERY`` records as they are written, and once a minute."""

from functools import partial

from django.core.exceptions import ImproperlyConfigured
from django.db import Error, transaction

from vectorstore.audit.external import announce, catch_up
from vectorstore.audit.failures import unavailable
from vectorstore.audit.head import head, lock
from vectorstore.audit.signature import sign
from vectorstore.models import AuditCheckpoint

EVERY = 1_000
"""Records between two checkpoints at most; the one at each multiple is never missing."""


def mark(seq: int, hash_: str) -> None:
    """Sign the chain up to ``seq``, in the transaction that wrote it."""
    checkpoint = sign(seq, hash_)
    # One there already is a trace of records taken away: it stays, for audit_verify to find.
    AuditCheckpoint.objects.bulk_create([checkpoint], ignore_conflicts=True)
    transaction.on_commit(partial(announce, checkpoint), robust=True)


def checkpoint() -> bool:
    """Sign the chain as it is, if it has grown since the last checkpoint, and bring the external file up to date.

    Raises:
        AuditUnavailable: the database did not answer or refused.
    """
    try:
        with transaction.atomic():
            lock()
            seq, hash_ = head()
            due = seq > 0 and not AuditCheckpoint.objects.filter(seq=seq).exists()
            if due:
                mark(seq, hash_)
        if not due:
            catch_up()
    except (Error, ImproperlyConfigured) as error:
        raise unavailable(error) from error
    return due
