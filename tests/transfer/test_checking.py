"""The fast way and the slow way accept the same and make the same of it."""

import decimal
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.backup.made import EVERYTHING, NARROW, everything
from tests.transfer.test_round_trip import known
from vectorstore.domain.arrow import to_arrow
from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.models import DataType
from vectorstore.service.context import Scope
from vectorstore.transfer.checking import Checked, Checker
from vectorstore.transfer.columns import plain_rows
from vectorstore.transfer.mapping import Mapping
from vectorstore.transfer.readers import Piece, Position

FULL = Collection(
    name="full",
    fields=(
        Field("id", DataType.INT64, primary=True),
        Field("tiny", DataType.INT8, default=7),
        Field("real", DataType.FLOAT),
        Field("text", DataType.VARCHAR, max_length=8),
        Field("flag", DataType.BOOL),
        Field("json", DataType.JSON),
        Field("list", DataType.ARRAY, element_type=DataType.FLOAT, max_capacity=3),
        Field("vector", DataType.FLOAT_VECTOR, dimension=2),
        Field("bits", DataType.BINARY_VECTOR, dimension=8),
    ),
)
GOOD: dict[str, Any] = {
    "id": pa.array([1, 2], pa.int32()),
    "tiny": pa.array([1, 2], pa.int64()),
    "real": pa.array([1, 2], pa.int8()),
    "text": pa.array(["a", "ü"]),
    "flag": pa.array([True, False]),
    "json": pa.array(['{"a": [1]}', "null"]),
    "list": pa.array([[1.5], []], pa.list_(pa.float32())),
    "vector": pa.array([[1.0, 2.0], [3.0, 4.0]], pa.list_(pa.float64())),
    "bits": pa.array([b"\x01", b"\x02"]),
}


def check(rows: Any, schema: Collection, slow: bool = False, mapping: Mapping | None = None) -> Checked:
    checker = Checker(Scope(), known(schema), mapping or Mapping({}, []), "columns", "seed")
    size = rows.num_rows if isinstance(rows, pa.RecordBatch) else len(rows)
    return checker.check(Piece(100, plain_rows(rows) if slow else rows, Position(100 + size)))


def both(columns: dict[str, Any], schema: Collection = FULL) -> tuple[Checked, Checked]:
    rows = pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
    return check(rows, schema), check(rows, schema, slow=True)


def assert_same(fast: Checked, slow: Checked, schema: Collection) -> None:
    assert fast.faults == slow.faults
    assert fast.numbers.tolist() == slow.numbers.tolist()
    assert fast.batch.ids == slow.batch.ids
    assert repr(to_arrow(fast.batch, schema).to_pylist()) == repr(to_arrow(slow.batch, schema).to_pylist())


@pytest.mark.parametrize("schema", [EVERYTHING])
def test_all_types_with_nulls(schema: Collection) -> None:
    rows = everything(9)
    fast, slow = check(rows, schema), check(rows, schema, slow=True)
    assert_same(fast, slow, schema)
    assert fast.faults == []


def label(value: Any) -> str:
    return value if isinstance(value, str) else str(value.type)


OTHERS: list[tuple[str, Any]] = [
    ("id", pa.array(["7", "8"])),
    ("id", pa.array([1, 2], pa.uint64())),
    ("tiny", pa.array([None, 3], pa.int8())),
    ("real", pa.array([0.1, 2.5], pa.float64())),
    ("text", pa.array(["a", "b"], pa.large_string())),
    ("text", pa.array(["a", "b"]).dictionary_encode()),
    ("vector", pa.array([[1, 2], [3, 4]], pa.list_(pa.int8(), 2))),
    ("vector", pa.array([[1.0, 2.0], [3.0, 4.0]], pa.list_(pa.float16()))),
    ("vector", pa.array([[1.0, 2.0], [3.0, 4.0]], pa.large_list(pa.float32()))),
    ("vector", pa.array(["[1, 2.5]", "AACAPwAAgD8="])),
    ("bits", pa.array([b"\x01", b"\x02"], pa.binary(1))),
    ("bits", pa.array([[1], [2]], pa.list_(pa.uint8()))),
    ("more", pa.array([{"a": None}, None], pa.struct([("a", pa.int8())]))),
    ("more", pa.array([[0.1], None], pa.list_(pa.float32()))),
    ("when", pa.array([datetime(2030, 1, 1, tzinfo=UTC), None])),
    ("$meta", pa.array(['{"x": 1}', None])),
]


@pytest.mark.parametrize(
    ("name", "column"), OTHERS, ids=lambda value: value if isinstance(value, str) else str(value.type)
)
def test_what_is_accepted_is_the_same(name: str, column: Any) -> None:
    fast, slow = both({**GOOD, name: column})
    assert fast.faults == []
    assert_same(fast, slow, FULL)


WRONG: list[tuple[str, Any]] = [
    ("id", pa.array([1, None], pa.int64())),
    ("id", pa.array([1.0, 2.0])),
    ("id", pa.array([1, 2**63], pa.uint64())),
    ("tiny", pa.array([1, 128], pa.int64())),
    ("real", pa.array([1.0, float("inf")])),
    ("real", pa.array([1.0, 1e39])),
    ("text", pa.array(["a", "b" * 9])),
    ("text", pa.array(["a", None])),
    ("text", pa.array([b"a", b"b"])),
    ("text", pa.Array.from_buffers(pa.string(), 2, pa.array([b"a", b"\xff"]).buffers())),
    ("flag", pa.array([1, 0])),
    ("json", pa.array(["1", "{"])),
    ("list", pa.array([[1.0], [1.0] * 4])),
    ("list", pa.array([[1.0], [float("nan")]])),
    ("vector", pa.array([[1.0, 2.0], [1.0]])),
    ("vector", pa.array([[1.0, 2.0], None])),
    ("vector", pa.array([[1.0, 2.0], [float("nan"), 1.0]])),
    ("vector", pa.array([[1.0, 2.0], [None, 1.0]])),
    ("vector", pa.array([[1.0, 2.0], [1e39, 1.0]])),
    ("vector", pa.array([["a", "b"], ["c", "d"]])),
    ("bits", pa.array([b"\x01", b"\x02\x03"])),
    ("$meta", pa.array(["{}", "[]"])),
    ("$meta", pa.array(["{}", '{"id": 5}'])),
    ("$more", pa.array([1, 2])),
    ("money", pa.array([decimal.Decimal("1.5"), None])),
]


@pytest.mark.parametrize(
    ("name", "column"), WRONG, ids=lambda value: value if isinstance(value, str) else str(value.type)
)
def test_what_is_wrong_is_named_by_row_and_column(name: str, column: Any) -> None:
    fast, slow = both({**GOOD, name: column})
    assert_same(fast, slow, FULL)
    assert {fault.column for fault in fast.faults} <= {name, ""}
    assert fast.faults
    assert {fault.row for fault in fast.faults} | set(fast.numbers.tolist()) == {100, 101}


def test_every_bad_row_is_found_however_many_there_are() -> None:
    rows = [
        {"id": f"k{n}", "dense": [1.0, 2.0] if n % 3 else [0.0], "note": 5 if n % 7 == 0 else "x"} for n in range(1000)
    ]
    checked = check(rows, NARROW)
    bad = {100 + n for n in range(1000) if not n % 3 or n % 7 == 0}
    assert {fault.row for fault in checked.faults} == bad
    assert set(checked.numbers.tolist()) == set(range(100, 1100)) - bad
    assert checked.batch.ids == [f"k{n - 100}" for n in checked.numbers]


def test_columns_are_named_as_in_the_file() -> None:
    rows = pa.RecordBatch.from_pydict({"key": ["a", "b"], "emb": [[1.0, 2.0], [1.0]], "x": [1, 2]})
    checked = check(rows, NARROW, mapping=Mapping({"key": "id", "emb": "dense"}, ["x"]))
    assert [(fault.row, fault.column) for fault in checked.faults] == [(101, "emb")]
    assert checked.batch.ids == ["a"]
    assert checked.batch.dynamic == [b"{}"]


def test_vectors_of_a_slice_are_those_of_its_rows() -> None:
    column = pa.array(np.arange(20, dtype=np.float32).reshape(10, 2).tolist(), pa.list_(pa.float32()))
    rows = pa.RecordBatch.from_arrays([pa.array([str(n) for n in range(10)]), column], names=["id", "dense"])
    assert check(rows.slice(4, 2), NARROW).batch.columns["dense"].tolist() == [[8.0, 9.0], [10.0, 11.0]]
