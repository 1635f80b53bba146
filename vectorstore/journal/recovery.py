"""Segments whose writers are gone: cut where the crash tore them, ended, and what they left open put in doubt.

Numbers that a writer took, and whose frames it did not live to write, are said to be void in its own segment.
"""

import logging
from pathlib import Path

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from vectorstore.journal.entry import void_parts
from vectorstore.journal.frame import ENTRIES, FIRST, OUTCOMES, TOLD, BrokenFrame, Frame, Op, read_frames
from vectorstore.journal.segment import SegmentFile, sha256_of, writer_lives
from vectorstore.journal.writer import folder
from vectorstore.models import JournalEntry, JournalSegment

log = logging.getLogger("vectorstore.journal")


def end_the_dead() -> int:
    """End every segment whose writer is gone; returns how many entries are in doubt because of it."""
    in_doubt = 0
    for segment in JournalSegment.objects.filter(sealed_at=None):
        path = folder() / segment.name
        try:
            if not writer_lives(path):
                in_doubt += _end(segment, path)
        except FileNotFoundError:
            log.error("the journal's segment %s is gone from the disk", segment.name)
        except OSError as error:
            log.error("the journal's segment %s cannot be ended: %s", segment.name, error)
    return in_doubt


def _end(segment: JournalSegment, path: Path) -> int:
    file = SegmentFile.of_the_dead(path)
    if file is None:
        return 0
    try:
        if not JournalSegment.objects.filter(pk=segment.pk, sealed_at=None).exists():
            return 0  # its writer or another process has just ended it
        frames, size = readable(path)
        file.cut(size, frames[-1].hash if frames else FIRST)
        outcomes = {frame.seq: OUTCOMES[frame.op] for frame in frames if frame.op in OUTCOMES}
        entries = {frame.seq: frame for frame in frames if frame.op in ENTRIES}
        numbered = segment.entries.filter(state__in=("open", "void"))
        voids = [void_parts(row.seq, row.at, row.uid) for row in numbered if row.seq not in {*entries, *outcomes}]
        last = max([*entries, *outcomes, *(seq for _, seq, *_ in voids)], default=None)
        if frames and frames[-1].op is Op.SEALED:
            digest = sha256_of(path)
        else:
            digest = file.seal(timezone.now(), {"last_seq": last or 0, "recovered": True}, voids)
        with transaction.atomic():
            doubts = _index(segment, entries, outcomes)
            segment.sealed_at, segment.sha256, segment.size_bytes = timezone.now(), digest, file.size
            segment.last_seq = last
            segment.save(update_fields=["sealed_at", "sha256", "size_bytes", "last_seq"])
    finally:
        file.close()
    log.warning("the segment %s of a dead writer was ended; %d entries are in doubt", segment.name, doubts)
    return doubts


def _index(segment: JournalSegment, entries: dict[int, Frame], outcomes: dict[int, str]) -> int:
    for seq, state in outcomes.items():
        if seq not in entries:  # of another writer, which came to its end here
            JournalEntry.objects.filter(seq=seq, state="open").update(state=state, doubt=False)
    doubts = 0
    for row in _left_open(segment):
        frame = entries.get(row.seq)
        if frame is not None:
            row.offset = frame.offset
        if frame is None and row.segment_id == segment.pk:
            row.state = OUTCOMES[Op.VOID]
        else:
            row.state = outcomes.get(row.seq, "committed" if Op[row.op] in TOLD else "open")
        row.doubt = row.state == "open"
        doubts += row.doubt
        row.save(update_fields=["offset", "state", "doubt"])
    return doubts


def _left_open(segment: JournalSegment) -> QuerySet[JournalEntry]:
    """With a writer's last segment goes what it left open in those that it sealed itself."""
    others = JournalSegment.objects.filter(writer=segment.writer, sealed_at=None).exclude(pk=segment.pk)
    if others.exists():
        return segment.entries.filter(state="open")
    return JournalEntry.objects.filter(segment__writer=segment.writer, state="open")


def readable(path: Path) -> tuple[list[Frame], int]:
    """The frames before the first that is torn or broken, without their payloads, and where they end.

    What follows a tear was never acknowledged, because ``intend`` returns only when all before it is on the disk.
    """
    frames: list[Frame] = []
    size = 0
    with path.open("rb") as file:
        try:
            for frame in read_frames(file):
                frames.append(_light(frame))
                size = frame.offset + frame.size
        except BrokenFrame as error:
            log.warning("%s is cut %s", path.name, error)
    return frames, size


def _light(frame: Frame) -> Frame:
    return Frame(
        op=frame.op,
        seq=frame.seq,
        at=frame.at,
        uid=frame.uid,
        notes=frame.notes,
        payload=b"",
        previous=frame.previous,
        hash=frame.hash,
        offset=frame.offset,
        size=frame.size,
    )
