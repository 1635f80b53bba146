"""Arrow columns of a file as a checked ``Batch``, whole columns at once.

``fast_batch`` gives None where anything is not as it should be: the rows are then read one by one
(``domain.rows.read_rows``), which names what is wrong. What both accept, they make the same batch of.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as types

from vectorstore.domain.arrow import DYNAMIC
from vectorstore.domain.batch import Batch
from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.models import INTEGER_RANGES, DataType, RowId
from vectorstore.domain.rows import read_id
from vectorstore.domain.values import FLOAT32_MAX, read_scalar


class _Slow(Exception):
    """Not for the fast way."""


def fast_batch(
    columns: dict[str, pa.Array], size: int, collection: Collection, made_ids: Sequence[RowId] | None
) -> Batch | None:
    """Columns by their fields, of ``size`` rows, as a batch; ``made_ids`` are the ids where the file has none."""
    batch = Batch(size=size)
    others = dict(columns)
    try:
        for field in collection.fields:
            column = others.pop(field.name, None)
            if column is not None:
                batch.columns[field.name] = _values(column, field)
            elif not field.primary:
                batch.columns[field.name] = _lacking(field, size)
            elif made_ids is not None:
                batch.columns[field.name] = list(made_ids)
            else:
                return None
        batch.ids = batch.columns[collection.primary.name]
        if collection.dynamic_fields:
            batch.dynamic = _dynamic(others, size, collection)
        elif others:
            return None
    except (_Slow, ValueError, TypeError, pa.ArrowException):
        return None
    return batch


def plain_rows(rows: pa.RecordBatch) -> list[dict[str, Any]]:
    """The rows as dicts of Python values, vectors as arrays."""
    names = rows.schema.names
    columns = [_plain(column) for column in rows.columns]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _plain(column: pa.Array) -> Sequence[Any]:
    kind = column.type
    lists = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    if lists and types.is_floating(kind.value_type):
        return [item.values.to_numpy(zero_copy_only=False) if item.is_valid else None for item in column]
    try:
        return list(column.to_pylist())
    except (pa.ArrowException, ValueError, OverflowError):  # a time out of range, a text that is not UTF-8
        return [_scalar(item) for item in column]


def _scalar(item: Any) -> Any:
    try:
        return item.as_py()
    except (pa.ArrowException, ValueError, OverflowError):
        return object()  # no field takes it, so the row is named


def _lacking(field: Field, rows: int) -> list[Any]:
    if field.default is not None:
        return [read_scalar(field.default, field)] * rows
    if not field.nullable:
        raise _Slow
    return [None] * rows


def _values(column: pa.Array, field: Field) -> Any:
    if types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if column.null_count and (not field.nullable or field.type.is_vector or field.default is not None):
        raise _Slow
    if field.primary:
        return _ids(column, field)
    kind = field.type
    if kind is DataType.FLOAT_VECTOR:
        return _dense(column, field)
    if kind in (DataType.FLOAT16_VECTOR, DataType.BFLOAT16_VECTOR):
        return list(_dense(column, field))
    if kind is DataType.BINARY_VECTOR:
        return _bits(column, field)
    if kind is DataType.BOOL:
        _need(types.is_boolean(column.type))
    elif kind.is_integer:
        _integers(column, INTEGER_RANGES[kind])
    elif kind.is_float:
        return _floats(column, kind)
    elif kind is DataType.VARCHAR:
        _texts(column, field)
    elif kind is DataType.JSON:
        _need(types.is_string(column.type) or types.is_large_string(column.type))
        return [None if text is None else read_scalar(orjson.loads(text), field) for text in column.to_pylist()]
    elif kind is DataType.ARRAY:
        return [None if value is None else read_scalar(value, field) for value in column.to_pylist()]
    else:
        raise _Slow
    return column.to_pylist()


def _need(fits: Any) -> None:
    if not fits:
        raise _Slow


def _ids(column: pa.Array, field: Field) -> list[RowId]:
    _need(not column.null_count)
    if field.type is DataType.INT64 and types.is_integer(column.type):
        _integers(column, INTEGER_RANGES[DataType.INT64])
        return list(column.to_pylist())
    if field.type is DataType.VARCHAR:
        _texts(column, field)
        return list(column.to_pylist())
    return [read_id(value, field) for value in column.to_pylist()]


def _dense(column: pa.Array, field: Field) -> Any:
    """An array of shape (rows, dimension), float32, finite."""
    width, kind = field.dimension or 0, column.type
    if types.is_fixed_size_list(kind):
        _need(kind.list_size == width)
    else:
        _need(types.is_list(kind) or types.is_large_list(kind))
        _need(pc.all(pc.equal(pc.list_value_length(column), width)).as_py())
    values = column.flatten()
    _need(not values.null_count and (types.is_floating(values.type) or types.is_integer(values.type)))
    with np.errstate(over="ignore"):
        rows = values.to_numpy(zero_copy_only=False).astype(np.float32, copy=False).reshape(len(column), width)
    _need(np.isfinite(rows).all())
    return rows


def _bits(column: pa.Array, field: Field) -> list[bytes]:
    width = (field.dimension or 0) // 8
    if types.is_fixed_size_binary(column.type):
        _need(column.type.byte_width == width)
    else:
        _need(types.is_binary(column.type) or types.is_large_binary(column.type))
        _need(pc.all(pc.equal(pc.binary_length(column), width)).as_py())
    return list(column.to_pylist())


def _integers(column: pa.Array, bounds: tuple[int, int]) -> None:
    _need(types.is_integer(column.type))
    found = pc.min_max(column).as_py()
    _need(found["min"] is None or (bounds[0] <= found["min"] and found["max"] <= bounds[1]))


def _floats(column: pa.Array, kind: DataType) -> list[float | None]:
    _need(types.is_floating(column.type) or types.is_integer(column.type))
    values = column.drop_null().to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
    _need(np.isfinite(values).all() and (kind is DataType.DOUBLE or (np.abs(values) <= FLOAT32_MAX).all()))
    return [None if value is None else float(value) for value in column.to_pylist()]


def _texts(column: pa.Array, field: Field) -> None:
    _need(types.is_string(column.type) or types.is_large_string(column.type))
    longest = pc.max(pc.binary_length(column)).as_py() or 0
    _need(field.max_length is None or longest <= field.max_length)


def _dynamic(columns: dict[str, pa.Array], rows: int, collection: Collection) -> list[bytes]:
    """The columns that are no fields, as each row's JSON; null in one is nothing in the row."""
    packed = columns.pop(DYNAMIC, None)
    _need(not any(name.startswith("$") or not name for name in columns))
    found: list[dict[str, Any]] = [{} for _ in range(rows)]
    if packed is not None:
        known = {field.name for field in collection.fields} | columns.keys()
        for row, text in zip(found, packed.to_pylist(), strict=True):
            if text:
                told = orjson.loads(text)
                _need(isinstance(told, dict))
                row.update(told)
                _need(not any(not name or name.startswith("$") or name in known for name in row))
    for name, column in columns.items():
        for row, value in zip(found, column.to_pylist(), strict=True):
            if value is not None:
                row[name] = value
    return [orjson.dumps(row) for row in found]
