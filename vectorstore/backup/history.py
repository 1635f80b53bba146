"""Where the rows of a collection at a moment can be had: which set, and which stretch of the journal over it.

A collection that was made through the gateway, and whose journal is whole, needs no set: it began empty. One that was
restored began as what it was restored from.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.db.models import Q, Sum

from vectorstore.backup.parts import never
from vectorstore.backup.place import BackupPlace
from vectorstore.backup.repository import Repository
from vectorstore.backup.shipping import anywhere
from vectorstore.domain.definition import Definition
from vectorstore.domain.errors import JournalBroken, NotFound, WritesHeld
from vectorstore.journal.changes import Change
from vectorstore.journal.reading import (
    Locate,
    await_definitions,
    changes,
    check_chain,
    definition_at,
    frame_of,
    settle,
)
from vectorstore.models import Backup, CollectionRecord, JournalEntry, JournalSegment

READABLE = ("succeeded", "verified")
_SETTLE_S = 30.0


@dataclass(frozen=True, slots=True)
class Source:
    """The state of collection ``uid`` at entry ``until``: the set (None: it began empty, or as ``origin``), then the
    journal after ``after``."""

    uid: str
    until: int
    set_id: str | None
    after: int
    origin: "Source | None" = None

    def changes(self, place: BackupPlace, check: Callable[[], None] = never) -> Iterator[Change]:
        """Newest first, for ``merge.live_rows``; ``check`` (``Work.check``) is called for each piece that is read."""
        for change in changes(self.uid, self.after, self.until, place.locate):
            check()
            yield change
        if self.set_id is not None:
            yield from place.repository.changes(self.set_id, self.uid, place.keys, place.scratch, check)
        elif self.origin is not None:
            yield from self.origin.changes(place, check)

    def parts(self) -> Iterator["Source"]:
        """This, and what it began as, and so on."""
        yield self
        if self.set_id is None and self.origin is not None:
            yield from self.origin.parts()

    def settle(self, check: Callable[[], None]) -> None:
        """Wait until it is known what became of every entry: one that another process has committed may not be in the
        index yet.

        Raises:
            WritesHeld: of some it is not known, because Milvus does not answer.
        """
        ends = time.monotonic() + _SETTLE_S
        while True:
            check()
            try:
                for part in self.parts():
                    settle([part.uid], part.until, timeout=0.5)
                return
            except WritesHeld:
                if time.monotonic() > ends:
                    raise

    def check(self, locate: Locate, check: Callable[[], None] = never) -> None:
        """
        Raises:
            JournalBroken: the stretch of the journal is not whole; the detail names the first entry that is not.
        """

        def checked(segment: JournalSegment) -> Path:
            check()
            return locate(segment)

        for part in self.parts():
            check_chain(part.after, part.until, checked)

    def most_rows(self, place: BackupPlace) -> int:
        """How many rows there are at most: as if none replaced another."""
        found = 0
        for part in self.parts():
            written = JournalEntry.objects.filter(uid=part.uid, seq__gt=part.after, seq__lte=part.until, op="PUT")
            found += written.aggregate(sum=Sum("rows"))["sum"] or 0
            chain = place.repository.chain(part.set_id) if part.set_id is not None else ()
            found += sum(manifest.rows for manifest in chain)
        return found

    @property
    def entries(self) -> int:
        """How many writes lie over the set."""
        return sum(
            JournalEntry.objects.filter(
                uid=part.uid, seq__gt=part.after, seq__lte=part.until, state="committed", op__in=("PUT", "DEL", "CLEAR")
            ).count()
            for part in self.parts()
        )


def source_of(uid: str, until: int) -> Source:
    """
    Raises:
        NotFound: the state at ``until`` cannot be had.
    """
    backup = newest_set(uid, until)
    if backup is not None:
        return Source(uid, until, backup.set_id, backup.end_seq or 0)
    first = JournalEntry.objects.filter(uid=uid).exclude(state="void").order_by("seq").first()
    if first is None or first.seq > until:
        raise NotFound("Neither a backup nor the journal has the collection at that time.")
    notes = frame_of(first.seq, anywhere).notes if first.op == "DEF" else {}
    if notes.get("born"):
        return Source(uid, until, None, first.seq - 1)
    if origin := notes.get("origin"):
        return Source(uid, until, None, first.seq - 1, source_of(str(origin["uid"]), int(origin["until"])))
    raise NotFound("No backup of the collection was made by that time, and its journal does not begin with it.")


def newest_set(uid: str, until: int) -> Backup | None:
    """The newest verified set that holds the collection and ends by ``until``; where there is none, as after the index
    was made anew, one that is not verified yet."""
    good = Q(state="verified") | Q(state="succeeded", error__isnull=True)
    sets = Backup.objects.filter(good, consistency="exact", end_seq__lte=until).order_by("-state", "-end_seq")
    return next((found for found in sets if any(item["uid"] == uid for item in found.collections)), None)


def uid_at(cluster: str, database: str, name: str, until: int) -> str:
    """Which collection had the name at entry ``until``.

    Raises:
        NotFound: none that is known of.
    """
    live = CollectionRecord.objects.filter(cluster=cluster, database=database, name=name).first()
    last = definition_at(live.uid, until, anywhere) if live is not None else None
    if live is not None and last is not None and last[0].name == name and not last[1]:
        return live.uid
    for seq, uid in definitions(until):
        found = definition_at(uid, seq, anywhere)
        if found is None or (found[0].cluster, found[0].database, found[0].name) != (cluster, database, name):
            continue
        last = definition_at(uid, until, anywhere)
        if last is not None and last[0].name == name and not last[1]:
            return uid
    raise NotFound(f"No collection had the name {name[:255]!r} at that time, as far as the journal goes.")


def definitions(until: int) -> Iterator[tuple[int, str]]:
    """(number, uid) of every definition up to ``until``, newest first."""
    await_definitions(until)
    found = JournalEntry.objects.filter(op="DEF", seq__lte=until, state="committed").order_by("-seq")
    yield from found.values_list("seq", "uid").iterator(1_000)


def entry_at(moment: datetime) -> int:
    """The number of the last entry at or before a time; 0 where there is none."""
    found = JournalEntry.objects.filter(at__lte=moment).order_by("-seq").values_list("seq", flat=True).first()
    return found or 0


def definition_of_source(source: Source, repository: Repository) -> Definition:
    """How the collection was made up at that moment.

    Raises:
        NotFound, JournalBroken, BackupDamaged: it cannot be had.
    """
    found = definition_at(source.uid, source.until, anywhere)
    if found is not None:
        return found[0]
    if source.set_id is None:
        raise JournalBroken("The journal has no definition of the collection at that time.")
    entry = repository.manifest(source.set_id).collection(source.uid)
    if entry is None:
        raise NotFound(f"The backup {source.set_id} does not hold the collection.")
    return repository.definition(entry)
