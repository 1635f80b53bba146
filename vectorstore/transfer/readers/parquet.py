"""Parquet, by slices of its row groups. The footer is looked at before any data is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from vectorstore.domain.errors import MalformedRequest, PayloadTooLarge
from vectorstore.transfer.readers.base import Bounds, Piece, Position
from vectorstore.transfer.sizes import MAX_ROW_BYTES, PIECE_TEXT_BYTES, WRITE_BYTES

_MOST_COLUMNS = 4096
_BUFFER = 1024 * 1024
_FOOTER_LIMIT = 16 * 1024 * 1024
_VALUE_BYTES = 8
_LARGEST_PIECE = 8 * WRITE_BYTES


class ParquetReader:
    values: Literal["native", "text", "columns"] = "columns"

    def __init__(self, path: Path, bounds: Bounds) -> None:
        self.path = path
        self._bounds = bounds
        with self._open() as file:
            self._footer = file.metadata
            schema = file.schema_arrow
            self._check(schema)
            leaves = [file.schema.column(index) for index in range(self._footer.num_columns)]
        self.rows: int | None = self._footer.num_rows
        self.columns: tuple[str, ...] | None = tuple(schema.names)
        # Read as they are packed, a short page cannot unfold into gigabytes of one repeated text.
        self._packed = [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY"]

    def read(self, start: Position) -> Iterator[Piece]:
        before = 0
        with self._open(self._packed) as file:
            for group in range(self._footer.num_row_groups):
                size = self._footer.row_group(group).num_rows
                if start.row < before + size:
                    yield from self._group(file, group, before, start.row)
                before += size

    def _group(self, file: Any, group: int, before: int, start: int) -> Iterator[Piece]:
        row = before
        try:
            for batch in file.iter_batches(self._at_once(group), row_groups=[group], use_threads=False):
                end = row + batch.num_rows
                if batch.nbytes > _LARGEST_PIECE:
                    raise PayloadTooLarge(f"The rows {row} to {end} of the file have more than {_LARGEST_PIECE} bytes.")
                if end > start and batch.num_rows:
                    skipped = max(0, start - row)
                    yield from _cut(batch.slice(skipped), row + skipped)
                row = end
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise _damaged(error) from None
        if row != before + self._footer.row_group(group).num_rows:
            raise MalformedRequest(f"Row group {group} of the Parquet file has other rows than its footer says.")

    def _at_once(self, group: int) -> int:
        """Rows of a piece: fewer where a row holds more values than the collection's own."""
        found = self._footer.row_group(group)
        values: int = sum(found.column(index).num_values for index in range(found.num_columns))
        width: int = max(1, values * _VALUE_BYTES // max(1, int(found.num_rows)))
        if width > MAX_ROW_BYTES:
            raise PayloadTooLarge(
                f"The rows of the file's row group {group} have more than {MAX_ROW_BYTES} bytes each."
            )
        return max(1, min(self._bounds.piece, 2 * WRITE_BYTES // width))

    def _check(self, schema: pa.Schema) -> None:
        bounds, footer = self._bounds, self._footer
        if len(schema.names) > _MOST_COLUMNS or footer.num_columns > _MOST_COLUMNS:
            raise PayloadTooLarge(f"The Parquet file has more than {_MOST_COLUMNS} columns.")
        if len(set(schema.names)) < len(schema.names):
            raise MalformedRequest("Two columns of the Parquet file have one name.")
        if footer.num_rows > bounds.rows:
            raise PayloadTooLarge(
                f"The Parquet file has {footer.num_rows} rows; at most {bounds.rows} are taken"
                " (VECTORSTORE_MAX_IMPORT_ROWS). Import it in parts."
            )
        groups = [footer.row_group(index) for index in range(footer.num_row_groups)]
        size = sum(group.total_byte_size for group in groups)
        if size > bounds.size:
            raise PayloadTooLarge(
                f"The Parquet file has {size} bytes unpacked; at most {bounds.size} are taken"
                " (VECTORSTORE_MAX_IMPORT_BYTES). Import it in parts."
            )
        counts = [group.num_rows for group in groups]
        if min(counts, default=0) < 0 or sum(counts) != footer.num_rows:
            raise MalformedRequest("The footer of the Parquet file contradicts itself.")

    def _open(self, packed: list[str] | None = None) -> Any:
        try:
            return pq.ParquetFile(
                self.path,
                read_dictionary=packed,
                buffer_size=_BUFFER,
                pre_buffer=False,
                thrift_string_size_limit=_FOOTER_LIMIT,
                thrift_container_size_limit=_FOOTER_LIMIT,
            )
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise _damaged(error) from None


def _cut(batch: pa.RecordBatch, first: int) -> Iterator[Piece]:
    """The rows in pieces whose texts have a bounded size once they are unfolded."""
    sizes = text_sizes(pa.StructArray.from_arrays(batch.columns, names=batch.schema.names))
    for long in np.flatnonzero(sizes > MAX_ROW_BYTES)[:1]:
        raise PayloadTooLarge(f"The row {first + long} of the file has more than {MAX_ROW_BYTES} bytes of text.")
    ends = np.cumsum(sizes)
    begin = 0
    while begin < batch.num_rows:
        before = int(ends[begin - 1]) if begin else 0
        end = int(np.searchsorted(ends, before + PIECE_TEXT_BYTES, side="right"))
        yield Piece(first + begin, batch.slice(begin, end - begin), Position(first + end))
        begin = end


def text_sizes(column: pa.Array) -> Any:
    """The bytes of text in each row of a column, of shape (rows,), int64."""
    kind = column.type
    none = np.zeros(len(column), np.int64)
    if pa.types.is_dictionary(kind):
        sizes = text_sizes(column.dictionary)
        found = column.indices.fill_null(0).to_numpy(zero_copy_only=False)
        return sizes[found] if len(sizes) else none
    if pa.types.is_string(kind) or pa.types.is_binary(kind) or pa.types.is_large_string(kind):
        return pc.binary_length(column).fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    if pa.types.is_struct(kind):
        return sum((text_sizes(child) for child in column.flatten()), none)
    if pa.types.is_map(kind) or pa.types.is_list(kind) or pa.types.is_large_list(kind):
        values = (
            column.values
            if not pa.types.is_map(kind)
            else pa.StructArray.from_arrays([column.keys, column.items], names=["key", "value"])
        )
        if not _holds_text(kind):
            return none
        before = np.concatenate([[0], np.cumsum(text_sizes(values))])
        return np.diff(before[column.offsets.to_numpy()])
    return none


def _holds_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return True
    if pa.types.is_nested(kind):
        return any(_holds_text(kind.field(index).type) for index in range(kind.num_fields))
    return bool(pa.types.is_string(kind) or pa.types.is_binary(kind) or pa.types.is_large_string(kind))


def _damaged(error: Exception) -> MalformedRequest:
    return MalformedRequest(f"The file is no Parquet that can be read: {str(error).splitlines()[0][:200]}")
