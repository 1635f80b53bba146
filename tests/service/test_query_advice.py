"""Rules of advice."""

from typing import Any

import pytest

from tests.support.profiles import unsaved
from vectorstore.optimization.query_optimizer import NO_CURVE
from vectorstore.service.query_advice import Present, advice

LARGE = Present(indexed=frozenset({"vector"}), rows=200_000, vectors=frozenset({"vector"}), primary="id")


def search(index: str | None = "HNSW") -> dict[str, Any]:
    return {"searches": [{"field": "vector", "index": index, "metric": "L2"}], "consistency": "Bounded"}


@pytest.mark.parametrize(
    ("columns", "present", "word"),
    [
        ({"plan": search(None)}, Present(), "no index on vector"),
        ({"plan": search("FLAT")}, LARGE, "compares all 200,000 vectors"),
        ({"plan": search() | {"filter_fields": ["id", "price"]}}, LARGE, "price, which has no scalar index"),
        ({"plan": search(), "request": {"offset": 5_000}}, LARGE, "offset of 5,000"),
        ({"plan": search(), "request": {"output_fields": ["vector"]}}, LARGE, "carries vectors (vector)"),
        ({"plan": search() | {"params_reason": NO_CURVE}, "request": {"recall_target": 0.9}}, LARGE, "no recall curve"),
        ({"plan": search() | {"consistency": "Strong"}}, LARGE, "200 ms"),
        ({"plan": search(), "stages": {"queue": 200, "milvus": 100}}, LARGE, "waited for calls"),
        ({"plan": search(), "stages": {"serialise": 200, "milvus": 100}}, LARGE, "the answer itself"),
        ({"plan": search(), "attempts": 3}, LARGE, "called 3 times"),
    ],
)
def test_each_rule_speaks_where_it_applies(columns: dict[str, Any], present: Present, word: str) -> None:
    (text,) = advice(unsaved(**columns), present)
    assert word in text


def test_a_search_that_needs_nothing_gets_no_advice() -> None:
    good = unsaved(plan=search() | {"filter_fields": ["vector"]}, request={"offset": 10, "output_fields": ["title"]})
    assert advice(good, LARGE) == []


def test_what_is_mended_or_unknown_is_not_advised() -> None:
    assert advice(unsaved(plan=search(None)), LARGE) == []
    filtered = unsaved(plan=search() | {"filter_fields": ["price"]})
    assert advice(filtered, Present()) == []
    assert advice(filtered, Present(indexed=frozenset({"vector"}), rows=50)) == []
    assert advice(filtered, Present(indexed=frozenset({"vector", "price"}), rows=200_000)) == []
