"""What can be told of one set beyond its row in the index: its manifest, and the moments that it covers."""

from dataclasses import dataclass
from datetime import datetime

from vectorstore.backup.drift import tainted
from vectorstore.backup.manifest import Manifest
from vectorstore.backup.place import backup_place
from vectorstore.domain.errors import NotFound, VectorStoreError
from vectorstore.journal.sequence import position
from vectorstore.models import Backup, JournalEntry


@dataclass(frozen=True, slots=True)
class Covered:
    """The moments that can be restored from a set and the journal over it; ``gaps`` as of a recovery window."""

    earliest: datetime
    latest: datetime
    gaps: list[tuple[datetime, datetime]]


@dataclass(frozen=True, slots=True)
class SetDetails:
    """``manifest`` is None while the set is being made, and where it cannot be read: then ``problem`` says why.
    ``covered`` is None where it holds no exact moment, or may not be built upon."""

    row: Backup
    manifest: Manifest | None
    sha256: str
    problem: str
    covered: Covered | None


def details_of(row: Backup) -> SetDetails:
    manifest, sha256, problem = None, "", ""
    try:
        with backup_place() as place:
            manifest, sha256 = place.repository.sealed(row.set_id)
    except NotFound as error:
        problem = error.detail if row.state in ("succeeded", "verified") else ""
    except VectorStoreError as error:
        problem = error.detail
    return SetDetails(row, manifest, sha256, problem, _covered(row))


def _covered(row: Backup) -> Covered | None:
    if row.state not in ("succeeded", "verified") or row.error is not None:
        return None
    if row.end_seq is None or row.end_at is None:
        return None
    gaps = {gap for item in row.collections for gap in tainted(item["uid"]) if gap[1] > row.end_at}
    return Covered(row.end_at, _latest(row.end_seq, row.end_at), sorted(gaps))


def _latest(end_seq: int, end_at: datetime) -> datetime:
    """Now, or the time of the last entry before one that is missing."""
    last, now, _ = position()
    entries = JournalEntry.objects.filter(seq__gt=end_seq, seq__lte=last)
    if entries.count() == last - end_seq:
        return now
    found, expected = end_at, end_seq + 1
    for seq, at in entries.order_by("seq").values_list("seq", "at").iterator(10_000):
        if seq != expected:
            break
        found, expected = at, seq + 1
    return found
