"""A request to create a collection becomes a schema, or each broken rule is named."""

from dataclasses import replace
from typing import Any

import pytest

from tests.support.capabilities import EVERYTHING
from vectorstore.domain.errors import InvalidRequest, UnsupportedByEngine
from vectorstore.domain.models import DataType, IndexKind, Metric
from vectorstore.domain.requests import CollectionSpec, FieldSpec, IndexRequest
from vectorstore.service.collection_spec import index_for, read_spec

KEY = FieldSpec(name="id", type=DataType.INT64, primary=True)
VECTOR = FieldSpec(name="vector", type=DataType.FLOAT_VECTOR, dimension=8)


def field(**values: Any) -> FieldSpec:
    return FieldSpec(**{"name": "f", "type": DataType.INT64} | values)


def pointers(*fields: FieldSpec, capabilities: Any = EVERYTHING, **spec: Any) -> set[str]:
    with pytest.raises(InvalidRequest) as caught:
        read_spec(CollectionSpec(name="c", fields=list(fields), **spec), capabilities)
    return {error.pointer for error in caught.value.errors}


@pytest.mark.parametrize(
    ("bad", "pointer"),
    [
        (field(name="bad name"), "/fields/2/name"),
        (field(name="Not"), "/fields/2/name"),
        (field(name="vector"), "/fields/2/name"),
        (field(dimension=4), "/fields/2/dimension"),
        (field(primary=True), "/fields"),
        (field(type=DataType.DOUBLE, partition_key=True), "/fields/2/type"),
        (field(auto_id=True), "/fields/2/auto_id"),
        (field(type=DataType.VARCHAR, max_length=65_536), "/fields/2/max_length"),
        (field(type=DataType.ARRAY), "/fields/2/element_type"),
        (field(type=DataType.ARRAY, element_type=DataType.JSON), "/fields/2/element_type"),
        (field(type=DataType.ARRAY, element_type=DataType.INT8, max_capacity=4_097), "/fields/2/max_capacity"),
        (field(element_type=DataType.INT8), "/fields/2"),
        (field(type=DataType.INT8, default=300), "/fields/2/default"),
        (field(type=DataType.JSON, default={}), "/fields/2/default"),
        (field(type=DataType.SPARSE_FLOAT_VECTOR, dimension=8), "/fields/2/dimension"),
        (field(type=DataType.BINARY_VECTOR, dimension=12), "/fields/2/dimension"),
        (field(type=DataType.FLOAT16_VECTOR), "/fields/2/dimension"),
    ],
)
def test_a_field_that_breaks_a_rule_is_named(bad: FieldSpec, pointer: str) -> None:
    assert pointers(KEY, VECTOR, bad) == {pointer}


def test_keys_have_their_own_rules() -> None:
    assert pointers(VECTOR) == {"/fields"}
    assert pointers(KEY) == {"/fields"}
    assert pointers(replace(KEY, nullable=True), VECTOR) == {"/fields/0/nullable"}
    assert pointers(replace(KEY, partition_key=True), VECTOR) == {"/fields/0/partition_key"}
    two = [field(name=name, partition_key=True) for name in ("a", "b")]
    assert pointers(KEY, VECTOR, *two) == {"/fields"}
    assert pointers(KEY, VECTOR, *[field(name=f"f{n}") for n in range(63)]) == {"/fields"}
    assert pointers(KEY, *[replace(VECTOR, name=f"v{n}") for n in range(11)]) == {"/fields"}


@pytest.mark.parametrize(
    ("lacking", "fields", "spec"),
    [
        ({"nullable": False}, (KEY, VECTOR, field(nullable=True)), {}),
        ({"several_vector_fields": False}, (KEY, VECTOR, replace(VECTOR, name="other")), {}),
        ({"vector_types": (DataType.FLOAT_VECTOR,)}, (KEY, field(type=DataType.SPARSE_FLOAT_VECTOR)), {}),
        ({"replicas": False}, (KEY, VECTOR), {"replicas": 2}),
        ({"metrics": (Metric.L2,)}, (KEY, VECTOR), {"metric": Metric.IP}),
        ({"index_kinds": (IndexKind.FLAT,)}, (KEY, VECTOR), {"index": IndexRequest(type=IndexKind.HNSW)}),
    ],
)
def test_what_the_engine_lacks_is_said_as_such(lacking: dict, fields: tuple, spec: dict) -> None:
    with pytest.raises(UnsupportedByEngine, match="the connected engine"):
        read_spec(CollectionSpec(name="c", fields=list(fields), **spec), replace(EVERYTHING, **lacking))


def test_what_is_left_out_is_filled_in() -> None:
    words = field(name="words", type=DataType.ARRAY, element_type=DataType.VARCHAR)
    text = field(name="text", type=DataType.VARCHAR)
    sparse = FieldSpec(name="sparse", type=DataType.SPARSE_FLOAT_VECTOR)
    spec = CollectionSpec(
        name="c", fields=[replace(KEY, auto_id=True), VECTOR, sparse, words, text], expected_rows=300_000_000
    )
    collection, indexes = read_spec(spec, EVERYTHING)
    assert collection.auto_id
    assert collection.shards == 3
    made = {item.name: item for item in collection.fields}
    assert (made["words"].max_capacity, made["words"].max_length, made["text"].max_length) == (4_096, 65_535, 65_535)
    assert [(index.field, index.kind, index.metric) for index in indexes] == [
        ("vector", IndexKind.HNSW_SQ if 300_000_000 * 8 * 4 > 16 * 2**30 else IndexKind.HNSW, Metric.COSINE),
        ("sparse", IndexKind.SPARSE_INVERTED_INDEX, Metric.IP),
    ]


def test_an_index_is_for_a_vector_field_of_the_schema() -> None:
    assert pointers(KEY, VECTOR, index=IndexRequest(field="nothing")) == {"/index/field"}
    assert pointers(KEY, VECTOR, index=IndexRequest(type=IndexKind.AUTO, params={"M": 8})) == {"/index/params"}
    assert pointers(KEY, VECTOR, index=IndexRequest(type=IndexKind.HNSW_SQ, params={"sq_type": "SQ7"})) == {
        "/index/params/sq_type"
    }


def test_parameters_left_out_take_their_defaults() -> None:
    collection, _ = read_spec(CollectionSpec(name="c", dimension=12), EVERYTHING)
    index = index_for(
        collection.vector_fields[0], IndexRequest(type=IndexKind.IVF_PQ, params={"nlist": 4}), None, None, EVERYTHING
    )
    assert index.params == {"nlist": 4, "m": 4, "nbits": 8}
