"""Intents whose outcome never came: a process died between the two."""

from datetime import timedelta

from django.db import Error, transaction
from django.utils import timezone

from vectorstore.audit.entry import Entry
from vectorstore.audit.failures import unavailable
from vectorstore.audit.head import lock
from vectorstore.audit.log import append
from vectorstore.models import AuditRecord, OpenIntent

UNKNOWN = "unknown"
_AT_ONCE = 500
_COPIED = (
    "event_id",
    "request_id",
    "actor_kind",
    "actor_id",
    "actor",
    "method",
    "key_prefix",
    "source",
    "action",
    "cluster",
    "database",
    "collection",
    "ids",
    "allowed",
    "parameters",
)


def close_open(older_than: timedelta = timedelta(minutes=5)) -> int:
    """Record the outcome ``unknown`` for each intent that is older and still open; answers how many there were.

    An act that takes longer than that and is still under way records its own outcome after it, with the same
    ``event_id``.

    Raises:
        AuditUnavailable: the rest stays open until the next time.
    """
    closed = 0
    before = timezone.now() - older_than
    try:
        while count := _close_some(before):
            closed += count
    except Error as error:
        raise unavailable(error) from error
    return closed


def _close_some(before: object) -> int:
    with transaction.atomic():
        lock()  # whoever is about to write an outcome has done so, or waits
        waiting = dict(
            OpenIntent.objects.filter(ts__lt=before).order_by("ts").values_list("seq", "event_id")[:_AT_ONCE]
        )
        intents = AuditRecord.objects.in_bulk(list(waiting))
        append(*(_outcome(event_id, intents.get(seq)) for seq, event_id in waiting.items()))
    return len(waiting)


def _outcome(event_id: str, intent: AuditRecord | None) -> Entry:
    result = {"closed_by": "recovery"}
    if intent is None:  # archived meanwhile
        return Entry(phase="outcome", event_id=event_id, action=UNKNOWN, outcome=UNKNOWN, result=result)
    copied = {name: getattr(intent, name) for name in _COPIED}
    return Entry(phase="outcome", outcome=UNKNOWN, result=result, grants=tuple(intent.grants), **copied)
