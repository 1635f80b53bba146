"""What collections that were restored still need of those that they came from."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from vectorstore.backup.history import Source, newest_set, source_of
from vectorstore.config.settings import current
from vectorstore.domain.errors import JournalBroken, NotFound
from vectorstore.journal.sequence import position
from vectorstore.models import CollectionRecord, JournalEntry


def gone_for_good(now: datetime) -> set[str]:
    """Collections that were dropped so long ago that they need not come back from the journal alone."""
    live = set(CollectionRecord.objects.values_list("uid", flat=True))
    limit = now - timedelta(days=current().dropped_days)
    recent = set(JournalEntry.objects.filter(at__gt=limit).values_list("uid", flat=True).distinct())
    return _known() - live - recent


def inherited(now: datetime) -> Iterator[Source]:
    """What collections began as that have no set of their own yet: without it nothing of theirs can be restored."""
    last = position()[0]
    for uid in _known() - gone_for_good(now):
        if newest_set(uid, last) is not None:
            continue
        first = JournalEntry.objects.filter(uid=uid).exclude(state="void").order_by("seq").first()
        try:
            _, *origins = source_of(uid, first.seq if first else 0).parts()
        except (NotFound, JournalBroken):
            continue  # it has no beginning
        yield from origins


def _known() -> set[str]:
    return set(JournalEntry.objects.values_list("uid", flat=True).distinct())
