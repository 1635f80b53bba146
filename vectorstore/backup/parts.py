"""Rows as Parquet files, written and read as streams in bounded memory.

Compressed with zstd; floats are split into byte streams first, since their exponents resemble each other more than
their digits do. The footer names rows, smallest and largest key, so that a part can be read without its manifest.
"""

import io
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from vectorstore.backup.encryption import EncryptedSink, Key, Keyring, decrypted
from vectorstore.backup.manifest import File
from vectorstore.backup.storage import Sink, Storage
from vectorstore.domain.errors import BackupDamaged
from vectorstore.domain.models import RowId

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

MAX_BYTES = 128 * 1024 * 1024
MAX_ROWS = 1_000_000
_GROUP_BYTES = 16 * 1024 * 1024
_GROUP_ROWS = 65_536
_FOOTER = b"vectorstore."


class PartWriter:
    """Writes rows into ``<stem>-00000.parquet`` and so on; a part ends at about 128 MB or 1,000,000 rows.

    A context manager: left by an error, the part that was being written is not there.
    """

    def __init__(
        self,
        storage: Storage,
        stem: str,
        schema: pa.Schema,
        key: str,
        *,
        encrypt: Key | None = None,
        max_bytes: int = MAX_BYTES,
        max_rows: int = MAX_ROWS,
    ) -> None:
        self._storage, self._stem, self._schema, self._key, self._encrypt = storage, stem, schema, key, encrypt
        self._max_bytes, self._max_rows = max_bytes, max_rows
        self._waiting: list[pa.RecordBatch] = []
        self._bytes = self._rows = 0
        self._part: _Part | None = None
        self.files: list[File] = []

    def write(self, rows: pa.RecordBatch) -> None:
        """``rows`` has the columns of the schema, in its order.

        Raises:
            StorageFailed: or one of its kinds.
        """
        while rows.num_rows:
            room = self._max_rows - (self._part.rows if self._part else 0) - self._rows
            taken = rows.slice(0, min(room, _GROUP_ROWS - self._rows))
            self._waiting.append(taken)
            self._rows += taken.num_rows
            self._bytes += taken.nbytes
            if self._bytes >= _GROUP_BYTES or self._rows >= _GROUP_ROWS or taken.num_rows == room:
                self._write_group()
            rows = rows.slice(taken.num_rows)

    def close(self) -> tuple[File, ...]:
        """End the last part; gives all of them."""
        self._write_group()
        self._end_part()
        return tuple(self.files)

    def _write_group(self) -> None:
        if not self._waiting:
            return
        if self._part is None:
            path = f"{self._stem}-{len(self.files):05d}.parquet"
            self._part = _Part(self._storage.create(path), path, self._schema, self._key, self._encrypt)
        self._part.write(pa.Table.from_batches(self._waiting, self._schema))
        self._waiting, self._bytes, self._rows = [], 0, 0
        if self._part.size >= self._max_bytes or self._part.rows >= self._max_rows:
            self._end_part()

    def _end_part(self) -> None:
        if self._part is not None:
            self.files.append(self._part.commit())
            self._part = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._part is not None:
            self._part.abort()


class _Part:
    def __init__(self, sink: Sink, path: str, schema: pa.Schema, key: str, encrypt: Key | None) -> None:
        self._sink = EncryptedSink(sink, encrypt) if encrypt else sink
        self._path, self._key, self._encrypted = path, key, encrypt is not None
        self._file = _FileOfSink(self._sink)
        self._writer = pq.ParquetWriter(
            self._file,
            schema,
            compression="zstd",
            compression_level=1,
            use_dictionary=False,
            column_encoding=dict.fromkeys(_float_leaves(schema), "BYTE_STREAM_SPLIT"),
            write_statistics=[key],
        )
        self.rows = 0
        self._first: RowId | None = None
        self._last: RowId | None = None

    @property
    def size(self) -> int:
        return self._sink.size

    def write(self, rows: pa.Table) -> None:
        self._writer.write_table(rows, row_group_size=rows.num_rows)
        self.rows += rows.num_rows
        found = pc.min_max(rows.column(self._key)).as_py()
        self._first = found["min"] if self._first is None else min(self._first, found["min"])
        self._last = found["max"] if self._last is None else max(self._last, found["max"])

    def commit(self) -> File:
        about = {"rows": self.rows, "first_key": self._first, "last_key": self._last}
        self._writer.add_key_value_metadata({_FOOTER + name.encode(): str(value) for name, value in about.items()})
        try:
            self._writer.close()
            self._file.close()
            stored = self._sink.commit()
        finally:
            self._sink.abort()
        if self._encrypted:
            return File(self._path, stored.size, stored.sha256, self.rows)
        return File(self._path, stored.size, stored.sha256, self.rows, self._first, self._last)

    def abort(self) -> None:
        self._file.broken = True
        self._writer.close()
        self._sink.abort()


class _FileOfSink(io.RawIOBase):
    """A sink as the file that the Parquet writer wants."""

    def __init__(self, sink: Sink) -> None:
        self._sink, self._at, self.broken = sink, 0, False

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def write(self, data: "ReadableBuffer") -> int:
        view = memoryview(data).cast("B")
        if not self.broken:
            self._sink.write(view)
        self._at += len(view)
        return len(view)


def _float_leaves(schema: pa.Schema) -> Iterator[str]:
    """The paths of all columns of floats, as Parquet names them."""

    def leaves(kind: pa.DataType, path: str) -> Iterator[str]:
        if pa.types.is_floating(kind):
            yield path
        elif pa.types.is_struct(kind):
            for index in range(kind.num_fields):
                yield from leaves(kind.field(index).type, f"{path}.{kind.field(index).name}")
        elif pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
            yield from leaves(kind.value_type, f"{path}.list.element")

    for column in schema:
        yield from leaves(column.type, column.name)


def never() -> None:
    """The ``check`` of what nobody stops."""


def read_part(
    storage: Storage, file: File, keys: Keyring | None, scratch: Path, check: Callable[[], None] = never
) -> Iterator[pa.RecordBatch]:
    """The rows of a part, in batches of about 16 MB at most.

    ``keys`` is None where it is not encrypted. What is not on this machine's disk as it is goes through a nameless
    file in ``scratch``. ``check`` (``Work.check``) is called for each piece.

    Raises:
        NotFound: there is no such file.
        BackupKeyMissing: no key fits.
        BackupDamaged: it cannot be read, or its rows are not those that the manifest counts.
    """
    with _opened(storage, file.path, keys, scratch, check) as source:
        found = 0
        try:
            with pq.ParquetFile(source) as parquet:
                for index in range(parquet.metadata.num_row_groups):
                    # Group by group: asked for all of them, the reader runs ahead and takes twice the memory.
                    group = parquet.metadata.row_group(index)
                    width = group.total_byte_size // max(group.num_rows, 1)
                    step = max(1, min(_GROUP_ROWS, _GROUP_BYTES // max(width, 1)))
                    for rows in parquet.iter_batches(step, row_groups=[index]):
                        check()
                        found += rows.num_rows
                        yield rows
        except (pa.ArrowException, OSError) as error:
            raise BackupDamaged(f"{file.path} cannot be read: {str(error)[:200]}") from None
        if found != file.rows:
            raise BackupDamaged(f"{file.path} has {found} rows; the manifest says {file.rows}.")


@contextmanager
def _opened(
    storage: Storage, path: str, keys: Keyring | None, scratch: Path, check: Callable[[], None]
) -> Iterator[Any]:
    local = storage.local(path)
    if local is not None and keys is None:
        with storage.open(path) as stream:
            yield stream
        return
    with storage.open(path) as stream, tempfile.TemporaryFile(dir=scratch) as copy:
        for chunk in decrypted(stream, keys, path) if keys is not None else _chunks(stream):
            check()
            copy.write(chunk)
        copy.seek(0)
        yield copy


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    reading: Callable[[], bytes] = lambda: stream.read(1024 * 1024)  # noqa: E731
    return iter(reading, b"")
