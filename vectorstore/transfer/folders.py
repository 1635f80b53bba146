"""The folder of each import and export, below ``transfer/`` in the data folder."""

import errno
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from vectorstore.config.settings import current
from vectorstore.domain.errors import DiskFull, NotFound
from vectorstore.models.job import Job, JobState

_ID = re.compile(r"[0-9a-f]{32}")


def _root() -> Path:
    return current().data_dir / "transfer"


def make() -> str:
    """A new folder; returns its id."""
    made = uuid.uuid4().hex
    with room():
        (_root() / made).mkdir(mode=0o700, parents=True)
    return made


def folder(transfer: str) -> Path:
    """
    Raises:
        NotFound: it has been removed.
    """
    path = _root() / transfer
    if not _ID.fullmatch(transfer) or not path.is_dir():
        raise NotFound("The files of this transfer are kept no longer; start it anew.")
    return path


def remove(transfer: str) -> None:
    """Delete a folder with all that is in it, if it is there."""
    if _ID.fullmatch(transfer):
        shutil.rmtree(_root() / transfer, ignore_errors=True)


def purge() -> int:
    """Delete the folders older than VECTORSTORE_EXPORT_KEPT_HOURS that no job under way has; returns how many."""
    if not _root().is_dir():
        return 0
    before = time.time() - current().export_kept_hours * 3600
    under_way = Job.objects.filter(kind__in=("import", "export"), state__in=(JobState.QUEUED, JobState.RUNNING))
    kept = {params.get("transfer") for params in under_way.values_list("params", flat=True)}
    old = [path.name for path in _root().iterdir() if path.name not in kept and _newest(path) < before]
    for name in old:
        remove(name)
    return len(old)


def _newest(path: Path) -> float:
    return max((each.stat().st_mtime for each in path.glob("*")), default=path.stat().st_mtime)


@contextmanager
def room() -> Iterator[None]:
    """Raises DiskFull where the body finds no room on the disk."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise DiskFull(
            "There is no room in the gateway's data folder (VECTORSTORE_DATA_DIR) for the file; nothing was kept."
        ) from None


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that is there as a whole, on the disk, when the body has ended, and else not at all."""
    unfinished = path.with_name(f".{path.name}.part")
    try:
        with room(), unfinished.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        _sync(path.parent)
    finally:
        unfinished.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
