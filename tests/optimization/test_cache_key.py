"""Whatever an answer depends on moves its key."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from vectorstore.adapters.search_calls import VectorQuery
from vectorstore.domain.collection import Field
from vectorstore.domain.models import Consistency, DataType
from vectorstore.optimization.cache_key import Place, key_of

SECRET = b"s" * 32
DENSE = Field(name="vector", type=DataType.FLOAT_VECTOR, dimension=2)
SPARSE = Field(name="sparse", type=DataType.SPARSE_FLOAT_VECTOR)
PLACE = Place(
    endpoint="milvus:19530",
    cluster="default",
    database="default",
    uid="5f0c",
    catalogue=1,
    access=2,
    generation=3,
    denied=("secret",),
)


def query(**values: Any) -> VectorQuery:
    made: dict[str, Any] = {"field": DENSE, "vectors": [np.array([1, 2], np.float32)], "limit": 10}
    return VectorQuery(**{**made, **values})


@pytest.mark.parametrize(
    "change",
    [
        {"endpoint": "milvus:19531"},
        {"cluster": "other"},
        {"database": "other"},
        {"uid": "5f0d"},
        {"catalogue": 4},
        {"access": 4},
        {"generation": 4},
        {"denied": ()},
    ],
)
def test_another_place_is_another_key(change: dict[str, Any]) -> None:
    assert key_of(SECRET, PLACE, [query()]) != key_of(SECRET, replace(PLACE, **change), [query()])


@pytest.mark.parametrize(
    "change",
    [
        {"vectors": [np.array([1, 2.0000002], np.float32)]},
        {"vectors": [np.array([1, 2], np.float32)] * 2},
        {"field": replace(DENSE, name="other")},
        {"field": SPARSE, "vectors": [{1: 2.0}]},
        {"limit": 11},
        {"offset": 1},
        {"params": {"ef": 64}},
        {"params": {"radius": float("nan")}},
        {"expression": 'tenant == "a"'},
        {"output_fields": ["n"]},
        {"partitions": ["p"]},
        {"consistency": Consistency.SESSION},
        {"group_by": "n"},
    ],
)
def test_another_search_is_another_key(change: dict[str, Any]) -> None:
    assert key_of(SECRET, PLACE, [query()]) != key_of(SECRET, PLACE, [query(**change)])


def test_no_two_searches_are_one_because_their_parts_are_joined() -> None:
    pairs = [
        (query(expression="ab", partitions=["c"]), query(expression="a", partitions=["bc"])),
        (query(output_fields=["a", "b"]), query(output_fields=["ab"])),
        (query(field=SPARSE, vectors=[{1: 1.0}, {2: 1.0}]), query(field=SPARSE, vectors=[{1: 1.0, 2: 1.0}])),
        (query(params={"radius": None}), query(params={"radius": float("nan")})),
        (query(params={"ef": 1}), query(params={"ef": True})),
    ]
    for one, other in pairs:
        assert key_of(SECRET, PLACE, [one]) != key_of(SECRET, PLACE, [other])
    assert key_of(SECRET, PLACE, [query()]) != key_of(SECRET, PLACE, [query()], ["rrf", 60])
    assert key_of(SECRET, PLACE, [query()]) != key_of(b"t" * 32, PLACE, [query()])


def test_what_does_not_change_the_answer_does_not_move_the_key() -> None:
    one = query(params={"a": 1, "b": 2}, partitions=["p", "q"], after=5, timeout=1.0)
    other = query(params={"b": 2, "a": 1}, partitions=["q", "p"], after=9, timeout=2.0)
    assert key_of(SECRET, PLACE, [one]) == key_of(SECRET, PLACE, [other])


@pytest.mark.parametrize("value", [2**70, object(), np.float32(1)])
def test_what_has_no_exact_form_has_no_key(value: object) -> None:
    assert key_of(SECRET, PLACE, [query(params={"x": value})]) is None
