"""``collections/{name}/indexes/``."""

from tests.api.client import Api, assert_problem
from vectorstore.jobs import runner

MEMBERS = {"field", "type", "metric", "params", "state", "indexed_rows", "total_rows"}


def test_an_index_is_described_dropped_and_made_again(api: Api, collection: str) -> None:
    address = f"collections/{collection}/indexes/"
    page = api.get(address).json()
    assert page["count"] == 1
    assert set(page["results"][0]) == MEMBERS
    assert api.get(address + "vector/").json() == page["results"][0]
    assert_problem(api.post(address, {"field": "vector", "type": "FLAT", "metric": "L2"}), 409, "already_exists")
    api.post(f"collections/{collection}/release/")
    assert api.delete(address + "vector/").status_code == 204
    assert api.get(address).json()["count"] == 0
    assert_problem(api.get(address + "vector/"), 404, "not_found")
    made = api.post(address, {"field": "vector", "type": "FLAT", "metric": "L2"})
    assert made.status_code == 201, made.content
    assert (made.json()["type"], made.json()["metric"]) == ("FLAT", "L2")


def test_an_index_on_no_vector_field_is_422(api: Api, collection: str) -> None:
    problem = assert_problem(
        api.post(f"collections/{collection}/indexes/", {"field": "nothing", "type": "FLAT"}), 422, "invalid"
    )
    assert problem["errors"][0]["pointer"] == "/field"


def test_an_index_kind_that_does_not_exist_is_422(api: Api, collection: str) -> None:
    problem = assert_problem(api.post(f"collections/{collection}/indexes/", {"type": "BTREE9"}), 422, "invalid")
    assert problem["errors"][0]["pointer"] == "/type"


def test_a_rebuild_is_a_job_that_chooses_again(api: Api, collection: str) -> None:
    answer = api.post(f"collections/{collection}/indexes/vector/rebuild/")
    assert answer.status_code == 202, answer.content
    job = answer.json()
    assert (job["kind"], job["state"], job["collection"]) == ("rebuild_index", "queued", collection)
    assert answer["Location"] == f"/api/v1/jobs/{job['id']}/"
    assert runner.run(job["id"]) == "succeeded"
    assert api.get(f"jobs/{job['id']}/").json()["result"]["field"] == "vector"
    assert api.get(f"collections/{collection}/indexes/vector/").json()["state"] == "Finished"
    missing = api.post(f"collections/{collection}/indexes/absent/rebuild/")
    assert missing.status_code == 422


def test_measuring_recall_is_a_job(api: Api, collection: str) -> None:
    answer = api.post(f"collections/{collection}/indexes/vector/measure/")
    assert answer.status_code == 202
    job = answer.json()
    assert (job["kind"], job["state"], job["collection"]) == ("measure_recall", "queued", collection)
    assert api.post(f"collections/{collection}/indexes/absent/measure/").status_code == 422
