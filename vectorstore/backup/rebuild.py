"""The index of backups and of the journal made again from the storage alone, for when the database is lost.

Sets and segments describe themselves. What a machine's own journal folder still holds is taken too: its last segment
may not have been shipped.

A number is void where a frame says so, and only there: one that is in no segment may have been acknowledged, in a
segment that is lost, and is a gap. No number is given a second time that anything still names.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import orjson
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from vectorstore.backup.place import BackupPlace
from vectorstore.backup.run_backup import fill
from vectorstore.backup.shipping import JOURNAL, checksum_path, fetch
from vectorstore.backup.storage import Storage
from vectorstore.backup.upkeep import settle_doubts
from vectorstore.domain.definition import Definition, from_json
from vectorstore.domain.errors import Conflict, NotFound, VectorStoreError
from vectorstore.journal.entry import NOT_HERE
from vectorstore.journal.frame import ENTRIES, OUTCOMES, TOLD, BrokenFrame, Frame, Op, read_frames
from vectorstore.journal.reading import frame_of
from vectorstore.journal.segment import sha256_of
from vectorstore.journal.writer import folder
from vectorstore.models import Backup, CollectionRecord, JournalEntry, JournalHead, JournalSegment, RestorePoint
from vectorstore.service import records
from vectorstore.service.context import Scope
from vectorstore.service.engines import engine_of
from vectorstore.service.work import Work

_AT_ONCE = 1_000


@dataclass(slots=True)
class Rebuilt:
    """``gaps`` are stretches of entries (first, last) that are nowhere; ``problems`` name what cannot be read."""

    sets: int = 0
    segments: int = 0
    entries: int = 0
    collections: list[str] = field(default_factory=list)
    gaps: list[tuple[int, int]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def rebuild(work: Work, place: BackupPlace) -> Rebuilt:
    """Fill the empty index, all of it or nothing, and send again what Milvus may not have.

    Raises:
        Conflict: the journal's index is not empty: it is not to be mixed with another history.
    """
    if JournalEntry.objects.exists():
        raise Conflict("The journal has entries already; this is for a new, empty database.")
    found = Rebuilt()
    work.stage("sets")
    with transaction.atomic():
        _sets(work, place, found)
        work.stage("journal")
        _journal(work, place, found)
        work.stage("collections")
        _collections(work, place, found)
        _take_as_written()
    work.stage("doubts")
    settle_doubts()
    return found


def _sets(work: Work, place: BackupPlace, found: Rebuilt) -> None:
    rows: dict[str, Backup] = {}
    parents: dict[str, str] = {}
    for item in place.repository.scan():
        work.check()
        if item.manifest is None:
            found.problems.append(f"{item.set_id}: {item.problem}")
            continue
        row = Backup(set_id=item.set_id, state="succeeded")
        fill(row, item.manifest, item.sha256)
        row.save()
        rows[item.set_id] = row
        if item.manifest.parent:
            parents[item.set_id] = item.manifest.parent
    for child, parent in parents.items():
        if parent in rows:
            Backup.objects.filter(pk=rows[child].pk).update(parent=rows[parent])
    found.sets = len(rows)


def _journal(work: Work, place: BackupPlace, found: Rebuilt) -> None:
    outcomes: dict[int, str] = {}
    voids: dict[int, JournalEntry] = {}
    last_at, last_seq, timeline = timezone.now(), 0, 1
    for segment, path in _segments(place, found):
        work.check()
        with path.open("rb") as file:
            frames = list(_frames(file, segment.name, found))
        sealed = bool(frames) and frames[-1].op is Op.SEALED
        segment.sha256, segment.size_bytes = segment.sha256 or sha256_of(path), path.stat().st_size
        segment.sealed_at = frames[-1].at if sealed else timezone.now()
        seqs = [frame.seq for frame in frames if frame.op in ENTRIES or frame.op in OUTCOMES]
        segment.first_seq, segment.last_seq = min(seqs, default=None), max(seqs, default=None)
        segment.save()
        entries = [_entry(frame, segment) for frame in frames if frame.op in ENTRIES]
        JournalEntry.objects.bulk_create(entries, _AT_ONCE)
        outcomes.update((frame.seq, OUTCOMES[frame.op]) for frame in frames if frame.op in OUTCOMES)
        voids.update((frame.seq, _void(frame, segment)) for frame in frames if frame.op is Op.VOID)
        for frame in frames:
            if frame.op is Op.MARK:
                _point(frame)
        last_seq = max([last_seq, *seqs, *(int(frame.notes.get("last_seq", 0)) for frame in frames[-1:])])
        last_at = max([last_at, *(frame.at for frame in frames)])
        timeline = max(timeline, segment.timeline)
        found.segments, found.entries = found.segments + 1, found.entries + len(entries)
        work.progress(found.entries, None, "entries")
    JournalEntry.objects.bulk_create(voids.values(), _AT_ONCE, ignore_conflicts=True)
    for state in set(outcomes.values()):
        seqs = [seq for seq, outcome in outcomes.items() if outcome == state]
        for start in range(0, len(seqs), _AT_ONCE):
            JournalEntry.objects.filter(seq__in=seqs[start : start + _AT_ONCE]).update(state=state, doubt=False)
    sets = Backup.objects.aggregate(start=Max("start_seq"), end=Max("end_seq"), at=Max("end_at"))
    last_seq = max(last_seq, sets["start"] or 0, sets["end"] or 0)
    last_at = max(last_at, sets["at"] or last_at)
    JournalHead.objects.update_or_create(pk=1, defaults={"seq": last_seq, "at": last_at, "timeline": timeline})
    found.gaps = list(_gaps(last_seq))


def _segments(place: BackupPlace, found: Rebuilt) -> Iterator[tuple[JournalSegment, Path]]:
    """Every segment, of the storage and of this machine; its ``sha256`` is that of its sealing, where that is known."""
    storage = place.repository.storage
    shipped = {item.path.removeprefix(JOURNAL) for item in storage.list(JOURNAL)}
    here = {str(path.relative_to(folder())) for path in folder().rglob("*.seg")}
    for name in sorted({name for name in shipped if name.endswith(".seg")} | here):
        timeline, _, rest = name.partition("/")
        segment = JournalSegment(
            name=name,
            writer=rest.split("-")[1] if rest.count("-") >= 2 else "",
            timeline=int(timeline),
            shipped_at=timezone.now() if name in shipped else None,
            sha256=_sealed_as(name, storage),
        )
        path = fetch(segment, storage)
        if segment.sha256 and segment.shipped_at and sha256_of(path) != segment.sha256:
            path.unlink()  # this machine's copy may be damaged, and the storage's not
            path = fetch(segment, storage)
        if segment.sha256 and sha256_of(path) != segment.sha256:
            found.problems.append(f"{name} is not what was sealed")
        yield segment, path


def _sealed_as(name: str, storage: Storage) -> str:
    try:
        return storage.read_bytes(checksum_path(name)).decode("ascii", "replace").split(" ")[0][:64]
    except NotFound:
        return ""


def _frames(file: BinaryIO, name: str, found: Rebuilt) -> Iterator[Frame]:
    try:
        for frame in read_frames(file):
            yield Frame(
                op=frame.op,
                seq=frame.seq,
                at=frame.at,
                uid=frame.uid,
                notes=frame.notes,
                payload=frame.payload if frame.op is Op.DEF else b"",
                previous=frame.previous,
                hash=frame.hash,
                offset=frame.offset,
                size=frame.size,
            )
    except BrokenFrame as error:
        if not error.torn:
            found.problems.append(f"{name} is damaged {error}")


def _entry(frame: Frame, segment: JournalSegment) -> JournalEntry:
    """Open until an outcome is found; one that has none is sent again, as after a crash."""
    return JournalEntry(
        seq=frame.seq,
        at=frame.at,
        uid=frame.uid,
        op=frame.op.name,
        rows=int(frame.notes.get("rows", 0)),
        request_id=str(frame.notes.get("request_id", ""))[:128],
        origin=str(frame.notes.get("origin", ""))[:32],
        segment=segment,
        offset=frame.offset,
        state="committed" if frame.op in TOLD else "open",
        doubt=frame.op not in TOLD,
    )


def _void(frame: Frame, segment: JournalSegment) -> JournalEntry:
    return JournalEntry(
        seq=frame.seq, at=frame.at, uid=frame.uid, op=Op.VOID.name, segment=segment, offset=NOT_HERE, state="void"
    )


def _point(frame: Frame) -> None:
    values = {"seq": frame.seq, "at": frame.at, "actor": str(frame.notes.get("actor", ""))[:150]}
    RestorePoint.objects.update_or_create(uid=frame.uid, name=str(frame.notes["name"]), defaults=values)


def _gaps(last: int) -> Iterator[tuple[int, int]]:
    expected = 1
    for seq in JournalEntry.objects.order_by("seq").values_list("seq", flat=True).iterator(10_000):
        if seq > expected:
            yield expected, seq - 1
        expected = seq + 1
    if expected <= last:
        yield expected, last


def _collections(work: Work, place: BackupPlace, found: Rebuilt) -> None:
    """Those that Milvus still has keep the identity that the journal knows them by."""
    for definition, dropped in last_definitions(place).values():
        work.check()
        if dropped:
            continue
        scope = Scope(cluster=definition.cluster, database=definition.database)
        try:
            made = engine_of(scope.cluster).adapter.describe_collection(scope.database, definition.name)
        except VectorStoreError:
            found.collections.append(f"{definition.name} (to be restored)")
            continue
        record = records.restored(scope, definition, made, definition.name)
        CollectionRecord.objects.filter(pk=record.pk).update(uid=definition.uid)
        found.collections.append(definition.name)


def _take_as_written() -> None:
    """What has no outcome counts as written: it may have been acknowledged, and its outcome be lost.

    In collections that Milvus still has it stays in doubt: it is sent again.
    """
    live = CollectionRecord.objects.values_list("uid", flat=True)
    doubtful = JournalEntry.objects.filter(state="open", doubt=True)
    doubtful.exclude(uid__in=live).update(state="committed", doubt=False)


def last_definitions(place: BackupPlace) -> dict[str, tuple[Definition, bool]]:
    """By uid: how each collection was made up last, and whether it was dropped."""
    found: dict[str, tuple[Definition, bool]] = {}
    rows = JournalEntry.objects.filter(op="DEF", state="committed").order_by("-seq").values_list("seq", "uid")
    for seq, uid in rows:
        if uid not in found:
            frame = frame_of(seq, place.locate)
            found[uid] = (from_json(orjson.loads(frame.payload)), bool(frame.notes.get("dropped")))
    return found
