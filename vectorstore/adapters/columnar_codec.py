"""Columns to and from Milvus's ``FieldData``, without touching vectors value by value.

A packed repeated float is, on the wire, raw little-endian floats behind a tag and a length, so a
``FloatArray`` is parsed from ``header + ndarray.tobytes()`` and read back with ``np.frombuffer``
(Protocol Buffers encoding, "packed repeated fields").
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
from pymilvus.grpc_gen import schema_pb2

from vectorstore.adapters.schema_codec import DYNAMIC_FIELD, TYPE_NUMBERS, TYPES_BY_NUMBER
from vectorstore.domain.batch import Batch
from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.models import DataType
from vectorstore.domain.vector import Floats

_FIELD_1_PACKED = b"\x0a"  # field number 1, wire type 2


def encode_batch(batch: Batch, collection: Collection) -> list[schema_pb2.FieldData]:
    """``batch`` as the columns of an insert or upsert."""
    columns = [
        _encode_column(batch.columns[field.name], field) for field in collection.fields if field.name in batch.columns
    ]
    if batch.dynamic is not None:
        dynamic = schema_pb2.FieldData(field_name=DYNAMIC_FIELD, type=schema_pb2.JSON, is_dynamic=True)
        dynamic.scalars.json_data.data.extend(batch.dynamic)
        columns.append(dynamic)
    return columns


def _encode_column(values: Any, field: Field) -> schema_pb2.FieldData:
    data = schema_pb2.FieldData(field_name=field.name, type=TYPE_NUMBERS[field.type])
    if field.nullable:
        data.valid_data.extend([value is not None for value in values])
        values = [value for value in values if value is not None]  # null values take no place in the column
    if field.type.is_vector:
        _encode_vectors(data.vectors, values, field)
    elif field.type is DataType.ARRAY:
        element = field.element_type or DataType.VARCHAR
        data.scalars.array_data.element_type = TYPE_NUMBERS[element]
        for value in values:
            _fill_scalars(data.scalars.array_data.data.add(), value, element)
    else:
        _fill_scalars(data.scalars, values, field.type)
    return data


def _fill_scalars(scalars: schema_pb2.ScalarField, values: Sequence[Any], kind: DataType) -> None:
    if kind is DataType.BOOL:
        scalars.bool_data.data.extend(values)
    elif kind is DataType.INT64:
        scalars.long_data.data.extend(values)
    elif kind.is_integer:
        scalars.int_data.data.extend(values)
    elif kind is DataType.FLOAT:
        scalars.float_data.data.extend(values)
    elif kind is DataType.DOUBLE:
        scalars.double_data.data.extend(values)
    elif kind is DataType.JSON:
        scalars.json_data.data.extend(values)
    else:
        scalars.string_data.data.extend(values)


def _encode_vectors(vectors: schema_pb2.VectorField, values: Any, field: Field) -> None:
    vectors.dim = field.dimension or 0
    if field.type is DataType.FLOAT_VECTOR:
        raw = np.ascontiguousarray(values, dtype="<f4").tobytes()
        vectors.float_vector.ParseFromString(_FIELD_1_PACKED + _varint(len(raw)) + raw)
    elif field.type is DataType.SPARSE_FLOAT_VECTOR:
        vectors.sparse_float_vector.contents.extend([encode_vector(value, field.type) for value in values])
        vectors.dim = vectors.sparse_float_vector.dim = max((max(value, default=0) + 1 for value in values), default=1)
    else:
        raw = b"".join(encode_vector(value, field.type) for value in values)
        setattr(vectors, field.type.lower(), raw)


def encode_vector(value: Any, kind: DataType) -> bytes:
    """One vector as bytes, the form of a search's placeholder.

    FLOAT16 and BFLOAT16 are rounded from float32 (bfloat16: to nearest, ties to even); sparse is pairs of
    uint32 index and float32 weight, sorted by index.
    """
    if kind is DataType.FLOAT_VECTOR:
        return np.asarray(value, dtype="<f4").tobytes()
    if kind is DataType.FLOAT16_VECTOR:
        return np.asarray(value, dtype="<f2").tobytes()
    if kind is DataType.BFLOAT16_VECTOR:
        bits = np.asarray(value, dtype="<f4").view("<u4").astype(np.uint64)
        return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2").tobytes()
    if kind is DataType.BINARY_VECTOR:
        return bytes(value)
    pairs = np.empty(len(value), dtype=[("index", "<u4"), ("weight", "<f4")])
    pairs["index"], pairs["weight"] = list(value.keys()), list(value.values())
    return pairs.tobytes()


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def decode_column(data: schema_pb2.FieldData, rows: int) -> Any:
    """One column: a float32 array of shape (rows, dimension) for FLOAT_VECTOR, else a list with None for null.

    JSON values stay text (bytes); sparse vectors become dicts, binary ones bytes.
    """
    kind = TYPES_BY_NUMBER[data.type]
    values = _decode_vectors(data.vectors, kind) if kind.is_vector else _decode_scalars(data.scalars, kind)
    valid = data.valid_data
    if not valid or all(valid):
        return values
    if len(values) == rows:  # Milvus keeps a place for nulls, Milvus Lite does not
        return [value if good else None for value, good in zip(values, valid, strict=True)]
    present = iter(values)
    return [next(present) if good else None for good in valid]


def _decode_scalars(scalars: schema_pb2.ScalarField, kind: DataType) -> list[Any]:
    if kind is DataType.ARRAY:
        return [_array_elements(row) for row in scalars.array_data.data]
    which = scalars.WhichOneof("data")
    return list(getattr(scalars, which).data) if which else []


def _array_elements(row: schema_pb2.ScalarField) -> list[Any]:
    which = row.WhichOneof("data")
    return list(getattr(row, which).data) if which else []


def _decode_vectors(vectors: schema_pb2.VectorField, kind: DataType) -> Any:
    if kind is DataType.FLOAT_VECTOR:
        raw = vectors.float_vector.SerializeToString()
        return _packed_floats(raw).reshape(-1, vectors.dim)
    if kind is DataType.SPARSE_FLOAT_VECTOR:
        return [_decode_sparse(content) for content in vectors.sparse_float_vector.contents]
    raw = getattr(vectors, kind.lower())
    if kind is DataType.BINARY_VECTOR:
        width = vectors.dim // 8
        return [raw[start : start + width] for start in range(0, len(raw), width)]
    halves = np.frombuffer(raw, dtype="<f2" if kind is DataType.FLOAT16_VECTOR else "<u2").reshape(-1, vectors.dim)
    if kind is DataType.FLOAT16_VECTOR:
        return halves.astype(np.float32)
    return (halves.astype("<u4") << 16).view("<f4")


def _packed_floats(raw: bytes) -> Floats:
    if not raw:
        return np.empty(0, np.float32)
    start = 1
    while raw[start] & 0x80:
        start += 1
    return np.frombuffer(raw, dtype="<f4", offset=start + 1)


def _decode_sparse(content: bytes) -> dict[int, float]:
    pairs = np.frombuffer(content, dtype=[("index", "<u4"), ("weight", "<f4")])
    return dict(zip(pairs["index"].tolist(), pairs["weight"].tolist(), strict=True))


def decode_rows(fields: Sequence[schema_pb2.FieldData], rows: int, wanted: Sequence[str]) -> list[dict[str, Any]]:
    """Columns as rows of plain Python values. Dynamic fields are spread into the row; ``wanted`` limits
    them to the names asked for unless it holds ``*`` or ``$meta``.
    """
    found: list[dict[str, Any]] = [{} for _ in range(rows)]
    for data in fields:
        if data.is_dynamic or data.field_name == DYNAMIC_FIELD:
            _spread_dynamic(found, data, wanted)
            continue
        values = decode_column(data, rows)
        if isinstance(values, np.ndarray):
            values = values.tolist()
        elif data.type == schema_pb2.JSON:
            values = [None if value is None else orjson.loads(value) for value in values]
        for row, value in zip(found, values, strict=True):
            row[data.field_name] = value
    return found


def _spread_dynamic(found: list[dict[str, Any]], data: schema_pb2.FieldData, wanted: Sequence[str]) -> None:
    everything = "*" in wanted or DYNAMIC_FIELD in wanted
    for row, text in zip(found, data.scalars.json_data.data, strict=True):
        values = orjson.loads(text) if text else {}
        row.update(values if everything else {name: values[name] for name in wanted if name in values})
