"""Shapes of requests."""

import pytest

from vectorstore.audit.redact import parameters_of
from vectorstore.domain.filters import from_object, parse
from vectorstore.domain.requests import GetRequest, HybridPart, HybridRequest, RangeRequest, SearchRequest
from vectorstore.service.request_shape import filter_fields, size_class, without_values


def shape(request: object) -> object:
    return without_values(parameters_of(request))


def test_filters_that_differ_in_values_alone_become_one() -> None:
    texts = (
        "price < 10 and section in ['a', 'b'] and meta['k'] like 'x%'",
        "price < 11.5 and section in ['c', 'd', 'e'] and meta['k'] like 'y_z'",
    )
    found = [shape(SearchRequest(vector=[1.0], filter=text))["filter"] for text in texts]  # type: ignore[index]
    assert found == ['price < ? and section in [?] and meta["k"] like ?'] * 2
    many = "section in [" + ", ".join(f"'{number}'" for number in range(40)) + "]"
    assert shape(SearchRequest(filter=many))["filter"] == "section in [?]"  # type: ignore[index]
    assert shape(SearchRequest(filters={"price": {"$lt": 3}}))["filters"] == "price < ?"  # type: ignore[index]


@pytest.mark.parametrize(
    "request_",
    [
        SearchRequest(vector=[0.123, 4.0], filter="a == 'canary' or b > 40961 or array_contains(c, 'canary')"),
        SearchRequest(id="canary", filter="canary and ("),
        SearchRequest(text="canary", filters={"a": {"$like": "canary%"}}),
        SearchRequest(vectors=[[0.123], [0.123]], filter="a in ['canary', 'x']"),
        RangeRequest(vector=[0.123], radius=0.123, range_filter=40961.0),
        GetRequest(ids=["canary", 40961]),
        HybridRequest(searches=[HybridPart(vector=[0.123], filter="a == 'canary'"), HybridPart(text="canary")]),
    ],
)
def test_no_value_of_a_request_is_left(request_: object) -> None:
    text = str(shape(request_))
    assert not [value for value in ("canary", "0.123", "40961", "hmac") if value in text]


def test_sizes_fall_into_classes() -> None:
    sizes = (1, 10, 11, 100, 1_000, 10_000, 16_384)
    assert [size_class(size) for size in sizes] == [
        *("1–10", "1–10", "11–100", "11–100", "101–1,000", "1,001–10,000", "more than 10,000"),
    ]


def test_the_fields_of_filters_are_named_once() -> None:
    nodes = [parse("price < 10 and (price > 2 or not meta['k'] == 3)"), None, from_object({"kind": "x"})]
    assert filter_fields(nodes) == ["kind", "meta", "price"]
