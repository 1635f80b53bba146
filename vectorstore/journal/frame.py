"""The frames of a segment file, and how they are told from what a crash or a bad disk left behind.

A frame is a fixed head, a JSON object (``notes``) and a payload. The head carries the length, a CRC32C over all of the
frame, the sequence number, the time, the operation, the collection's uid and the SHA-256 of the frame before it in the
same file, so that nothing can be taken out, put in or reordered unnoticed.
"""

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Any, BinaryIO

import google_crc32c
import orjson

MAGIC = b"VSJ1"
_HEAD = struct.Struct("<4sIIIQqB16s32s")  # magic, crc, notes, payload, seq, time, op, uid, previous hash
_CRC_END = 8
FIRST = bytes(32)
"""The hash before the first frame of a file."""
NO_COLLECTION = "0" * 32
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Op(IntEnum):
    """OPENED and SEALED begin and end a file; COMMIT, ABORT and VOID say what became of the entry of their ``seq``."""

    OPENED = 1
    SEALED = 2
    PUT = 3
    DEL = 4
    CLEAR = 5
    DEF = 6
    MARK = 7
    COMMIT = 8
    ABORT = 9
    VOID = 10


ENTRIES = frozenset({Op.PUT, Op.DEL, Op.CLEAR, Op.DEF, Op.MARK})
TOLD = frozenset({Op.DEF, Op.MARK})
"""Entries that tell what has happened: nothing is sent to Milvus, and without an outcome they are committed."""
OUTCOMES = {Op.COMMIT: "committed", Op.ABORT: "aborted", Op.VOID: "void"}


class BrokenFrame(Exception):
    """Bytes that are no frame; ``torn``: the file ends within it."""

    def __init__(self, offset: int, reason: str, *, torn: bool = False) -> None:
        super().__init__(f"at byte {offset}: {reason}")
        self.offset, self.torn = offset, torn


@dataclass(frozen=True, slots=True)
class Frame:
    """``at`` is in UTC to the microsecond; ``hash`` is of the whole frame, the ``previous`` of the next."""

    op: Op
    seq: int
    at: datetime
    uid: str
    notes: dict[str, Any]
    payload: bytes
    previous: bytes
    hash: bytes
    offset: int
    size: int


def encode(op: Op, seq: int, at: datetime, uid: str, notes: dict[str, Any], payload: bytes, previous: bytes) -> bytes:
    """The bytes of a frame; ``hash_of`` gives the hash that the next one carries."""
    text = orjson.dumps(notes)
    time = (at - _EPOCH) // timedelta(microseconds=1)
    head = _HEAD.pack(MAGIC, 0, len(text), len(payload), seq, time, op, bytes.fromhex(uid), previous)
    body = b"".join((head[_CRC_END:], text, payload))
    return b"".join((MAGIC, struct.pack("<I", google_crc32c.value(body)), body))


def hash_of(frame: bytes) -> bytes:
    return hashlib.sha256(frame).digest()


def read_frame(file: BinaryIO, offset: int) -> Frame | None:
    """The frame that begins at ``offset``; None at the end of the file.

    Raises:
        BrokenFrame: what is there is none, or not all of one.
    """
    file.seek(offset)
    head = file.read(_HEAD.size)
    if not head:
        return None
    if len(head) < _HEAD.size:
        raise BrokenFrame(offset, "the file ends within a frame", torn=True)
    magic, crc, notes, payload, seq, time, op, uid, previous = _HEAD.unpack(head)
    if magic != MAGIC:
        raise BrokenFrame(offset, "no frame begins here")
    body = file.read(notes + payload)
    if len(body) < notes + payload:
        raise BrokenFrame(offset, "the file ends within a frame", torn=True)
    if google_crc32c.extend(google_crc32c.value(head[_CRC_END:]), body) != crc:
        raise BrokenFrame(offset, "its checksum does not hold")
    return Frame(
        op=Op(op),
        seq=seq,
        at=_EPOCH + timedelta(microseconds=time),
        uid=uid.hex(),
        notes=orjson.loads(body[:notes]),
        payload=body[notes:],
        previous=previous,
        hash=hashlib.sha256(head + body).digest(),
        offset=offset,
        size=len(head) + len(body),
    )


def read_frames(file: BinaryIO, offset: int = 0, previous: bytes | None = FIRST) -> Iterator[Frame]:
    """The frames from ``offset`` on; ``previous`` is the hash that the first must carry, None where it is not known.

    Raises:
        BrokenFrame: at the first that is broken or does not follow the one before it.
    """
    while (frame := read_frame(file, offset)) is not None:
        if previous is not None and frame.previous != previous:
            raise BrokenFrame(offset, "it does not follow the frame before it")
        yield frame
        offset, previous = offset + frame.size, frame.hash
