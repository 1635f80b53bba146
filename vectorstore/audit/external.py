"""The checkpoints outside the database: a file that only grows, one signed JSON object a line."""

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from vectorstore.audit.signature import Mark
from vectorstore.config.settings import BASE_DIR, current
from vectorstore.models import AuditCheckpoint

log = logging.getLogger("vectorstore.audit")

_TAIL = 4096
"""Bytes from the end that hold at least one whole line."""


def place() -> Path:
    """Where the file is."""
    settings = current()
    if settings.audit_checkpoints:
        return BASE_DIR / Path(settings.audit_checkpoints).expanduser()
    return settings.data_dir / "audit" / "checkpoints.ndjson"


def announce(checkpoint: AuditCheckpoint) -> None:
    """After the commit: to the log, which may be shipped elsewhere, and to the file."""
    log.info("checkpoint %s", Mark.of(checkpoint).line().decode().rstrip())
    catch_up()


def catch_up() -> None:
    """Write every checkpoint that is newer than the file's last; nothing is lost if it cannot, only late."""
    path = place()
    try:
        with _held(path) as file:
            after = _last_seq(file)
            missing = AuditCheckpoint.objects.filter(seq__gt=after).order_by("seq")
            lines = b"".join(Mark.of(checkpoint).line() for checkpoint in missing)
            if lines:
                file.write(lines)
                file.flush()
                os.fsync(file.fileno())
    except (OSError, ValueError) as error:
        log.error(
            "checkpoints of the audit log cannot be written to %s (%s): until they can, a truncated log goes unseen",
            path,
            error.__class__.__name__ if isinstance(error, ValueError) else error.strerror,
        )


def read(path: Path) -> Iterator[Mark]:
    """The marks that the file has at this moment, in order; a line cut off by a crash at its end is none.

    Raises:
        ValueError: a line is no checkpoint or out of order.
    """
    if not path.exists():
        return iter(())
    return _read(path, path.stat().st_size)


def _read(path: Path, size: int) -> Iterator[Mark]:
    before = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            size -= len(line)
            if size < 0 or not line.endswith(b"\n"):
                return
            try:
                mark = Mark.read(line)
            except ValueError:
                raise ValueError(f"line {number} is no checkpoint") from None
            if mark.seq <= before:
                raise ValueError(f"line {number} is out of order")
            before = mark.seq
            yield mark


@contextmanager
def _held(path: Path) -> Iterator[BinaryIO]:
    """The file, open for appending, while no other process has it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def _last_seq(file: BinaryIO) -> int:
    """The last line's, after taking away what a crash left of an unfinished one."""
    size = file.seek(0, os.SEEK_END)
    start = file.seek(max(0, size - _TAIL))
    tail = file.read()
    whole = tail.rfind(b"\n") + 1
    if whole < len(tail):
        file.truncate(start + whole)
    file.seek(0, os.SEEK_END)
    lines = tail[:whole].splitlines()
    return Mark.read(lines[-1]).seq if lines else 0
