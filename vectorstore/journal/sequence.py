"""The one sequence and the one clock: a number or a time names a moment of all collections of all hosts."""

from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

from vectorstore.models import JournalHead

_TICK = timedelta(microseconds=1)


def next_moments(count: int) -> list[tuple[int, datetime]]:
    """The next ``count`` numbers, each with a time later than any before; within the caller's transaction."""
    head = _locked()
    now = max(_now(), head.at + _TICK)
    moments = [(head.seq + number + 1, now + number * _TICK) for number in range(count)]
    JournalHead.objects.filter(pk=head.pk).update(seq=moments[-1][0], at=moments[-1][1])
    return moments


def position() -> tuple[int, datetime, int]:
    """The number of the last entry, a time that is not before it, and the timeline."""
    head = JournalHead.objects.filter(pk=1).first()
    if head is None:
        return 0, _now(), 1
    return head.seq, max(_now(), head.at), head.timeline


def _locked() -> JournalHead:
    found = JournalHead.objects.select_for_update().filter(pk=1).first()
    if found is None:
        JournalHead.objects.get_or_create(pk=1, defaults={"at": _now()})
        found = JournalHead.objects.select_for_update().get(pk=1)
    return found


def _now() -> datetime:
    """The database's clock where several hosts share it; SQLite's is this machine's."""
    if connection.vendor != "postgresql":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        found: datetime = cursor.fetchone()[0]
        return found
