"""Who may write which keys of a collection now: locks shared by all threads and processes of this machine.

A file per collection, whose bytes are locked: each key belongs to one of ``STRIPES`` bytes, and one byte more is held
shared by everybody who writes at all. A multi-host deployment needs these locks in the database.
"""

import os
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from vectorstore.adapters.file_lock import ALONE, SHARED, open_lock, take
from vectorstore.config.settings import current
from vectorstore.domain.models import RowId

STRIPES = 1024
_PRESENCE = STRIPES
_ALL_BEYOND = 64
"""With more stripes than this the whole range is taken at once."""
_LATE = "Another write to the same rows did not end in time."


def lock_folder() -> Path:
    return current().data_dir / "locks"


@contextmanager
def key_locks(folder: Path, uid: str, keys: Sequence[RowId] | None, timeout: float = 30) -> Iterator[None]:
    """Hold the locks of ``keys``; an empty list only keeps the collection as it is; None keeps everybody else out.

    Raises:
        Overloaded: others held some of them for ``timeout`` seconds.
    """
    descriptor = open_lock(folder, f"{uid}.keys")
    ends = time.monotonic() + timeout
    try:
        if keys is None:
            take(descriptor, ALONE, 0, STRIPES + 1, ends, _LATE)
        else:
            take(descriptor, SHARED, _PRESENCE, 1, ends, _LATE)
            for start, length in _ranges(keys):
                take(descriptor, ALONE, start, length, ends, _LATE)
        yield
    finally:
        os.close(descriptor)


def _ranges(keys: Sequence[RowId]) -> list[tuple[int, int]]:
    """In ascending order, so that no two writers wait for each other."""
    stripes = sorted({zlib.crc32(str(key).encode()) % STRIPES for key in keys})
    if len(stripes) > _ALL_BEYOND:
        return [(0, STRIPES)]
    return [(stripe, 1) for stripe in stripes]
