"""A local folder as backup storage: temporary name, fsync, rename, fsync of the folder."""

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from vectorstore.backup.storage import Item, Sink, Storage, checked
from vectorstore.domain.errors import NotFound, StorageFailed, StorageFull

UNFINISHED = ".unfinished"
"""The folder below the root for files that are being written: on the same file system, and in no listing."""

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


@contextmanager
def _told(doing: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFull(
                f"There is no room for {doing}: free some below the folder of VECTORSTORE_BACKUP_URL, or name another."
            ) from error
        if error.errno in _READ_ONLY:
            raise StorageFailed(
                f"Not allowed: {doing}. The folder of VECTORSTORE_BACKUP_URL has to be one that this process may write."
            ) from error
        reason = os.strerror(error.errno) if error.errno else "unknown"
        raise StorageFailed(f"{doing} failed ({reason}): check the folder of VECTORSTORE_BACKUP_URL.") from error


class LocalStorage(Storage):
    """Folders are made with mode 0700, files with 0600."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def create(self, path: str) -> Sink:
        target = self.root / checked(path)
        with _told(f"writing {path}"):
            unfinished = self.root / UNFINISHED
            _make(unfinished)
            return _LocalSink(unfinished / secrets.token_hex(12), target, path)

    def open(self, path: str) -> BinaryIO:
        with _told(f"reading {path}"):
            try:
                return (self.root / checked(path)).open("rb")
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                raise NotFound(f"There is no file {path} in the backup storage.") from None

    def size(self, path: str) -> int | None:
        found = self.root / checked(path)
        with _told(f"reading {path}"):
            return found.stat().st_size if found.is_file() else None

    def list(self, prefix: str = "") -> Iterator[Item]:
        with _told(f"listing {prefix or 'the backup storage'}"):
            yield from sorted(self._walk(self.root / prefix), key=lambda item: item.path)

    def _walk(self, folder: Path) -> Iterator[Item]:
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as found:
            for entry in found:
                if entry.is_dir(follow_symlinks=False):
                    if entry.name != UNFINISHED:
                        yield from self._walk(folder / entry.name)
                    continue
                status = entry.stat(follow_symlinks=False)
                path = (folder / entry.name).relative_to(self.root).as_posix()
                yield Item(path, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))

    def delete(self, path: str) -> None:
        found = self.root / checked(path)
        with _told(f"deleting {path}"), suppress(FileNotFoundError):
            found.unlink()
            _sync(found.parent)
            # Folders are no part of the interface: one that holds nothing is not there.
            with suppress(OSError):
                for folder in found.parents:
                    if folder == self.root:
                        break
                    folder.rmdir()

    def free(self) -> int | None:
        with _told("measuring the free space"):
            there = next(folder for folder in (self.root, *self.root.parents) if folder.is_dir())
            return shutil.disk_usage(there).free

    def local(self, path: str) -> Path | None:
        return self.root / checked(path)

    def drop_unfinished(self, before: datetime) -> None:
        with (
            _told("removing unfinished files"),
            suppress(FileNotFoundError),
            os.scandir(self.root / UNFINISHED) as found,
        ):
            for entry in found:
                with suppress(FileNotFoundError):
                    if entry.stat().st_mtime < before.timestamp():
                        os.unlink(entry.path)


class _LocalSink(Sink):
    def __init__(self, unfinished: Path, target: Path, path: str) -> None:
        super().__init__()
        self._unfinished, self._target, self._path = unfinished, target, path
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._file = os.fdopen(descriptor, "wb", buffering=0)

    def _put(self, data: memoryview) -> None:
        with _told(f"writing {self._path}"):
            while data:
                data = data[self._file.write(data) :]

    def _finish(self) -> None:
        with _told(f"writing {self._path}"):
            os.fsync(self._file.fileno())
            self._file.close()
            while True:
                _make(self._target.parent)
                try:
                    os.replace(self._unfinished, self._target)
                    break
                except FileNotFoundError:
                    # A delete beside this one took the empty folder away; the file itself is ours alone.
                    if not self._unfinished.exists():
                        raise
            _sync(self._target.parent)

    def _drop(self) -> None:
        self._file.close()
        with suppress(OSError):
            self._unfinished.unlink()


def _make(folder: Path) -> None:
    """Make it and those above, each durably."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)
        _sync(each.parent)


def _sync(folder: Path) -> None:
    with suppress(FileNotFoundError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
