"""Locks on bytes of a file, held by an open descriptor: Linux's OFD locks, shared by all threads and processes.

The kernel drops what a dead process held, so no crash leaves one behind.
"""

import fcntl
import os
import struct
import time
from pathlib import Path

from vectorstore.domain.errors import Overloaded

ALONE = fcntl.F_WRLCK
SHARED = fcntl.F_RDLCK
_FIRST_PAUSE_S = 0.001
_LONGEST_PAUSE_S = 0.02


def open_lock(folder: Path, name: str) -> int:
    """A descriptor of ``name`` in ``folder``, which are made where they are not there.

    Raises:
        Overloaded: they cannot be made.
    """
    path, flags = folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    try:
        try:
            return os.open(path, flags, 0o600)
        except FileNotFoundError:
            folder.mkdir(parents=True, exist_ok=True)
            return os.open(path, flags, 0o600)
    except OSError as error:
        raise Overloaded(
            f"The gateway cannot write in its data folder ({error.strerror}); free space there, or mend its rights."
        ) from error


def take(descriptor: int, kind: int, start: int, length: int, ends: float, late: str) -> None:
    """Lock ``length`` bytes from ``start``, ``ALONE`` or ``SHARED``, waiting until ``ends`` of the monotonic clock.

    Raises:
        Overloaded: with the text ``late``; others kept some of them.
    """
    pause = _FIRST_PAUSE_S
    while True:
        try:
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _request(kind, start, length))
            return
        except BlockingIOError:
            if time.monotonic() >= ends:
                raise Overloaded(late, retry_after=1) from None
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_S)


def let_go(descriptor: int, start: int, length: int) -> None:
    """Unlock them; closing the descriptor unlocks all."""
    fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _request(fcntl.F_UNLCK, start, length))


def _request(kind: int, start: int, length: int) -> bytes:
    return struct.pack("hhqqi4x", kind, os.SEEK_SET, start, length, 0)
