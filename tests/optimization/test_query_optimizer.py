"""Which parameters are chosen, with a curve and without."""

from datetime import UTC, datetime
from typing import Any

import pytest

from vectorstore.config.index_config import ladder, search_errors, search_params
from vectorstore.domain.models import IndexKind, IndexSpec, Metric
from vectorstore.domain.recall import Curve, CurvePoint, fingerprint, points_as_json, points_from_json
from vectorstore.optimization.query_optimizer import QueryOptimizer

HNSW = IndexSpec("vector", IndexKind.HNSW, Metric.L2, {"M": 16, "efConstruction": 200})
IVF = IndexSpec("vector", IndexKind.IVF_FLAT, Metric.L2, {"nlist": 128})


def curve(index: IndexSpec, parameter: str, *points: tuple[int, int, float], error: float = 0.0) -> Curve:
    made = tuple(CurvePoint(top_k, value, recall, error, 1.0) for top_k, value, recall in points)
    return Curve(fingerprint(index), parameter, 1000, datetime(2026, 1, 2, tzinfo=UTC), made)


GRAPH = curve(
    HNSW, "ef",
    (1, 1, 0.6), (1, 8, 0.95), (1, 32, 1.0),
    (10, 10, 0.85), (10, 16, 0.93), (10, 32, 0.97), (10, 64, 0.992), (10, 128, 0.998),
    (100, 100, 0.97), (100, 200, 0.995),
)  # fmt: skip


@pytest.mark.parametrize(
    ("target", "ef"), [(0.5, 10), (0.85, 10), (0.86, 16), (0.93, 16), (0.95, 32), (0.99, 64), (0.999, 128), (1.0, 128)]
)
def test_the_least_measured_value_that_reaches_the_target(target: float, ef: int) -> None:
    assert QueryOptimizer(HNSW, GRAPH).choose({}, 10, target).params == {"ef": ef}


@pytest.mark.parametrize(("top_k", "ef"), [(1, 8), (2, 32), (10, 32), (11, 100), (100, 100), (150, 150), (1000, 1000)])
def test_the_next_larger_measured_top_k_counts(top_k: int, ef: int) -> None:
    found = QueryOptimizer(HNSW, GRAPH).choose({}, top_k, 0.95)
    assert found.params == {"ef": ef}
    assert ("raised for top_k" in found.reason) == (top_k > 100)


def test_the_error_of_the_measurement_is_on_the_safe_side() -> None:
    unsure = curve(HNSW, "ef", (10, 10, 0.91), (10, 16, 0.93), error=0.02)
    assert QueryOptimizer(HNSW, unsure).choose({}, 10, 0.9).params == {"ef": 16}
    assert QueryOptimizer(HNSW, unsure).choose({}, 10, 0.92).params == {"ef": 16}


def test_the_reason_names_the_point_when_it_was_measured_and_a_target_out_of_reach() -> None:
    told = QueryOptimizer(HNSW, GRAPH).choose({}, 10, 0.95).reason
    assert "ef 32: recall 0.970 of the 10 nearest, measured 2026-01-02 00:00 UTC with 1000 rows" in told
    assert "the most that was measured" in QueryOptimizer(HNSW, GRAPH).choose({}, 10, 1.0).reason


@pytest.mark.parametrize(
    ("other", "why"), [(None, "no curve measured yet"), (curve(IVF, "nprobe", (10, 4, 0.9)), "of another index")]
)
def test_without_a_curve_of_this_index_the_rule_stays(other: Curve | None, why: str) -> None:
    found = QueryOptimizer(HNSW, other).choose({}, 10, 0.99)
    assert found.params == search_params(IndexKind.HNSW, {}, 10, 0.99)
    assert why in found.reason


def test_what_the_caller_gives_and_asks_without_a_target_is_not_changed() -> None:
    assert QueryOptimizer(HNSW, GRAPH).choose({"ef": 7}, 10, 0.99).params == {"ef": 7}
    assert QueryOptimizer(HNSW, GRAPH).choose({}, 10, None).params == search_params(IndexKind.HNSW, {}, 10, None)
    assert QueryOptimizer(None, None).choose({"ef": 7}, 10, 0.9).params == {"ef": 7}
    scann = IndexSpec("vector", IndexKind.SCANN, Metric.L2, {"nlist": 128})
    found = QueryOptimizer(scann, curve(scann, "nprobe", (10, 4, 0.97))).choose({"reorder_k": 50}, 10, 0.9)
    assert found.params == {"nprobe": 4, "reorder_k": 50}


def test_beyond_what_was_measured_clusters_are_searched_one_point_more() -> None:
    made = curve(IVF, "nprobe", (100, 4, 0.96), (100, 8, 0.98), (100, 16, 0.99))
    assert QueryOptimizer(IVF, made).choose({}, 100, 0.95).params == {"nprobe": 4}
    assert QueryOptimizer(IVF, made).choose({}, 500, 0.95).params == {"nprobe": 8}
    assert QueryOptimizer(IVF, made).choose({}, 500, 0.99).params == {"nprobe": 16}


def test_an_index_without_parameters_is_told_of() -> None:
    auto = IndexSpec("vector", IndexKind.AUTOINDEX, Metric.L2, {})
    found = QueryOptimizer(auto, curve(auto, "", (10, 0, 0.93))).choose({}, 10, 0.95)
    assert found.params == {}
    assert "no parameter to choose; recall 0.930" in found.reason


@pytest.mark.parametrize("kind", [kind for kind in IndexKind if kind is not IndexKind.AUTO])
@pytest.mark.parametrize("top_k", [1, 10, 100, 16_384])
def test_every_rung_is_a_value_that_the_index_takes(kind: IndexKind, top_k: int) -> None:
    index = IndexSpec("vector", kind, Metric.L2, {"nlist": 300})
    rungs = ladder(index, top_k)
    assert rungs == sorted(set(rungs))
    made: dict[str, Any] = search_params(kind, {}, top_k, None)
    name = next((item for item in ("ef", "nprobe", "search_list") if item in made), "")
    assert bool(rungs) == bool(name)
    for rung in rungs:
        assert search_errors(kind, {name: rung}) == []
        assert rung >= top_k or name == "nprobe"
        assert name != "nprobe" or rung <= 300


def test_a_curve_comes_back_from_the_database_as_it_was() -> None:
    assert points_from_json(points_as_json(GRAPH.points)) == GRAPH.points
    assert GRAPH.outgrown(1501)
    assert not GRAPH.outgrown(1500)
    assert fingerprint(HNSW) != fingerprint(IVF)
    assert fingerprint(HNSW) != fingerprint(IndexSpec("vector", IndexKind.HNSW, Metric.IP, HNSW.params))
