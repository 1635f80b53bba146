"""Who may write which keys of a collection now: locks shared by all threads and processes of this machine.

A file per collection, whose bytes are locked as open file descriptions (Linux's OFD locks): each key belongs to one of
``STRIPES`` bytes, and one byte more is held shared by everybody who writes at all. The kernel drops what a dead process
held. A multi-host deployment needs these locks in the database.
"""

import fcntl
import os
import struct
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from vectorstore.config.settings import current
from vectorstore.domain.errors import Overloaded
from vectorstore.domain.models import RowId

STRIPES = 1024
_PRESENCE = STRIPES
_ALL_BEYOND = 64
"""With more stripes than this the whole range is taken at once."""
_POLL_S = 0.001


def lock_folder() -> Path:
    return current().data_dir / "locks"


@contextmanager
def key_locks(folder: Path, uid: str, keys: Sequence[RowId] | None, timeout: float = 30) -> Iterator[None]:
    """Hold the locks of ``keys``; an empty list only keeps the collection as it is; None keeps everybody else out.

    Raises:
        Overloaded: others held some of them for ``timeout`` seconds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / f"{uid}.keys", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    ends = time.monotonic() + timeout
    try:
        if keys is None:
            _take(descriptor, fcntl.F_WRLCK, 0, STRIPES + 1, ends)
        else:
            _take(descriptor, fcntl.F_RDLCK, _PRESENCE, 1, ends)
            for start, length in _ranges(keys):
                _take(descriptor, fcntl.F_WRLCK, start, length, ends)
        yield
    finally:
        os.close(descriptor)


def _ranges(keys: Sequence[RowId]) -> list[tuple[int, int]]:
    """In ascending order, so that no two writers wait for each other."""
    stripes = sorted({zlib.crc32(str(key).encode()) % STRIPES for key in keys})
    if len(stripes) > _ALL_BEYOND:
        return [(0, STRIPES)]
    return [(stripe, 1) for stripe in stripes]


def _take(descriptor: int, kind: int, start: int, length: int, ends: float) -> None:
    request = struct.pack("hhqqi4x", kind, os.SEEK_SET, start, length, 0)
    pause = _POLL_S
    while True:
        try:
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, request)
            return
        except BlockingIOError:
            if time.monotonic() >= ends:
                raise Overloaded("Another write to the same rows did not end in time.", retry_after=1) from None
            time.sleep(pause)
            pause = min(pause * 2, 0.02)
