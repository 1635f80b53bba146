"""Rows survive the way into Arrow columns and back, bit for bit."""

from typing import Any

import numpy as np
import pyarrow as pa

from vectorstore.domain.arrow import arrow_schema, from_arrow, to_arrow
from vectorstore.domain.batch import Batch
from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.models import DataType
from vectorstore.domain.rows import read_rows

EVERYTHING = Collection(
    name="everything",
    fields=(
        Field("id", DataType.INT64, primary=True),
        Field("yes", DataType.BOOL),
        Field("tiny", DataType.INT8),
        Field("small", DataType.INT16, nullable=True),
        Field("middle", DataType.INT32),
        Field("single", DataType.FLOAT),
        Field("double", DataType.DOUBLE),
        Field("text", DataType.VARCHAR, max_length=64, nullable=True),
        Field("json", DataType.JSON, nullable=True),
        Field("tags", DataType.ARRAY, element_type=DataType.VARCHAR, max_capacity=4, max_length=16),
        Field("numbers", DataType.ARRAY, element_type=DataType.INT64, max_capacity=4),
        Field("dense", DataType.FLOAT_VECTOR, dimension=3),
        Field("half", DataType.FLOAT16_VECTOR, dimension=2),
        Field("brain", DataType.BFLOAT16_VECTOR, dimension=2),
        Field("bits", DataType.BINARY_VECTOR, dimension=16),
        Field("sparse", DataType.SPARSE_FLOAT_VECTOR),
    ),
)


def _row(identity: int, **changed: Any) -> dict[str, Any]:
    return {
        "id": identity,
        "yes": True,
        "tiny": -128,
        "small": 5,
        "middle": 7,
        "single": 0.1,
        "double": 0.1,
        "text": "ünï\u0000\n'\"",
        "json": {"a": [1, None, 2**63 - 1]},
        "tags": ["a", "b"],
        "numbers": [2**63 - 1, -(2**63)],
        "dense": [0.1, -0.0, 1e-45],
        "half": [0.5, 2.0],
        "brain": [1.0, -2.0],
        "bits": [255, 1],
        "sparse": {7: 0.25, 3: -1.0},
        "more": "dynamic",
        **changed,
    }


def _same(left: Batch, right: Batch) -> None:
    assert left.size == right.size
    assert left.ids == right.ids
    assert left.dynamic == right.dynamic
    assert left.columns.keys() == right.columns.keys()
    for name, values in left.columns.items():
        for one, other in zip(values, right.columns[name], strict=True):
            if isinstance(one, np.ndarray):
                assert one.astype("<f4").tobytes() == np.asarray(other, "<f4").tobytes(), name
            elif name == "single":
                assert np.float32(one) == np.float32(other)
            else:
                assert one == other, name


def test_every_type_comes_back_bit_for_bit() -> None:
    rows = [
        _row(2**63 - 1),
        _row(-(2**63), small=None, text=None, json=None, tags=[], numbers=[], sparse={}),
        _row(0, json=[], more={"deep": [None]}),
    ]
    batch = read_rows(rows, EVERYTHING)
    columns = to_arrow(batch, EVERYTHING)
    assert columns.schema == arrow_schema(EVERYTHING)
    _same(batch, from_arrow(columns, EVERYTHING))


def test_null_of_sql_and_of_json_stay_apart() -> None:
    batch = Batch(size=2, columns={"id": [1, 2], "json": [None, b"null"]}, ids=[1, 2])
    narrow = Collection(
        name="narrow",
        fields=(Field("id", DataType.INT64, primary=True), Field("json", DataType.JSON, nullable=True)),
        dynamic_fields=False,
    )
    assert from_arrow(to_arrow(batch, narrow), narrow).columns["json"] == [None, b"null"]


def test_a_slice_of_vectors_keeps_its_rows() -> None:
    batch = read_rows([_row(number, dense=[number, 0, 0]) for number in range(5)], EVERYTHING)
    part = to_arrow(batch, EVERYTHING).slice(2, 2)
    found = from_arrow(part, EVERYTHING)
    assert found.ids == [2, 3]
    assert found.columns["dense"][:, 0].tolist() == [2.0, 3.0]
    stored = pa.ipc.read_message(part.serialize())
    assert stored is not None
