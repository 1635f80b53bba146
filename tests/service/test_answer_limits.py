"""An answer that would be too large is refused before Milvus is asked, and the error says what to change."""

from collections.abc import Callable

import pytest

from vectorstore.config.settings import current
from vectorstore.domain.errors import InvalidRequest
from vectorstore.domain.models import Metric
from vectorstore.domain.requests import GetRequest, HybridPart, HybridRequest, QueryRequest, RangeRequest, SearchRequest
from vectorstore.service import SearchService, VectorService

DIMENSION = 256
VECTOR = [1.0] * DIMENSION
TOO_MANY = 1_024  # of 1 KiB each, with their ids


@pytest.fixture
def name(make: Callable[..., str], bound: pytest.MonkeyPatch) -> str:
    made = make(dimension=DIMENSION, metric=Metric.L2)
    bound.setenv("VECTORSTORE_MAX_ANSWER_MB", "1")
    current.cache_clear()
    VectorService().insert(made, [{"id": "a", "vector": VECTOR, "n": 1}])
    return made


def test_each_read_with_too_many_vectors_is_refused(name: str) -> None:
    wide, part = ["vector"], HybridPart(vector=VECTOR)
    search, rows = SearchService(), VectorService()
    for ask, what in (
        (lambda: search.search(name, SearchRequest(vector=VECTOR, top_k=TOO_MANY + 1, output_fields=wide)), "top_k"),
        (lambda: search.search(name, SearchRequest(vectors=[VECTOR] * 103, output_fields=wide)), "top_k"),
        (lambda: search.range(name, RangeRequest(vector=VECTOR, radius=1.0, limit=1025, output_fields=wide)), "limit"),
        (lambda: search.hybrid(name, HybridRequest(searches=[part], top_k=1025, output_fields=["*"])), "top_k"),
        (lambda: rows.query(name, QueryRequest(limit=TOO_MANY)), "limit"),
        (lambda: rows.get(name, GetRequest(ids=[f"r{i}" for i in range(TOO_MANY)])), "the number of ids"),
    ):
        with pytest.raises(InvalidRequest) as caught:
            ask()
        assert f"lower {what}" in caught.value.detail
        assert "leave vector (1,024 bytes a row) out of output_fields" in caught.value.detail
        assert "VECTORSTORE_MAX_ANSWER_MB" in caught.value.detail
        assert [(error.pointer, error.code) for error in caught.value.errors] == [
            ("/output_fields", "answer_too_large")
        ]


def test_the_same_rows_without_vectors_are_given(name: str) -> None:
    hits = SearchService().search(name, SearchRequest(vector=VECTOR, top_k=TOO_MANY + 1, output_fields=["n"])).results
    assert len(hits) == 1
    assert len(VectorService().query(name, QueryRequest(limit=TOO_MANY, output_fields=["id", "n"]))) == 1
    assert len(VectorService().query(name, QueryRequest(limit=TOO_MANY // 2))) == 1
