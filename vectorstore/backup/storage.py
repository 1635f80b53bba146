"""Where backups are kept: a local folder or an S3-compatible store, by one interface.

Paths are relative, with slashes. A file appears whole or not at all, and its SHA-256 is made while it is written.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Self

from vectorstore.domain.errors import InvalidRequest

CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Stored:
    """What was written: bytes as they lie on the storage."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Item:
    """A file of a listing."""

    path: str
    size: int
    modified: datetime


class Sink(ABC):
    """A file that is being written: it is not there before ``commit``, and never if that is not reached."""

    def __init__(self) -> None:
        self.size = 0
        self._hash = hashlib.sha256()
        self._ended = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """
        Raises:
            StorageFailed: or one of its kinds.
        """
        view = memoryview(data).cast("B")
        self._put(view)
        self._hash.update(view)
        self.size += len(view)

    def commit(self) -> Stored:
        """Make it durable and visible.

        Raises:
            StorageFailed: or one of its kinds; nothing is there.
        """
        self._finish()
        self._ended = True
        return Stored(self.size, self._hash.hexdigest())

    def abort(self) -> None:
        """Forget what was written; without effect after ``commit``."""
        if not self._ended:
            self._ended = True
            self._drop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.abort()

    @abstractmethod
    def _put(self, data: memoryview) -> None: ...

    @abstractmethod
    def _finish(self) -> None: ...

    @abstractmethod
    def _drop(self) -> None: ...


class Storage(ABC):
    """A context manager, which closes it.

    Every method raises ``StorageFailed`` (``StorageFull``, ``StorageUnavailable``), naming the setting to change.
    """

    @abstractmethod
    def create(self, path: str) -> Sink:
        """Begin to write a file; one of that name is replaced when it is committed."""

    @abstractmethod
    def open(self, path: str) -> BinaryIO:
        """The file from its beginning, as a stream to be closed.

        Raises:
            NotFound: there is none.
        """

    @abstractmethod
    def size(self, path: str) -> int | None:
        """Its bytes; None where there is no such file."""

    @abstractmethod
    def list(self, prefix: str = "") -> Iterator[Item]:
        """Every file whose path begins with ``prefix`` (a folder with its slash, or empty), in order of the path."""

    @abstractmethod
    def delete(self, path: str) -> None:
        """Without effect where there is no such file."""

    def free(self) -> int | None:
        """Bytes that are free; None where that cannot be known."""
        return None

    def local(self, path: str) -> Path | None:
        """The file on this machine's disk, where it is there as it is."""
        return None

    def drop_unfinished(self, before: datetime) -> None:  # noqa: B027 not every storage keeps any
        """Remove what writers that are no more left behind before that time."""

    def close(self) -> None:  # noqa: B027 what holds no connection has nothing to close
        """Give up connections."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def exists(self, path: str) -> bool:
        return self.size(path) is not None

    def write(self, path: str, source: Path | BinaryIO) -> Stored:
        """Copy a local file, or a stream to its end.

        Raises:
            StorageFailed: or one of its kinds; nothing is there.
        """
        if isinstance(source, Path):
            with source.open("rb") as file:
                return self.write(path, file)
        with self.create(path) as sink:
            while chunk := source.read(CHUNK):
                sink.write(chunk)
            return sink.commit()

    def write_bytes(self, path: str, data: bytes) -> Stored:
        with self.create(path) as sink:
            sink.write(data)
            return sink.commit()

    def read_bytes(self, path: str) -> bytes:
        """A small file whole.

        Raises:
            NotFound: there is none.
        """
        with self.open(path) as stream:
            return stream.read()


def checked(path: str) -> str:
    """
    Raises:
        InvalidRequest: the path leads out of the storage.
    """
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\x00" in path or "\\" in path:
        raise InvalidRequest(f"{path[:200]!r} is no path of a file in the backup storage.")
    return path
