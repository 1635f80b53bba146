"""Rows become a batch, or every bad value is named."""

import json

import numpy as np
import pytest

from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.errors import InvalidRequest
from vectorstore.domain.models import DataType
from vectorstore.domain.rows import read_id, read_rows

KEY = Field("id", DataType.VARCHAR, primary=True, max_length=16)
VECTOR = Field("vector", DataType.FLOAT_VECTOR, dimension=2)


def schema(*fields: Field, key: Field = KEY, dynamic: bool = True, auto_id: bool = False) -> Collection:
    return Collection(name="c", fields=(key, VECTOR, *fields), dynamic_fields=dynamic, auto_id=auto_id)


def pointers(rows: list, collection: Collection) -> set[str]:
    with pytest.raises(InvalidRequest) as caught:
        read_rows(rows, collection)
    return {error.pointer for error in caught.value.errors}


def test_good_rows_become_columns() -> None:
    rows = [{"id": "a", "vector": [1, 2.5], "n": 1, "tag": "x"}, {"id": "b", "vector": [0, -1], "n": 2}]
    batch = read_rows(rows, schema(Field("n", DataType.INT64)))
    assert batch.ids == ["a", "b"]
    assert batch.columns["n"] == [1, 2]
    assert batch.columns["vector"].dtype == np.float32
    assert batch.columns["vector"].tolist() == [[1, 2.5], [0, -1]]
    assert [json.loads(text) for text in batch.dynamic or []] == [{"tag": "x"}, {}]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (128, DataType.INT8), (2**15, DataType.INT16), (2**31, DataType.INT32), (2**63, DataType.INT64),
        (1.0, DataType.INT64), (True, DataType.INT64), ("1", DataType.INT64), (1, DataType.BOOL),
        (float("nan"), DataType.DOUBLE), (float("inf"), DataType.FLOAT), (1e39, DataType.FLOAT), ("x", DataType.FLOAT),
        (10**400, DataType.DOUBLE), (5, DataType.VARCHAR), ("\ud800", DataType.VARCHAR), (None, DataType.VARCHAR),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_its_type_is_named(value: object, kind: DataType) -> None:
    rows = [{"id": "a", "vector": [1, 2], "f": value}]
    field = Field("f", kind, max_length=16 if kind is DataType.VARCHAR else None)
    assert pointers(rows, schema(field)) == {"/vectors/0/f"}


def test_every_bad_row_is_named_and_good_ones_are_not() -> None:
    rows = [
        {"id": "ok", "vector": [1, 2]},
        {"id": "short", "vector": [1]},
        {"vector": [1, 2]},
        {"id": "nan", "vector": [1, float("nan")]},
        {"id": "ok", "vector": [1, 2]},
        {"id": "text", "vector": ["1", "2"]},
        {"id": "x" * 17, "vector": [1, 2]},
        {"id": "none"},
    ]
    assert pointers(rows, schema()) == {
        "/vectors/1/vector",
        "/vectors/2/id",
        "/vectors/3/vector",
        "/vectors/4/id",
        "/vectors/5/vector",
        "/vectors/6/id",
        "/vectors/7/vector",
    }


def test_the_list_of_errors_is_bounded_and_the_number_is_exact() -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_rows([{"id": str(i), "vector": [1]} for i in range(500)], schema())
    assert len(caught.value.errors) == 100
    assert "500 values" in caught.value.detail


def test_a_row_that_is_no_object_is_named() -> None:
    assert pointers([["a"]], schema()) == {"/vectors/0"}


def test_max_length_counts_bytes_not_characters() -> None:
    rows = [{"id": "é" * 9, "vector": [1, 2]}]
    assert pointers(rows, schema()) == {"/vectors/0/id"}
    assert read_rows([{"id": "é" * 8, "vector": [1, 2]}], schema()).ids == ["é" * 8]


def test_defaults_and_nulls_fill_what_is_left_out() -> None:
    fields = (Field("a", DataType.INT64, default=7), Field("b", DataType.INT64, nullable=True))
    batch = read_rows([{"id": "x", "vector": [1, 2]}, {"id": "y", "vector": [1, 2], "a": 1, "b": 2}], schema(*fields))
    assert batch.columns["a"] == [7, 1]
    assert batch.columns["b"] == [None, 2]


def test_ids_are_minted_only_where_they_are_missing() -> None:
    rows = [{"vector": [1, 2]}, {"id": "mine", "vector": [1, 2]}, {"vector": [1, 2]}]
    batch = read_rows(rows, schema(key=Field("id", DataType.VARCHAR, primary=True, max_length=64), auto_id=True))
    assert batch.ids[1] == "mine"
    assert len(set(batch.ids)) == 3
    counted = schema(key=Field("id", DataType.INT64, primary=True), auto_id=True)
    numbers = read_rows([{"vector": [1, 2]}] * 3, counted).ids
    assert numbers == sorted(set(numbers))


def test_ids_of_an_engine_that_makes_them_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="1 values"):
        read_rows([{"id": "a", "vector": [1, 2]}], schema(), engine_ids=True)


def test_unknown_fields_need_dynamic_fields() -> None:
    assert pointers([{"id": "a", "vector": [1, 2], "x/y~": 1}], schema(dynamic=False)) == {"/vectors/0/x~1y~0"}
    assert pointers([{"id": "a", "vector": [1, 2], "$meta": {}}], schema()) == {"/vectors/0/$meta"}
    assert pointers([{"id": "a", "vector": [1, 2], "big": 2**70}], schema()) == {"/vectors/0"}


def test_arrays_and_json_are_bounded() -> None:
    numbers = Field("numbers", DataType.ARRAY, element_type=DataType.INT8, max_capacity=2)
    meta = Field("meta", DataType.JSON)
    collection = schema(numbers, meta)
    good = {"id": "a", "vector": [1, 2], "numbers": [1, 2], "meta": None}
    assert read_rows([good], collection).columns["meta"] == [b"null"]
    for bad in ([1, 2, 3], [300], "12", [None]):
        assert pointers([good | {"numbers": bad}], collection) == {"/vectors/0/numbers"}
    assert pointers([good | {"meta": "x" * 70_000}], collection) == {"/vectors/0/meta"}
    assert pointers([good | {"meta": {1: 2}}], collection) == {"/vectors/0/meta"}


@pytest.mark.parametrize("given", ["9223372036854775807", 2**63 - 1])
def test_an_integer_id_may_be_a_string(given: object) -> None:
    assert read_id(given, Field("id", DataType.INT64, primary=True)) == 2**63 - 1


@pytest.mark.parametrize("given", ["", "-", "1.0", "0x1", "١", 1.5, True, None, 2**63, "9" * 400, " 1"])
def test_a_bad_integer_id_is_refused(given: object) -> None:
    with pytest.raises(ValueError, match="id"):
        read_id(given, Field("id", DataType.INT64, primary=True))
