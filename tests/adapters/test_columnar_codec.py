"""The hand-made wire form equals what protobuf itself writes and reads."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pymilvus.grpc_gen import schema_pb2

from vectorstore.adapters.columnar_codec import decode_column, decode_rows, encode_batch, encode_vector
from vectorstore.domain.batch import Batch
from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.models import DataType
from vectorstore.domain.rows import read_rows

FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False)


def one_column(field: Field, values: object, rows: int) -> schema_pb2.FieldData:
    collection = Collection(name="c", fields=(field,), dynamic_fields=False)
    return encode_batch(Batch(size=rows, columns={field.name: values}), collection)[0]


@given(arrays(np.float32, st.tuples(st.integers(1, 40), st.just(7)), elements=FINITE))
@settings(max_examples=50, deadline=None)
def test_float_vectors_are_what_protobuf_would_write(values: np.ndarray) -> None:
    field = Field("v", DataType.FLOAT_VECTOR, dimension=7)
    data = one_column(field, values, len(values))
    assert list(data.vectors.float_vector.data) == values.ravel().tolist()
    again = schema_pb2.FieldData.FromString(data.SerializeToString())
    assert np.array_equal(decode_column(again, len(values)), values)


@pytest.mark.parametrize(("kind", "tolerance"), [(DataType.FLOAT16_VECTOR, 1e-3), (DataType.BFLOAT16_VECTOR, 1e-2)])
def test_half_precision_is_rounded_not_cut(kind: DataType, tolerance: float) -> None:
    values = [np.random.default_rng(i).normal(size=16).astype(np.float32) for i in range(5)]
    data = one_column(Field("v", kind, dimension=16), values, 5)
    assert np.allclose(decode_column(data, 5), np.vstack(values), rtol=tolerance, atol=tolerance)
    half = np.float32(1 + 2**-8 + 2**-16)  # just above the middle of two bfloat16 numbers
    assert decode_column(one_column(Field("v", DataType.BFLOAT16_VECTOR, dimension=1), [[half]], 1), 1)[0][0] > 1


def test_sparse_and_binary_vectors_survive() -> None:
    sparse = [{0: 0.5, 4_294_967_294: -2.0}, {7: 1.0}]
    assert decode_column(one_column(Field("v", DataType.SPARSE_FLOAT_VECTOR), sparse, 2), 2) == sparse
    binary = [b"\x00\xff", b"\x01\x80"]
    assert decode_column(one_column(Field("v", DataType.BINARY_VECTOR, dimension=16), binary, 2), 2) == binary
    assert encode_vector({1: 2.0}, DataType.SPARSE_FLOAT_VECTOR) == b"\x01\x00\x00\x00\x00\x00\x00\x40"


@given(st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)), min_size=1, max_size=30))
def test_nulls_keep_their_places_in_both_wire_forms(values: list[int | None]) -> None:
    field = Field("n", DataType.INT64, nullable=True)
    compact = one_column(field, list(values), len(values))
    assert decode_column(compact, len(values)) == values
    full = schema_pb2.FieldData(field_name="n", type=schema_pb2.Int64)
    full.valid_data.extend([value is not None for value in values])
    full.scalars.long_data.data.extend([value or 0 for value in values])
    assert decode_column(full, len(values)) == values


def test_rows_come_back_with_dynamic_fields_as_asked() -> None:
    collection = Collection(
        name="c",
        fields=(
            Field("id", DataType.INT64, primary=True),
            Field("v", DataType.FLOAT_VECTOR, dimension=2),
            Field("meta", DataType.JSON),
            Field("words", DataType.ARRAY, element_type=DataType.VARCHAR, max_capacity=4, max_length=9),
        ),
    )
    rows = [{"id": i, "v": [i, 0.5], "meta": {"k": [i]}, "words": ["a"] * i, "x": i, "y": None} for i in range(3)]
    columns = encode_batch(read_rows(rows, collection), collection)
    assert decode_rows(columns, 3, ["*"]) == rows
    assert decode_rows(columns, 3, ["x"])[2].keys() == {"id", "v", "meta", "words", "x"}
