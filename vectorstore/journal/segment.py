"""One segment file while it is written. Its lock, which the kernel drops, says whether its writer is alive."""

import fcntl
import hashlib
import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from vectorstore.journal.frame import FIRST, NO_COLLECTION, Op, encode, hash_of

FORMAT = 1

FrameParts = tuple[Op, int, datetime, str, dict[str, Any], bytes]
"""Operation, number, time, uid, notes, payload."""


class SegmentFile:
    """Append-only. ``size`` is where the next frame goes; ``path`` is made anew and must not be there.

    Not thread-safe: its owner appends from one thread at a time.
    """

    def __init__(self, path: Path, at: datetime, notes: dict[str, Any]) -> None:
        """
        Raises:
            OSError: it cannot be made or written.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.size = 0
        self._hash = FIRST
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            self.append([(Op.OPENED, 0, at, NO_COLLECTION, {"format": FORMAT, **notes}, b"")], durable=True)
            _sync_folder(path.parent)
        except BaseException:
            os.close(self._descriptor)
            path.unlink(missing_ok=True)
            raise

    @classmethod
    def of_the_dead(cls, path: Path) -> "SegmentFile | None":
        """The file of a writer that is gone, to be read, ``cut`` and ended; None if somebody has it.

        Raises:
            OSError: it cannot be opened.
        """
        found = cls.__new__(cls)
        found.path, found.size, found._hash = path, 0, FIRST
        found._descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        try:
            fcntl.flock(found._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(found._descriptor)
            return None
        return found

    def cut(self, size: int, last: bytes) -> None:
        """Go on after ``size`` bytes, where the frame with the hash ``last`` ends.

        Raises:
            OSError: it cannot be cut.
        """
        os.ftruncate(self._descriptor, size)
        self.size, self._hash = size, last

    def append(self, frames: Sequence[FrameParts], *, durable: bool) -> list[int]:
        """Write frames; returns where each begins. All of them or none: what failed half-way is cut off.

        Raises:
            OSError: nothing was written.
        """
        offsets, parts, place, before = [], [], self.size, self._hash
        for op, seq, at, uid, notes, payload in frames:
            data = encode(op, seq, at, uid, notes, payload, before)
            offsets.append(place)
            parts.append(data)
            place, before = place + len(data), hash_of(data)
        try:
            if os.fstat(self._descriptor).st_size != self.size:  # what failed before could not be cut off then
                os.ftruncate(self._descriptor, self.size)
            _write_all(self._descriptor, b"".join(parts))
            if durable:
                os.fdatasync(self._descriptor)
        except BaseException:
            os.ftruncate(self._descriptor, self.size)
            raise
        self.size, self._hash = place, before
        return offsets

    def seal(self, at: datetime, notes: dict[str, Any], last: Iterable[FrameParts] = ()) -> str:
        """End the file with the frames ``last``, durably; returns its SHA-256.

        Nobody else has it before ``close``: until then the index can be told.
        """
        self.append([*last, (Op.SEALED, 0, at, NO_COLLECTION, notes, b"")], durable=True)
        return sha256_of(self.path)

    def close(self) -> None:
        """Others may take the file for a dead writer's from here on."""
        os.close(self._descriptor)


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def writer_lives(path: Path) -> bool:
    """Whether a process still has the file open for writing."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
