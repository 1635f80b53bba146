"""A ``Batch`` as Arrow columns and back: the form of rows in the journal, in backups and in Parquet files.

| field | Arrow type |
|---|---|
| BOOL, INT8 … INT64, FLOAT, DOUBLE, VARCHAR | bool, int8 … int64, float, double, string |
| JSON, and all dynamic fields together as ``$meta`` | string: JSON text (null is SQL's null, ``"null"`` is JSON's) |
| ARRAY | list of the element's type |
| FLOAT_VECTOR, FLOAT16_VECTOR, BFLOAT16_VECTOR | fixed-size list of float (halves widen exactly) |
| BINARY_VECTOR | fixed-size binary of dimension / 8 bytes |
| SPARSE_FLOAT_VECTOR | struct of ``indices`` (list of uint32, sorted) and ``weights`` (list of float) |
"""

from typing import Any

import numpy as np
import pyarrow as pa

from vectorstore.domain.batch import Batch
from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.models import DataType
from vectorstore.domain.vector import Floats

DYNAMIC = "$meta"
PARTITION = "$partition"
"""The column that names each row's partition, in files that hold rows of several."""
DEFAULT_PARTITION = "_default"
"""That of rows which name none."""

_SPARSE = pa.struct([("indices", pa.list_(pa.uint32())), ("weights", pa.list_(pa.float32()))])
_PLAIN: dict[DataType, pa.DataType] = {
    DataType.BOOL: pa.bool_(),
    DataType.INT8: pa.int8(),
    DataType.INT16: pa.int16(),
    DataType.INT32: pa.int32(),
    DataType.INT64: pa.int64(),
    DataType.FLOAT: pa.float32(),
    DataType.DOUBLE: pa.float64(),
    DataType.VARCHAR: pa.string(),
    DataType.JSON: pa.string(),
}
_HALVES = (DataType.FLOAT16_VECTOR, DataType.BFLOAT16_VECTOR)


def arrow_type(field: Field) -> pa.DataType:
    """The Arrow type of a field's column."""
    if field.type is DataType.ARRAY:
        return pa.list_(_PLAIN[field.element_type or DataType.VARCHAR])
    if field.type is DataType.FLOAT_VECTOR or field.type in _HALVES:
        return pa.list_(pa.float32(), field.dimension or 0)
    if field.type is DataType.BINARY_VECTOR:
        return pa.binary((field.dimension or 0) // 8)
    if field.type is DataType.SPARSE_FLOAT_VECTOR:
        return _SPARSE
    return _PLAIN[field.type]


def arrow_schema(collection: Collection) -> pa.Schema:
    """The columns of a collection's rows, in the order of its fields; ``$meta`` last where it has dynamic fields."""
    columns = [pa.field(field.name, arrow_type(field), nullable=field.nullable) for field in collection.fields]
    if collection.dynamic_fields:
        columns.append(pa.field(DYNAMIC, pa.string(), nullable=False))
    return pa.schema(columns)


def to_arrow(batch: Batch, collection: Collection) -> pa.RecordBatch:
    """``batch`` by ``arrow_schema``; vectors are not copied."""
    arrays = [_array(batch.columns[field.name], field) for field in collection.fields]
    if collection.dynamic_fields:
        texts = batch.dynamic if batch.dynamic is not None else [b"{}"] * batch.size
        arrays.append(pa.array([text.decode() for text in texts], pa.string()))
    return pa.RecordBatch.from_arrays(arrays, schema=arrow_schema(collection))


def from_arrow(rows: pa.RecordBatch, collection: Collection) -> Batch:
    """The reverse of ``to_arrow``; columns that are no fields are left out.

    Raises:
        KeyError: a field has no column.
    """
    batch = Batch(size=rows.num_rows)
    for field in collection.fields:
        batch.columns[field.name] = _values(rows.column(field.name), field)
    batch.ids = list(batch.columns[collection.primary.name])
    if collection.dynamic_fields:
        batch.dynamic = [text.encode() for text in rows.column(DYNAMIC).to_pylist()]
    return batch


def _array(values: Any, field: Field) -> pa.Array:
    kind = arrow_type(field)
    if field.type is DataType.FLOAT_VECTOR and isinstance(values, np.ndarray):
        return _vectors(values, kind)
    if field.type is DataType.FLOAT_VECTOR or field.type in _HALVES:
        missing = np.array([value is None for value in values], bool)
        rows = np.zeros((len(values), field.dimension or 0), np.float32)
        for index, value in enumerate(values):
            if value is not None:
                rows[index] = value
        return _vectors(rows, kind, missing if missing.any() else None)
    if field.type is DataType.SPARSE_FLOAT_VECTOR:
        return pa.array([None if value is None else _pairs(value) for value in values], kind)
    if field.type is DataType.JSON:
        return pa.array([None if value is None else value.decode() for value in values], kind)
    return pa.array(values, kind)


def _vectors(rows: Floats, kind: pa.DataType, missing: Any = None) -> pa.Array:
    flat = pa.array(np.ascontiguousarray(rows, np.float32).reshape(-1))
    mask = None if missing is None else pa.array(missing)
    return pa.FixedSizeListArray.from_arrays(flat, type=kind, mask=mask)


def _pairs(value: dict[int, float]) -> dict[str, list[Any]]:
    ordered = sorted(value)
    return {"indices": ordered, "weights": [value[index] for index in ordered]}


def _values(column: pa.Array, field: Field) -> Any:
    if field.type is DataType.FLOAT_VECTOR or field.type in _HALVES:
        return _dense(column, field)
    if field.type is DataType.SPARSE_FLOAT_VECTOR:
        found = column.to_pylist()
        return [None if item is None else dict(zip(item["indices"], item["weights"], strict=True)) for item in found]
    values = column.to_pylist()
    if field.type is DataType.JSON:
        return [None if value is None else value.encode() for value in values]
    return values


def _dense(column: pa.Array, field: Field) -> Any:
    """An array of shape (rows, dimension), or a list with None for null where there is one."""
    width = field.dimension or 0
    start = column.offset * width
    flat = column.values.slice(start, len(column) * width).to_numpy(zero_copy_only=False)
    rows = flat.astype(np.float32, copy=False).reshape(len(column), width)
    if not column.null_count:
        return rows
    return [row if good else None for row, good in zip(rows, column.is_valid().to_pylist(), strict=True)]
