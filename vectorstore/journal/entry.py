"""Entries of the journal: drafted, numbered, as rows of the index and as frames of a segment."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from vectorstore.journal.frame import Op
from vectorstore.journal.segment import FrameParts
from vectorstore.models import JournalEntry, JournalSegment

NOT_HERE = -1
"""The offset of an entry whose frame is not known to the index yet."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be written: ``rows`` says how many it concerns, ``notes`` go into the frame as JSON.

    ``origin`` names the transfer that writes it, by which that knows its own writes again: a caller may use one request
    id for anything.
    """

    op: Op
    uid: str
    payload: bytes = b""
    rows: int = 0
    request_id: str = ""
    notes: dict[str, Any] = field(default_factory=dict)
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A draft that is durable."""

    seq: int
    at: datetime
    draft: Draft


def row_of(entry: Entry, segment: JournalSegment) -> JournalEntry:
    draft = entry.draft
    return JournalEntry(
        seq=entry.seq,
        at=entry.at,
        uid=draft.uid,
        op=draft.op.name,
        rows=draft.rows,
        request_id=draft.request_id,
        origin=draft.origin,
        segment=segment,
        offset=NOT_HERE,
    )


def frame_parts(entry: Entry) -> FrameParts:
    draft = entry.draft
    notes = {**draft.notes, "rows": draft.rows, "request_id": draft.request_id}
    if draft.origin:
        notes["origin"] = draft.origin
    return draft.op, entry.seq, entry.at, draft.uid, notes, draft.payload


def void_parts(seq: int, at: datetime, uid: str) -> FrameParts:
    """The frame that says that the entry has none: its number was taken, and nothing of it was written."""
    return Op.VOID, seq, at, uid, {}, b""
