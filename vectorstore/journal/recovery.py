"""Segments whose writers are gone: cut where the crash tore them, ended, and what they left open put in doubt."""

import logging
from pathlib import Path

from django.db import transaction
from django.utils import timezone

from vectorstore.journal.frame import ENTRIES, FIRST, OUTCOMES, BrokenFrame, Frame, read_frames
from vectorstore.journal.segment import SegmentFile, writer_lives
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
    frames, size = readable(path)
    last = frames[-1].hash if frames else FIRST
    file = SegmentFile.of_the_dead(path, size, last)
    if file is None:
        return 0
    outcomes = {frame.seq: OUTCOMES[frame.op] for frame in frames if frame.op in OUTCOMES}
    entries = {frame.seq: frame for frame in frames if frame.op in ENTRIES}
    seqs = [frame.seq for frame in frames if frame.op in ENTRIES]
    digest = file.seal(timezone.now(), {"last_seq": max(seqs, default=0), "recovered": True})
    with transaction.atomic():
        doubts = _index(segment, entries, outcomes)
        segment.sealed_at, segment.sha256, segment.size_bytes = timezone.now(), digest, file.size
        segment.last_seq = max(seqs, default=None)
        segment.save(update_fields=["sealed_at", "sha256", "size_bytes", "last_seq"])
    log.warning("the segment %s of a dead writer was ended; %d entries are in doubt", segment.name, doubts)
    return doubts


def _index(segment: JournalSegment, entries: dict[int, Frame], outcomes: dict[int, str]) -> int:
    for seq, state in outcomes.items():
        if seq not in entries:  # of another writer, which came to its end here
            JournalEntry.objects.filter(seq=seq, state="open").update(state=state, doubt=False)
    doubts = 0
    for row in segment.entries.filter(state="open"):
        frame = entries.get(row.seq)
        row.offset = frame.offset if frame else row.offset
        row.state = outcomes.get(row.seq, "open") if frame else "void"
        row.doubt = row.state == "open"
        doubts += row.doubt
        row.save(update_fields=["offset", "state", "doubt"])
    return doubts


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
