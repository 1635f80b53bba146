from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.errors import InvalidFilter, InvalidRequest
from vectorstore.domain.filters import serialise
from vectorstore.domain.models import DataType
from vectorstore.domain.row_filter import RowFilter

SCHEMA = Collection(
    "docs",
    (
        Field("id", DataType.VARCHAR, primary=True, max_length=64),
        Field("vector", DataType.FLOAT_VECTOR, dimension=2),
        Field("tenant", DataType.VARCHAR, max_length=64),
        Field("level", DataType.INT64),
    ),
    dynamic_fields=False,
)


def read(field: str, op: str, value: Any) -> RowFilter:
    return RowFilter.read({"field": field, "op": op, "value": value})


@pytest.mark.parametrize(
    ("data", "pointer"),
    [
        ({}, "/row_filter"),
        ({"field": "a", "op": "eq", "value": 1, "more": 1}, "/row_filter"),
        ({"field": 'a" or 1', "op": "eq", "value": 1}, "/row_filter/field"),
        ({"field": "not", "op": "eq", "value": 1}, "/row_filter/field"),
        ({"field": "a", "op": "ne", "value": 1}, "/row_filter/op"),
        ({"field": "a", "op": "in", "value": []}, "/row_filter/value"),
        ({"field": "a", "op": "in", "value": [[1]]}, "/row_filter/value"),
        ({"field": "a", "op": "eq", "value": None}, "/row_filter/value"),
        ({"field": "a", "op": "lt", "value": float("nan")}, "/row_filter/value"),
        ({"field": "a", "op": "eq", "value": 2**63}, "/row_filter/value"),
        ({"field": "a", "op": "eq", "value": "nul\0"}, "/row_filter/value"),
    ],
)
def test_a_filter_that_says_something_else_is_refused_and_the_place_named(data: dict[str, Any], pointer: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        RowFilter.read(data)
    assert caught.value.errors[0].pointer == pointer


@pytest.mark.parametrize(
    ("attributes", "values"),
    [
        ({"tenants": ["a", "b"]}, ("a", "b", "x")),
        ({"tenants": "a"}, ("a", "x")),
        ({"tenants": []}, None),
        ({"tenants": None}, None),
        ({"tenants": [["a"]]}, None),
        ({"tenants": {"a": 1}}, None),
        ({}, None),
    ],
)
def test_a_variable_becomes_its_values_and_one_without_a_value_gives_nothing(
    attributes: dict[str, Any], values: tuple[str, ...] | None
) -> None:
    resolved = read("tenant", "in", ["$user.tenants", "x"]).resolved(attributes)
    assert (resolved.values if resolved else None) == values


def test_what_takes_one_value_is_not_given_several() -> None:
    assert read("tenant", "eq", "$user.tenants").resolved({"tenants": ["a", "b"]}) is None
    assert read("level", "lte", "$user.level").resolved({"level": [3]}) == read("level", "lte", 3)


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        (read("tenant", "in", ["a", "b"]), 'tenant in ["a","b"]'),
        (read("tenant", "eq", 'a"] or id != ""'), 'tenant in ["a\\"] or id != \\"\\""]'),
        (read("level", "lte", 3), "level <= 3"),
    ],
)
def test_the_condition_is_written_by_our_serialiser(rows: RowFilter, text: str) -> None:
    assert serialise(rows.condition(SCHEMA)).replace(", ", ",") == text


@pytest.mark.parametrize(("field", "value"), [("absent", "a"), ("vector", "a"), ("level", "a"), ("tenant", 1)])
def test_a_filter_that_does_not_fit_the_schema_is_refused(field: str, value: Any) -> None:
    with pytest.raises(InvalidFilter):
        read(field, "eq", value).condition(SCHEMA)


@pytest.mark.parametrize(
    ("rows", "within", "outside"),
    [
        (read("t", "eq", 1), [1, 1.0], [True, "1", None, [1], {}, 2]),
        (read("t", "eq", True), [True], [1, "true", None]),
        (read("t", "in", ["a", "b"]), ["a", "b"], ["A", "c", None, ["a"], 1]),
        (read("t", "lt", 5), [4, 4.9, -(2**63)], [5, True, "4", None]),
        (read("t", "gte", "m"), ["m", "z"], ["a", 5, None]),
    ],
)
def test_rows_are_told_apart_without_converting_types(rows: RowFilter, within: list[Any], outside: list[Any]) -> None:
    assert all(rows.admits(value) for value in within)
    assert not any(rows.admits(value) for value in outside)


@given(st.text(max_size=40).filter(lambda text: "\0" not in text and not text.startswith("$user.")))
def test_the_only_value_is_one_that_the_filter_admits(value: str) -> None:
    rows = read("tenant", "in", [value])
    assert rows.only_value == value
    assert rows.admits(value)
    assert read("tenant", "in", [value, value + "x"]).only_value is None
    assert read("tenant", "lt", value).only_value is None
