"""A search with a recall target finds that share of the true nearest rows, with no more effort than that takes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from tests.support.brute_force import nearest
from tests.support.corpus import embedded
from tests.support.work import LedgerWork
from vectorstore.domain.models import IndexKind, Metric
from vectorstore.domain.requests import IndexRequest, SearchRequest
from vectorstore.domain.vector import Floats
from vectorstore.service import Scope, SearchService, VectorService
from vectorstore.service.catalogue import look_up
from vectorstore.service.recall_service import run_measure

TARGETS = (0.8, 0.9, 0.95, 0.99)
TOP = 10
QUERIES = 200
SLACK = 0.02
INDEXES = {
    IndexKind.HNSW: {"M": 8, "efConstruction": 64},
    IndexKind.IVF_FLAT: {"nlist": 128},
}


@dataclass(frozen=True)
class Filled:
    name: str
    rows: Floats
    queries: Floats
    kind: IndexKind


@pytest.fixture(scope="module")
def corpus() -> dict[int, Floats]:
    """Vectors by how many there are, made once."""
    return {}


@pytest.fixture(params=[5_000, pytest.param(50_000, marks=pytest.mark.slow)])
def vectors(request: pytest.FixtureRequest, corpus: dict[int, Floats]) -> Floats:
    if request.param not in corpus:
        corpus[request.param] = embedded(request.param + QUERIES, 64 if request.param < 10_000 else 128)
    return corpus[request.param]


@pytest.fixture(params=list(INDEXES))
def filled(request: pytest.FixtureRequest, make: Callable[..., str], vectors: Floats) -> Filled:
    """All but the queries is stored; they are other texts."""
    rows, queries = vectors[:-QUERIES], vectors[-QUERIES:]
    index = IndexRequest(field="vector", type=request.param, metric=Metric.COSINE, params=INDEXES[request.param])
    name = make(dimension=rows.shape[1], metric=Metric.COSINE, index=index, expected_rows=len(rows))
    for start in range(0, len(rows), 5_000):
        part = [{"id": f"r{start + at}", "vector": row.tolist()} for at, row in enumerate(rows[start : start + 5_000])]
        VectorService().insert(name, part)
    return Filled(name, rows, queries, request.param)


def test_a_recall_target_is_kept_for_queries_that_nobody_has_asked_before(filled: Filled) -> None:
    run_measure(LedgerWork(), Scope(), {"collection": filled.name, "field": "vector"})
    curve = look_up(Scope(), filled.name)[0].curves["vector"]
    times = {point.value: point.p50_ms for point in curve.points if point.top_k == TOP}
    wanted = [set(nearest(filled.rows, query, Metric.COSINE, TOP)) for query in filled.queries]
    efforts, told = [], []
    for target in TARGETS:
        asked: dict[str, Any] = {"top_k": TOP, "recall_target": target}
        plan = SearchService().explain(filled.name, SearchRequest(vector=filled.queries[0].tolist(), **asked))
        request = SearchRequest(vectors=filled.queries.tolist(), **asked)
        found: Any = SearchService().search(filled.name, request).results
        recall = np.mean([len({hit.id for hit in hits} & true) / TOP for hits, true in zip(found, wanted, strict=True)])
        efforts.append(next(iter(plan["params"].values())))
        what = f"{filled.kind} {len(filled.rows)}: target {target} found {recall:.3f} at p50 {times[efforts[-1]]} ms"
        told.append(f"{what}; {plan['params_reason']}")
        assert recall >= target - SLACK, told
        assert "measured" in plan["params_reason"]
    print(*told, sep="\n")
    assert efforts == sorted(efforts)
    assert efforts[0] < efforts[-1]
