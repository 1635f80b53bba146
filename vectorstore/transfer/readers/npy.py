"""An array of vectors from NumPy, and beside it a file with the other fields, row for row."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from vectorstore.domain.collection import Field
from vectorstore.domain.errors import MalformedRequest, PayloadTooLarge
from vectorstore.domain.models import DataType
from vectorstore.transfer.readers.base import Bad, Bounds, Piece, Position, Reader

_MAGIC = b"\x93NUMPY"


class NpyReader:
    """``field`` takes the vectors: rows of an array of floats, or of bytes for BINARY_VECTOR."""

    def __init__(self, path: Path, bounds: Bounds, field: Field, metadata: Reader | None) -> None:
        self.path = path
        self._bounds, self._field, self._metadata = bounds, field, metadata
        self._array = _mapped(path)
        self._check()
        self.rows: int | None = len(self._array)
        self.values: Literal["native", "text", "columns"] = metadata.values if metadata else "columns"
        columns = metadata.columns if metadata else ()
        if columns is not None and field.name in columns:
            raise MalformedRequest(f"The vectors of {field.name} are in the array, so its metadata may not have them.")
        self.columns: tuple[str, ...] | None = None if columns is None else (*columns, field.name)

    def read(self, start: Position) -> Iterator[Piece]:
        if self._metadata is None:
            for first in range(start.row, len(self._array), self._bounds.piece):
                end = min(first + self._bounds.piece, len(self._array))
                yield Piece(first, self._columns(first, end), Position(end))
            return
        row = start.row
        for piece in self._metadata.read(start):
            row = piece.next.row
            if row > len(self._array):
                break
            yield Piece(piece.first, self._joined(piece), piece.next)
        if row != len(self._array):
            more = "more rows" if row > len(self._array) else f"{row} rows"
            raise MalformedRequest(f"The array has {len(self._array)} rows and its metadata {more}.")

    def _joined(self, piece: Piece) -> Any:
        first, end = piece.first, piece.next.row
        if isinstance(piece.rows, pa.RecordBatch):
            vectors = self._columns(first, end).column(0)
            return pa.RecordBatch.from_arrays(
                [*piece.rows.columns, vectors], names=[*piece.rows.schema.names, self._field.name]
            )
        vectors = self._plain(first, end)
        return [self._with(row, vector) for row, vector in zip(piece.rows, vectors, strict=True)]

    def _with(self, row: Any, vector: Any) -> Any:
        if not isinstance(row, dict):
            return row
        if self._field.name in row:
            return Bad(f"the vector of {self._field.name} is in the array, so the metadata may not have it")
        return {**row, self._field.name: vector}

    def _plain(self, first: int, end: int) -> Any:
        rows = np.ascontiguousarray(self._array[first:end])
        return [row.tobytes() for row in rows] if self._field.type is DataType.BINARY_VECTOR else rows

    def _columns(self, first: int, end: int) -> pa.RecordBatch:
        rows = np.ascontiguousarray(self._array[first:end])
        flat = pa.array(rows.reshape(-1))
        if self._field.type is DataType.BINARY_VECTOR:
            kind = pa.binary(rows.shape[1])
            column = pa.FixedSizeBinaryArray.from_buffers(kind, len(rows), [None, pa.py_buffer(rows)])
        else:
            column = pa.FixedSizeListArray.from_arrays(flat, rows.shape[1])
        return pa.RecordBatch.from_arrays([column], names=[self._field.name])

    def _check(self) -> None:
        shape, kind, field = self._array.shape, self._array.dtype, self._field
        if len(shape) != 2 or kind.names is not None:
            raise MalformedRequest("The array of an NPY file has two dimensions: rows, and the components of a vector.")
        binary = field.type is DataType.BINARY_VECTOR
        fits = kind == np.uint8 if binary else kind.kind == "f" and kind.itemsize <= 8
        if not fits or field.type is DataType.SPARSE_FLOAT_VECTOR:
            wanted = "uint8" if binary else "float16, float32 or float64"
            raise MalformedRequest(f"The array has the type {kind}; the field {field.name} takes {wanted}.")
        width = (field.dimension or 0) // 8 if binary else field.dimension
        if shape[1] != width:
            raise MalformedRequest(
                f"The rows of the array have {shape[1]} values; the field {field.name} takes {width}."
            )
        if shape[0] > self._bounds.rows:
            raise PayloadTooLarge(
                f"The array has {shape[0]} rows; at most {self._bounds.rows} are taken (VECTORSTORE_MAX_IMPORT_ROWS)."
            )


def _mapped(path: Path) -> Any:
    with path.open("rb") as file:
        magic = file.read(len(_MAGIC))
    if magic != _MAGIC:
        raise MalformedRequest("The file is no NPY array (an NPZ archive or a pickle is not taken).")
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError, SyntaxError, OverflowError, MemoryError) as error:
        raise MalformedRequest(f"The NPY file cannot be read: {str(error).splitlines()[0][:200]}") from None
