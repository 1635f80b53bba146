"""What rows come to in 128 bits, whatever order, batches or engine they come from.

Each row is hashed with BLAKE2b-128 and the hashes are added modulo 2^128, so that single rows can be added and taken
away. The bytes of a row are its key, then its fields in order of their names and ``$meta``: first all that has a fixed
width (for each field whether it is there, then numbers and vectors as little-endian bytes, lengths of the rest), then
the rest. Floats are their bits. JSON text is written anew with sorted keys, sparse vectors are sorted. Names and types
go into every hash as its personalisation. Where the partition counts, the hash is hashed again with its name.
"""

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from vectorstore.domain.arrow import DEFAULT_PARTITION, DYNAMIC, PARTITION, arrow_type
from vectorstore.domain.collection import Collection
from vectorstore.domain.models import DataType

WIDTH = 16
"""Bytes of a row's hash."""

_MODULUS = 2**128
_SLICE_BYTES = 8 * 1024 * 1024
_BYTES = pa.large_binary()
_JSON = "json"

Bytes = npt.NDArray[np.uint8]
Encoded = tuple[list[Bytes], pa.Array | None]
"""Columns of fixed width, each of shape (rows, bytes), and what has no fixed width, as binary without nulls."""


@dataclass(slots=True)
class RunningDigest:
    """The sum so far. Two sets of rows are the same if and only if count and digest are."""

    rows: int = 0
    total: int = 0

    def add(self, hashes: bytes) -> None:
        """``hashes`` are those of any number of rows, 16 bytes each."""
        self.rows += len(hashes) // WIDTH
        self.total = (self.total + _sum(hashes)) % _MODULUS

    def subtract(self, hashes: bytes) -> None:
        """Take rows away that were added before."""
        self.rows -= len(hashes) // WIDTH
        self.total = (self.total - _sum(hashes)) % _MODULUS

    @property
    def hex(self) -> str:
        """32 hexadecimal digits."""
        return f"{self.total:032x}"


def _sum(hashes: bytes) -> int:
    words = np.frombuffer(hashes, "<u4").reshape(-1, 4).sum(axis=0, dtype=np.uint64)
    return sum(int(word) << (32 * place) for place, word in enumerate(words))


def digest_of(batches: Iterable[pa.RecordBatch], collection: Collection, *, partitions: bool = False) -> RunningDigest:
    """The digest of all rows of ``batches``, each by ``domain.arrow.arrow_schema``."""
    hasher, digest = RowHasher(collection, partitions=partitions), RunningDigest()
    for rows in batches:
        digest.add(hasher.hashes(rows))
    return digest


class RowHasher:
    """Hashes the rows of one schema; with ``partitions`` the column ``$partition`` counts too (empty: the default)."""

    def __init__(self, collection: Collection, *, partitions: bool = False) -> None:
        fields = sorted(collection.fields, key=lambda field: (not field.primary, field.name))
        self._columns = [(field.name, _encoder(field.type, field.element_type)) for field in fields]
        layout = [f"{field.name} {_JSON if field.type is DataType.JSON else arrow_type(field)}" for field in fields]
        if collection.dynamic_fields:
            self._columns.append((DYNAMIC, _json))
            layout.append(f"{DYNAMIC} {_JSON}")
        self._partitions = partitions
        self._person = hashlib.blake2b("\n".join(layout).encode(), digest_size=16).digest()

    @property
    def layout(self) -> str:
        """32 hexadecimal digits of the names and types that are hashed: hashes of another layout compare with none."""
        return self._person.hex()

    def hashes(self, rows: pa.RecordBatch) -> bytes:
        """The hashes of ``rows`` in their order, 16 bytes each.

        Raises:
            KeyError: a field has no column.
        """
        if not rows.num_rows:
            return b""
        step = max(1, _SLICE_BYTES * rows.num_rows // max(rows.nbytes, 1))
        found = b"".join(self._slice(rows.slice(start, step)) for start in range(0, rows.num_rows, step))
        return placed(found, rows.column(PARTITION).to_pylist()) if self._partitions else found

    def _slice(self, rows: pa.RecordBatch) -> bytes:
        fixed: list[Bytes] = []
        rest: list[pa.Array] = []
        for name, encode in self._columns:
            column = rows.column(name)
            there = column.is_valid().to_numpy(zero_copy_only=False)
            fixed.append(there.view(np.uint8).reshape(-1, 1))
            widths, variable = encode(column, there)
            fixed += widths
            if variable is not None:
                fixed.append(_raw(pc.binary_length(variable).to_numpy(zero_copy_only=False).astype("<u4")))
                rest.append(variable)
        matrix = np.ascontiguousarray(np.concatenate(fixed, axis=1))
        return self._hashed(*_messages(matrix, rest))

    def _hashed(self, data: memoryview, offsets: Iterable[int]) -> bytes:
        new, person = hashlib.blake2b, self._person
        return b"".join(
            [new(data[start:end], digest_size=WIDTH, person=person).digest() for start, end in pairwise(offsets)]
        )


def _messages(matrix: Bytes, rest: list[pa.Array]) -> tuple[memoryview, Iterable[int]]:
    """All messages after each other, and where each begins and the last ends."""
    count, width = matrix.shape
    if not rest:
        return matrix.data.cast("B"), range(0, count * width + 1, width)
    head = pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), count, [None, pa.py_buffer(matrix)])
    joined = pc.binary_join_element_wise(head.cast(_BYTES), *rest, pa.scalar(b"", _BYTES))
    _, offsets, data = joined.buffers()
    return memoryview(data), np.frombuffer(offsets, np.int64)[joined.offset : joined.offset + count + 1].tolist()


def _raw(values: npt.NDArray[Any]) -> Bytes:
    """Each value's bytes, shape (values, bytes)."""
    width = values.dtype.itemsize * math.prod(values.shape[1:])
    return np.ascontiguousarray(values).view(np.uint8).reshape(len(values), width)


def _numbers(column: pa.Array, there: npt.NDArray[np.bool_]) -> Encoded:
    values = column.fill_null(0) if column.null_count else column
    return [_raw(values.to_numpy(zero_copy_only=False))], None


def _truths(column: pa.Array, there: npt.NDArray[np.bool_]) -> Encoded:
    return _numbers(column.cast(pa.uint8()), there)


def _dense(column: pa.Array, there: npt.NDArray[np.bool_]) -> Encoded:
    width = column.type.list_size
    flat = column.values.slice(column.offset * width, len(column) * width).to_numpy(zero_copy_only=False)
    return _blanked(_raw(flat.reshape(len(column), width)), there)


def _bits(column: pa.Array, there: npt.NDArray[np.bool_]) -> Encoded:
    width = column.type.byte_width
    rows = np.frombuffer(column.buffers()[1], np.uint8)[column.offset * width :]
    return _blanked(rows[: len(column) * width].reshape(len(column), width), there)


def _blanked(rows: Bytes, there: npt.NDArray[np.bool_]) -> Encoded:
    """What lies under a null is anything: it must not count."""
    return [rows if there.all() else np.where(there[:, None], rows, np.uint8(0))], None


def _text(column: pa.Array, there: npt.NDArray[np.bool_]) -> Encoded:
    return [], column.cast(_BYTES).fill_null(b"")


def _json(column: pa.Array, there: npt.NDArray[np.bool_]) -> Encoded:
    # One buffer, not a list of texts: orjson gives each a kilobyte first, and to keep many of those costs more than
    # all the rest.
    data, ends = bytearray(), [0]
    for text in column.to_pylist():
        if text is not None:
            data += _canonical(text)
        ends.append(len(data))
    return [], pa.Array.from_buffers(_BYTES, len(column), [None, pa.py_buffer(np.array(ends)), pa.py_buffer(data)])


def _canonical(text: str) -> bytes:
    try:
        return orjson.dumps(orjson.loads(text), option=orjson.OPT_SORT_KEYS)
    except (ValueError, TypeError):
        # No JSON, or nested deeper than can be written: as it stands, apart from all that is JSON.
        return b"\x00" + text.encode()


def _array(element: DataType) -> Callable[[pa.Array, npt.NDArray[np.bool_]], Encoded]:
    def encode(column: pa.Array, there: npt.NDArray[np.bool_]) -> Encoded:
        flat = column.flatten()
        ends = np.concatenate(([0], np.cumsum(_lengths(column))))
        if element is not DataType.VARCHAR:
            values = flat.cast(pa.uint8()) if element is DataType.BOOL else flat
            return [], _binary(_raw(values.to_numpy(zero_copy_only=False)), ends)
        texts = flat.cast(_BYTES)
        sizes = _binary(_raw(pc.binary_length(texts).to_numpy().astype("<u4")), np.arange(len(texts) + 1))
        joined = pc.binary_join_element_wise(sizes, texts, pa.scalar(b"", _BYTES))
        _, offsets, data = joined.buffers()
        starts = np.frombuffer(offsets, np.int64)[joined.offset :]
        return [], pa.Array.from_buffers(_BYTES, len(column), [None, pa.py_buffer(starts[ends]), data])

    return encode


def _sparse(column: pa.Array, there: npt.NDArray[np.bool_]) -> Encoded:
    indices, weights = column.flatten()
    lengths = _lengths(indices)
    index, weight = indices.flatten().to_numpy(), weights.flatten().to_numpy()
    row = np.repeat(np.arange(len(column)), lengths)
    if ((np.diff(row) == 0) & (index[1:] < index[:-1])).any():
        order = np.lexsort((index, row))
        index, weight = index[order], weight[order]
    pairs = np.concatenate((_raw(index.astype("<u4")), _raw(weight.astype("<f4"))), axis=1)
    return [], _binary(pairs, np.concatenate(([0], np.cumsum(lengths))))


def _lengths(column: pa.Array) -> npt.NDArray[np.int64]:
    lengths: npt.NDArray[np.int64] = pc.list_value_length(column).fill_null(0).to_numpy().astype(np.int64)
    return lengths


def _binary(items: Bytes, ends: npt.NDArray[np.int64]) -> pa.Array:
    """``items`` (shape (items, bytes)) gathered into ``len(ends) - 1`` values."""
    data = pa.py_buffer(np.ascontiguousarray(items))
    return pa.Array.from_buffers(_BYTES, len(ends) - 1, [None, pa.py_buffer(ends * items.shape[1]), data])


def _encoder(kind: DataType, element: DataType | None) -> Callable[[pa.Array, npt.NDArray[np.bool_]], Encoded]:
    match kind:
        case DataType.BOOL:
            return _truths
        case DataType.VARCHAR:
            return _text
        case DataType.JSON:
            return _json
        case DataType.ARRAY:
            return _array(element or DataType.VARCHAR)
        case DataType.SPARSE_FLOAT_VECTOR:
            return _sparse
        case DataType.BINARY_VECTOR:
            return _bits
    return _dense if kind.is_vector else _numbers


def row_hashes(hashes: bytes) -> Iterator[bytes]:
    """Each row's hash by itself."""
    return (hashes[start : start + WIDTH] for start in range(0, len(hashes), WIDTH))


def placed(hashes: bytes, partitions: Iterable[str]) -> bytes:
    """The hashes of rows by the partition that each is in; an empty name is the default one's."""
    return b"".join(
        hashlib.blake2b(value + (name or DEFAULT_PARTITION).encode(), digest_size=WIDTH).digest()
        for value, name in zip(row_hashes(hashes), partitions, strict=True)
    )
