"""A filter that no row can meet is answered by the gateway, in the shape of any other answer, to who may ask."""

import dataclasses
from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.support.access import give
from vectorstore.access.actor import Actor
from vectorstore.adapters.rpc import Rpc
from vectorstore.domain.errors import InvalidFilter, NotFound, PermissionDenied
from vectorstore.domain.requests import (
    CountRequest,
    DeleteRequest,
    HybridPart,
    HybridRequest,
    QueryRequest,
    RangeRequest,
    Rerank,
    SearchRequest,
)
from vectorstore.service import Scope, SearchService, VectorService

VECTOR = [1.0, *[0.0] * 7]
NOTHING = "n > 5 and n < 3 and n == 4 or id in []"


@pytest.fixture
def name(empty: str) -> str:
    """Dynamic ``n`` and ``tenant``; ``r0`` to ``r9``."""
    rows = [{"id": f"r{i}", "vector": [float(i), *[1.0] * 7], "n": i, "tenant": "m"} for i in range(10)]
    VectorService().insert(empty, rows)
    assert VectorService().count(empty) == 10
    return empty


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the calls that Milvus gets."""
    calls: list[str] = []
    real = Rpc.call

    def recorded(self: Rpc, method: str, *rest: Any, **options: Any) -> Any:
        calls.append(method)
        return real(self, method, *rest, **options)

    monkeypatch.setattr(Rpc, "call", recorded)
    return calls


def test_no_use_case_asks_milvus(name: str, asked: list[str]) -> None:
    rows, search = VectorService(), SearchService()
    assert rows.query(name, QueryRequest(filter=NOTHING)) == []
    assert rows.count(name, CountRequest(filter=NOTHING)) == 0
    assert rows.delete(name, DeleteRequest(filter=NOTHING)) == 0
    assert search.search(name, SearchRequest(vector=VECTOR, filter=NOTHING)).results == []
    assert search.search(name, SearchRequest(vectors=[VECTOR, VECTOR], filter=NOTHING)).results == [[], []]
    assert search.range(name, RangeRequest(vector=VECTOR, radius=9.0, filter=NOTHING)).results == []
    profile = search.search(name, SearchRequest(vector=VECTOR, filter=NOTHING, profile=True)).profile
    assert profile is not None
    assert not {"Query", "Search", "Delete"} & set(asked)
    assert rows.count(name, CountRequest(filter="n < 3")) == 3
    assert "Query" in asked


@pytest.mark.parametrize("rerank", [Rerank(), Rerank(strategy="weighted", weights=[0.5, 0.25])])
def test_a_part_of_a_hybrid_search_that_finds_nothing_leaves_the_others(name: str, rerank: Rerank) -> None:
    good, none = HybridPart(vector=VECTOR, filter="n < 3"), HybridPart(vector=VECTOR, filter=NOTHING)
    found = SearchService().hybrid(name, HybridRequest(searches=[good, none], rerank=rerank)).results
    assert {hit.id for hit in found} == {"r0", "r1", "r2"}
    assert SearchService().hybrid(name, HybridRequest(searches=[none, none], rerank=rerank)).results == []


def test_who_may_not_ask_is_still_refused(name: str) -> None:
    nobody = User.objects.create_user("nobody")
    with pytest.raises(NotFound):
        VectorService(Scope(Actor.of(nobody))).count(name, CountRequest(filter=NOTHING))
    guard = User.objects.create_user("guard")
    give(guard, "security_admin", name)
    with pytest.raises((NotFound, PermissionDenied)):
        SearchService(scope=Scope(Actor.of(guard))).search(name, SearchRequest(vector=VECTOR, filter=NOTHING))
    with pytest.raises(NotFound):
        VectorService().count("no_such_collection", CountRequest(filter=NOTHING))
    with pytest.raises(InvalidFilter):
        VectorService().count(name, CountRequest(filter="n > 5 and n < 3 and n =="))


def test_a_contradiction_with_the_row_filter_finds_nothing_and_tells_nothing(name: str, asked: list[str]) -> None:
    mine = User.objects.create_user("mine")
    give(mine, "viewer", name, row_filter={"field": "tenant", "op": "eq", "value": "other"})
    service = SearchService(scope=Scope(Actor.of(mine)))
    assert service.search(name, SearchRequest(vector=VECTOR, filter="tenant == 'm'")).results == []
    assert "Search" not in asked
    told = service.explain(name, SearchRequest(vector=VECTOR, filter="n in [1] and n in [1, 2]"))
    assert told["rewritten"] == "n == 1"
    assert "other" not in str(told)


def test_explain_shows_what_a_filter_became_and_why(name: str) -> None:
    request = SearchRequest(vector=VECTOR, filter="n > 3 and n > 5")
    told = SearchService().explain(name, request)
    assert (told["filter"], told["rewritten"], told["asks_milvus"]) == ("n > 3 and n > 5", "n > 5", True)
    assert told["rewrites"] == ["simplified the conditions on n"]
    none = SearchService().explain(name, dataclasses.replace(request, filter=NOTHING))
    assert (none["rewritten"], none["asks_milvus"]) == (None, False)
    assert "no row meets the conditions on n" in none["rewrites"]
    plain = SearchService().explain(name, dataclasses.replace(request, filter=None))
    assert (plain["filter"], plain["rewritten"], plain["rewrites"], plain["asks_milvus"]) == (None, None, [], True)
