"""Measuring recall: the job, when it is due, what a search and explain make of it, and who may ask for it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import redis
from django.contrib.auth.models import User

from tests.support.access import give
from tests.support.work import LedgerWork
from vectorstore.access.actor import Actor
from vectorstore.config.settings import current
from vectorstore.domain.errors import Conflict, InvalidRequest, NotFound, PermissionDenied, UnsupportedByEngine
from vectorstore.domain.models import DataType, IndexKind, Metric
from vectorstore.domain.requests import FieldSpec, IndexRequest, SearchRequest
from vectorstore.jobs import runner
from vectorstore.models import Job, JobState, RecallCurve
from vectorstore.optimization.shared_state import shared_state
from vectorstore.service import IndexService, Scope, SearchService, VectorService
from vectorstore.service.catalogue import look_up
from vectorstore.service.recall_service import RecallService, measure_due
from vectorstore.service.work import Cancelled

HNSW = IndexRequest(field="vector", type=IndexKind.HNSW, metric=Metric.L2, params={"M": 4, "efConstruction": 8})


def fill(name: str, rows: int, start: int = 0) -> None:
    data = np.random.default_rng(start).normal(size=(rows, 8))
    VectorService().insert(name, [{"id": f"r{start + at}", "vector": row.tolist()} for at, row in enumerate(data)])


@pytest.fixture
def name(make: Callable[..., str]) -> str:
    made = make(index=HNSW)
    fill(made, 300)
    assert VectorService().count(made) == 300
    redis.Redis.from_url(current().redis_url).delete("vectorstore:state:recall-wanted")
    shared_state()._wanted.clear()
    return made


def searched(name: str, **options: Any) -> dict[str, Any]:
    request = SearchRequest(vector=[1.0] * 8, recall_target=0.9, **options)
    SearchService().search(name, request)
    return SearchService().explain(name, request)


def test_a_job_measures_and_the_next_search_uses_it(name: str) -> None:
    assert "no curve measured yet" in searched(name)["params_reason"]
    job = RecallService().start(name)
    assert runner.run(job.pk) == JobState.SUCCEEDED
    row = RecallCurve.objects.get(collection__name=name, field="vector")
    assert (row.rows, row.parameter) == (300, "ef")
    assert {point["top_k"] for point in row.points} == {1, 10, 100}
    assert all(0 <= point["recall"] <= 1 and point["p50_ms"] > 0 for point in row.points)
    of_ten = [point for point in row.points if point["top_k"] == 10]
    assert [point["value"] for point in of_ten] == sorted(point["value"] for point in of_ten)
    plan = searched(name)
    chosen = next(point for point in of_ten if point["value"] == plan["params"]["ef"])
    assert chosen["recall"] >= 0.9
    assert f"ef {chosen['value']}: recall {chosen['recall']:.3f} of the 10 nearest, measured" in plan["params_reason"]


def test_an_index_built_otherwise_has_no_curve(name: str) -> None:
    RecallService().measure(name, "vector", LedgerWork())
    assert "measured 2" in searched(name)["params_reason"]
    IndexService().drop(name)
    other = IndexRequest(field="vector", type=IndexKind.IVF_FLAT, metric=Metric.L2, params={"nlist": 8})
    IndexService().create(name, other)
    plan = searched(name)
    assert "of another index" in plan["params_reason"]
    assert set(plan["params"]) == {"nprobe"}


def test_what_is_searched_with_a_target_is_measured_once_and_again_when_it_has_grown(name: str) -> None:
    assert measure_due() == 0
    SearchService().search(name, SearchRequest(vector=[1.0] * 8))
    assert measure_due() == 0
    searched(name)
    assert measure_due() == 1
    assert measure_due() == 0  # one at a time
    job = Job.objects.get(kind="measure_recall", collection=name)
    assert runner.run(job.pk) == JobState.SUCCEEDED
    Job.objects.all().delete()
    assert measure_due() == 0
    fill(name, 200, start=1000)
    assert VectorService().count(name) == 500
    assert measure_due() == 1


def test_a_measurement_that_failed_is_not_tried_again_at_once(name: str) -> None:
    searched(name)
    assert measure_due() == 1
    Job.objects.filter(kind="measure_recall").update(state=JobState.FAILED)
    assert measure_due() == 0


def test_stopping_leaves_no_curve(name: str) -> None:
    work = LedgerWork(stop_at=4)
    work.stop = Cancelled
    with pytest.raises(Cancelled):
        RecallService().measure(name, "vector", work)
    assert not RecallCurve.objects.exists()


def test_what_cannot_be_measured_is_refused(name: str, make: Callable[..., str]) -> None:
    with pytest.raises(Conflict, match="too few rows"):
        RecallService().measure(make(index=HNSW), "vector", LedgerWork())
    IndexService().drop(name)
    with pytest.raises(NotFound):
        RecallService().start(name)
    known, _ = look_up(Scope(), name)
    if DataType.SPARSE_FLOAT_VECTOR in known.engine.capabilities.vector_types:
        fields = [
            FieldSpec(name="id", type=DataType.VARCHAR, primary=True, max_length=64),
            FieldSpec(name="sparse", type=DataType.SPARSE_FLOAT_VECTOR),
        ]
        with pytest.raises(InvalidRequest, match="dense"):
            RecallService().start(make(fields=fields))


def test_who_may_not_build_an_index_may_not_measure_it(name: str) -> None:
    viewer = User.objects.create_user("viewer")
    give(viewer, "viewer", name)
    with pytest.raises(PermissionDenied):
        RecallService(Scope(Actor.of(viewer))).start(name)
    assert not Job.objects.filter(kind="measure_recall").exists()


def test_who_may_see_some_rows_is_not_told_of_how_many_there_are(name: str) -> None:
    RecallService().measure(name, "vector", LedgerWork())
    some = User.objects.create_user("some")
    give(some, "viewer", name, row_filter={"field": "tenant", "op": "eq", "value": "mine"})
    request = SearchRequest(vector=[1.0] * 8, recall_target=0.9)
    told = SearchService(scope=Scope(Actor.of(some))).explain(name, request)
    assert "of the 10 nearest, measured" in told["params_reason"]
    assert "300" not in str(told)


@pytest.mark.parametrize("kind", [IndexKind.FLAT, IndexKind.AUTOINDEX])
def test_an_index_without_parameters_has_one_point_for_each_top_k(make: Callable[..., str], kind: IndexKind) -> None:
    made = make(index=IndexRequest(field="vector", type=kind, metric=Metric.COSINE))
    fill(made, 150)
    curve = RecallService().measure(made, "vector", LedgerWork())
    assert [(point.top_k, point.value) for point in curve.points] == [(1, 0), (10, 0), (100, 0)]
    assert all(point.recall > 0.9 for point in curve.points)
    assert "no parameter to choose" in searched(made)["params_reason"]


@pytest.mark.parametrize("metric", [Metric.HAMMING, Metric.JACCARD])
def test_binary_vectors_are_measured(make: Callable[..., str], metric: Metric) -> None:
    fields = [
        FieldSpec(name="id", type=DataType.INT64, primary=True),
        FieldSpec(name="bits", type=DataType.BINARY_VECTOR, dimension=64),
    ]
    try:
        made = make(fields=fields, index=IndexRequest(field="bits", type=IndexKind.BIN_FLAT, metric=metric))
    except UnsupportedByEngine:
        pytest.skip("the engine has no binary vectors")
    dice = np.random.default_rng(2)
    rows = [{"id": at, "bits": dice.integers(0, 256, 8).tolist()} for at in range(150)]
    VectorService().insert(made, rows)
    curve = RecallService().measure(made, "bits", LedgerWork())
    assert curve.rows == 150
    assert all(point.recall == 1.0 for point in curve.points)
