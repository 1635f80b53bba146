"""``advice/{collection}/``: a sweep from the request to the recommendation, and what is asked wrongly."""

from collections.abc import Iterator

import pytest

from tests.api.client import Api, assert_problem
from tests.support.clustered import clustered, collection
from vectorstore.config.collection_config import SCRATCH_PREFIX
from vectorstore.domain.models import IndexKind
from vectorstore.domain.requests import IndexRequest
from vectorstore.jobs import runner
from vectorstore.service import run_advice
from vectorstore.service.engines import engine_of

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = 2_000


@pytest.fixture
def name(api: Api) -> Iterator[str]:
    with collection(clustered(ROWS), IndexRequest(type="IVF_FLAT", params={"nlist": 64})) as made:
        yield made


def swept(api: Api, name: str, **asked: object) -> dict:
    answer = api.post(f"advice/{name}/", asked)
    assert answer.status_code == 202, answer.content
    assert answer.json()["kind"] == "advise"
    assert runner.run(answer.json()["id"]) == "succeeded", api.get(answer["Location"]).content
    return api.get(f"advice/{name}/").json()


def test_a_sweep_measures_what_the_engine_has_and_recommends_one(api: Api, name: str) -> None:
    advice = swept(api, name, recall_target=0.9)
    points = advice["points"]
    able = {str(kind) for kind in engine_of().capabilities.index_kinds}
    assert {"FLAT", "HNSW", "IVF_FLAT"} <= {point["type"] for point in points} <= able
    assert advice["rows"] == ROWS
    assert advice["sample"] + advice["queries"] == ROWS
    assert all(0 <= point["recall"] <= 1 and 0 < point["p50_ms"] <= point["p95_ms"] for point in points)
    assert max(point["recall"] for point in points if point["type"] == "FLAT") == 1
    best = points[advice["recommended"]]
    assert best["front"]
    assert best["recall"] >= 0.9
    assert advice["meets_recall"]
    today = points[advice["today"]]
    assert (today["type"], today["params"], today["today"]) == ("IVF_FLAT", {"nlist": 64}, True)
    assert "recall" in advice["reasons"][0]
    assert not [name for name in engine_of().adapter.list_collections("default") if name.startswith(SCRATCH_PREFIX)]


def test_a_budget_that_nothing_fits_into_is_told(api: Api, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = run_advice.candidates
    monkeypatch.setattr(run_advice, "candidates", lambda *given: real(*given[:3], {IndexKind.FLAT}))
    advice = swept(api, name, memory_budget_mb=0.01)
    assert not advice["meets_budget"]
    assert "cannot be met" in advice["reasons"][0]
    smallest = min(point["memory_mb"] for point in advice["points"])
    assert f"{smallest:,.1f} MB" in advice["reasons"][0]


def test_before_a_sweep_there_is_no_advice_and_nothing_to_apply(api: Api, collection: str) -> None:
    advice = api.get(f"advice/{collection}/").json()
    assert (advice["points"], advice["recommended"], advice["made_at"]) == ([], None, None)
    assert_problem(api.post(f"advice/{collection}/apply/", {}), 409, "conflict")


def test_too_few_rows_fail_the_sweep_with_the_reason(api: Api, collection: str) -> None:
    job = api.post(f"advice/{collection}/", {}).json()
    assert runner.run(job["id"]) == "failed"
    assert "FLAT is right" in api.get(f"jobs/{job['id']}/").json()["error"]["detail"]


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        ({"recall_target": 1.5}, "/recall_target"),
        ({"sample": 10}, "/sample"),
        ({"memory_budget_mb": 0}, "/memory_budget_mb"),
        ({"max_seconds": 1}, "/max_seconds"),
        ({"field": "nothing"}, "/field"),
    ],
)
def test_a_value_out_of_its_range_is_422(lite_api: Api, new_name: object, asked: dict, pointer: str) -> None:
    name = new_name()  # type: ignore[operator]
    assert lite_api.post("collections/", {"name": name, "dimension": 4}).status_code == 201
    problem = assert_problem(lite_api.post(f"advice/{name}/", asked), 422, "invalid")
    assert problem["errors"][0]["pointer"] == pointer
    lite_api.delete(f"collections/{name}/")
