"""An archived range: gzip, a line for each record as canonical JSON with its hashes, then the checkpoint that signs."""

import gzip
import hashlib
import os
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import orjson

from vectorstore.audit.chain import FIRST, WITH_HASHES, canonical_json, stamp
from vectorstore.audit.signature import Keyring, Mark
from vectorstore.audit.verdict import Broken, Kind
from vectorstore.audit.walk import Row, follow, rows

_LEVEL = 6


@dataclass(frozen=True, slots=True)
class Contents:
    """What a verified file holds; ``before`` is the hash of the record before its first."""

    first: int
    last: int
    before: str
    mark: Mark

    @property
    def records(self) -> int:
        return self.last - self.first + 1


def write(folder: Path, first: int, before: str, mark: Mark) -> Path:
    """Write the records from ``first`` to the checkpoint, verifying each, and read them back.

    Raises:
        Broken: the records are not intact; no file is left.
        OSError: the file cannot be written.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"audit-{first}-{mark.seq}-{mark.hash[:12]}.ndjson.gz"
    unfinished = path.with_suffix(".unfinished")
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as raw:
            # Without a time the same records give the same bytes.
            with gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=_LEVEL, mtime=0) as file:
                for line in _lines(first, before, mark):
                    file.write(line)
            raw.flush()
            os.fsync(raw.fileno())
        read(unfinished)
        os.replace(unfinished, path)
    finally:
        with suppress(FileNotFoundError):
            unfinished.unlink()
    _sync_folder(folder)
    return path


def _lines(first: int, before: str, mark: Mark) -> Iterator[bytes]:
    seq = first
    for row in rows(mark.seq):
        before = follow(row, seq, before)
        seq += 1
        yield canonical_json({**row, "ts": stamp(row["ts"])}) + b"\n"
    if seq != mark.seq + 1 or before != mark.hash:
        raise Broken(Kind.CHECKPOINT, mark.seq, f"checkpoint {mark.seq} is of another record {mark.seq}")
    yield canonical_json({"checkpoint": mark.as_map()}) + b"\n"


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read(path: Path) -> Contents:
    """Verify the whole file by itself.

    Raises:
        Broken: where it is not what was written.
        OSError: it is not there or cannot be read.
    """
    reader = _Reader()
    try:
        with gzip.open(path, "rb") as file:
            for line in file:
                reader.take(orjson.loads(line))
    except EOFError:
        raise Broken(Kind.TRUNCATED, reader.seq, f"the file ends within record {reader.seq}") from None
    except (gzip.BadGzipFile, orjson.JSONDecodeError, zlib.error):
        raise Broken(Kind.ALTERED, reader.seq, f"record {reader.seq} cannot be read") from None
    if reader.mark is None:
        raise Broken(Kind.TRUNCATED, reader.seq, "the file ends before its checkpoint")
    return Contents(reader.first, reader.mark.seq, reader.start, reader.mark)


class _Reader:
    """Takes the lines of a file in turn; ``seq`` is that of the record to come."""

    def __init__(self) -> None:
        self.first = self.seq = 0
        self.start = self._before = FIRST
        self.mark: Mark | None = None

    def take(self, data: object) -> None:
        """Raises Broken."""
        if self.mark is not None:
            raise Broken(Kind.ALTERED, self.seq, "something follows the checkpoint")
        if isinstance(data, dict) and set(data) == {"checkpoint"}:
            self.mark = self._checked(data["checkpoint"])
            return
        if not isinstance(data, dict) or set(data) != set(WITH_HASHES) or type(data["seq"]) is not int:
            raise Broken(Kind.ALTERED, self.seq, f"what should be record {self.seq} is none")
        if not self.first:
            self._begin(data)
        self._before = follow(data, self.seq, self._before)
        self.seq += 1

    def _begin(self, row: Row) -> None:
        self.first = self.seq = row["seq"]
        self.start = self._before = row["prev_hash"]
        if self.first < 1 or (self.first == 1 and self.start != FIRST):
            raise Broken(Kind.ALTERED, self.first, f"record {self.first} is not as it was written")

    def _checked(self, data: object) -> Mark:
        last = self.seq - 1
        try:
            mark = Mark.from_map(data)
        except ValueError as error:
            raise Broken(Kind.CHECKPOINT, last, str(error)) from None
        if not Keyring().verifies(mark):
            raise Broken(Kind.CHECKPOINT, mark.seq, f"the signature of checkpoint {mark.seq} is not ours")
        if mark.seq > last:
            raise Broken(Kind.TRUNCATED, self.seq, f"the records from {self.seq} to {mark.seq} are missing")
        if mark.seq != last or mark.hash != self._before:
            raise Broken(Kind.CHECKPOINT, last, f"checkpoint {mark.seq} is of another record")
        return mark


def digest(path: Path) -> str:
    """SHA-256 of the file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
