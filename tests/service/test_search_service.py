"""Searches through the services against brute force, on each engine."""

import secrets

import numpy as np
import pytest

from tests.support.brute_force import brute_force, nearest
from tests.support.engines import RunningEngine
from vectorstore.domain.errors import InvalidFilter, InvalidRequest, NotFound
from vectorstore.domain.models import Consistency, Metric
from vectorstore.domain.requests import CollectionSpec, HybridPart, HybridRequest, RangeRequest, Rerank, SearchRequest
from vectorstore.service import CollectionService, SearchService, VectorService


def fill(name: str, data: np.ndarray) -> None:
    VectorService().insert(name, [{"id": f"r{i}", "vector": v.tolist(), "n": i} for i, v in enumerate(data)])


_small: dict[int, str] = {}


@pytest.fixture
def small(engine: RunningEngine, transactional_db: None) -> tuple[str, np.ndarray]:
    """200 rows that no test changes, made once for each engine."""
    data = np.random.default_rng(5).normal(size=(200, 8)).astype(np.float32)
    if engine.port not in _small:
        name = _small[engine.port] = f"small_{secrets.token_hex(4)}"
        CollectionService().create(CollectionSpec(name=name, dimension=8, metric=Metric.COSINE))
        fill(name, data)
    return _small[engine.port], data


def test_filters_offsets_and_fields(small: tuple[str, np.ndarray]) -> None:
    name, data = small
    query = data[3].tolist()
    page = SearchService().search(name, SearchRequest(vector=query, top_k=5, offset=2, output_fields=["n"])).results
    assert [hit.id for hit in page] == nearest(data, data[3], Metric.COSINE, 7)[2:]
    assert all(hit.fields.keys() <= {"n", "id"} and f"r{hit.fields['n']}" == hit.id for hit in page)
    for chosen in ({"filter": "n < 50"}, {"filters": {"n": {"$lt": 50}}}):
        hits = SearchService().search(name, SearchRequest(vector=query, top_k=5, **chosen)).results
        assert [hit.id for hit in hits] == nearest(data[:50], data[3], Metric.COSINE, 5)
    with pytest.raises(InvalidFilter):
        SearchService().search(name, SearchRequest(vector=query, filter="n < ", top_k=5))


def test_more_like_this_leaves_the_row_itself_out(small: tuple[str, np.ndarray]) -> None:
    name, data = small
    hits = SearchService().search(name, SearchRequest(id="r3", top_k=5)).results
    assert [hit.id for hit in hits] == nearest(data, data[3], Metric.COSINE, 6)[1:]
    with pytest.raises(NotFound):
        SearchService().search(name, SearchRequest(id="nothing", top_k=5))


def test_a_range_holds_every_row_within_it(small: tuple[str, np.ndarray]) -> None:
    name, data = small
    scores = brute_force(data, data[3], Metric.COSINE)
    hits = SearchService().range(name, RangeRequest(vector=data[3].tolist(), radius=0.3)).results
    assert {hit.id for hit in hits} == {f"r{i}" for i in np.flatnonzero(scores > 0.3)}
    ring = SearchService().range(name, RangeRequest(vector=data[3].tolist(), radius=0.3, range_filter=0.6)).results
    assert {hit.id for hit in ring} == {f"r{i}" for i in np.flatnonzero((scores > 0.3) & (scores <= 0.6))}
    with pytest.raises(InvalidRequest, match="range_filter"):
        SearchService().range(name, RangeRequest(vector=data[3].tolist(), radius=0.3, range_filter=0.1))


@pytest.mark.parametrize("rerank", [Rerank(), Rerank(strategy="weighted", weights=[0.5, 0.5])])
def test_hybrid_prefers_rows_that_several_searches_find(small: tuple[str, np.ndarray], rerank: Rerank) -> None:
    name, data = small
    middle = (data[3] / np.linalg.norm(data[3]) + data[4] / np.linalg.norm(data[4])).tolist()
    parts = [HybridPart(vector=data[3].tolist(), top_k=50), HybridPart(vector=middle, top_k=50)]
    hits = SearchService().hybrid(name, HybridRequest(searches=parts, rerank=rerank, top_k=5)).results
    assert hits[0].id == "r3"
    assert len(hits) == 5
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    only = HybridRequest(searches=parts, rerank=rerank, top_k=5, filter="n < 3", output_fields=["n"])
    assert {hit.fields["n"] for hit in SearchService().hybrid(name, only).results} <= {0, 1, 2}


def test_a_part_of_a_hybrid_search_that_is_wrong_is_named(small: tuple[str, np.ndarray]) -> None:
    good = HybridPart(vector=[1.0] * 8)
    for bad, pointer in (
        (HybridPart(vector=[1.0] * 8, filter="n =="), "/searches/1/filter"),
        (HybridPart(vector=[1.0]), "/searches/1/vector"),
        (HybridPart(), "/searches/1"),
        (HybridPart(vector=[1.0] * 8, top_k=0), "/searches/1/top_k"),
        (HybridPart(text="words"), "/searches/1/text"),
    ):
        with pytest.raises(InvalidRequest) as caught:
            SearchService().hybrid(small[0], HybridRequest(searches=[good, bad]))
        assert [error.pointer for error in caught.value.errors] == [pointer]


@pytest.mark.parametrize(
    "request_",
    [
        SearchRequest(), SearchRequest(vector=[1.0] * 7), SearchRequest(vector=[1.0] * 8, id="r1"),
        SearchRequest(vector=[1.0] * 8, top_k=0), SearchRequest(vector=[1.0] * 8, top_k=16_385),
        SearchRequest(vector=[1.0] * 8, offset=-1), SearchRequest(vectors=[]), SearchRequest(text="word"),
        SearchRequest(vector=[1.0] * 8, field="nothing"), SearchRequest(vector=[1.0] * 8, params={"nope": 1}),
        SearchRequest(vector=[1.0] * 8, recall_target=1.5), SearchRequest(vector=[1.0] * 8, group_by="nothing"),
        SearchRequest(vector="not base64!"), SearchRequest(vector={"1": 2.0}),
    ],
)  # fmt: skip
def test_bad_requests_are_refused_with_a_reason(small: tuple[str, np.ndarray], request_: SearchRequest) -> None:
    with pytest.raises(InvalidRequest):
        SearchService().search(small[0], request_)


def test_a_search_sees_each_write_before_it(empty: str) -> None:
    name = empty
    for step in range(30):
        vector = [float(step), *[1.0] * 7]
        VectorService().upsert(name, [{"id": f"r{step}", "vector": vector}])
        hits = SearchService().search(name, SearchRequest(vector=vector, top_k=1)).results
        assert hits[0].id == f"r{step}"


def test_explain_tells_the_plan_without_searching(small: tuple[str, np.ndarray]) -> None:
    name, data = small
    request = SearchRequest(vector=data[0].tolist(), filter="n<50 && n > 3", consistency=Consistency.STRONG)
    plan = SearchService().explain(name, request)
    assert plan["filter"] == "n < 50 and n > 3"
    assert plan["consistency"] == "Strong"
    assert plan["index"]["metric"] == "COSINE"
    assert plan["params"]


def test_a_profile_names_its_stages(small: tuple[str, np.ndarray]) -> None:
    name, data = small
    answer = SearchService().search(name, SearchRequest(vector=data[0].tolist(), profile=True))
    assert answer.profile is not None
    stages = answer.profile["stages"]
    assert list(stages) == ["authorise", "plan", "queue", "milvus", "decode"]
    assert sum(stages.values()) == pytest.approx(answer.took_ms, abs=0.001 * len(stages))
    assert (answer.profile["batch"], answer.profile["attempts"], answer.profile["rows"]) == (1, 1, 10)
