"""``collections/{name}/vectors/``."""

import base64
import json
import struct
from collections.abc import Callable, Iterator

import pytest

from tests.api.client import Api, assert_problem
from vectorstore.config.settings import current

STRANGE_IDS = ["it's", 'say "x"', "back\\slash", "new\nline", "emoji 😀", "%_*?", "zz'] or id != '' or id in ['"]
LARGEST, SMALLEST = 2**63 - 1, -(2**63)


def row(identity: object, **fields: object) -> dict[str, object]:
    return {"id": identity, "vector": [1, 2, 3, 4], **fields}


@pytest.fixture
def numbered(api: Api, new_name: Callable[[], str]) -> Iterator[str]:
    """A collection with an INT64 key called ``key``."""
    name = new_name()
    fields = [
        {"name": "key", "type": "INT64", "primary": True},
        {"name": "vector", "type": "FLOAT_VECTOR", "dimension": 4},
    ]
    made = api.post("collections/", {"name": name, "fields": fields, "index": {"type": "FLAT", "metric": "L2"}})
    assert made.status_code == 201, made.content
    yield name
    api.delete(f"collections/{name}/")


def test_rows_come_back_as_they_were_written(api: Api, collection: str) -> None:
    written = [row(identity, n=number, tags=["a"], deep={"b": None}) for number, identity in enumerate(STRANGE_IDS)]
    inserted = api.post(f"collections/{collection}/vectors/", {"vectors": written})
    assert (inserted.status_code, inserted.json()) == (201, {"inserted": len(STRANGE_IDS), "ids": STRANGE_IDS})
    found = api.post(f"collections/{collection}/vectors/get/", {"ids": [*STRANGE_IDS, "absent"]})
    assert found.json() == {"results": written}
    some = api.post(f"collections/{collection}/vectors/get/", {"ids": ["it's"], "output_fields": ["n"]}).json()
    assert some["results"][0]["n"] == 0
    assert "vector" not in some["results"][0]


def test_a_vector_may_be_base64_of_float32(api: Api, collection: str) -> None:
    packed = base64.b64encode(struct.pack("<4f", 0.5, -1, 2, 4)).decode()
    assert (
        api.post(f"collections/{collection}/vectors/", {"vectors": [{"id": "a", "vector": packed}]}).status_code == 201
    )
    (found,) = api.post(f"collections/{collection}/vectors/get/", {"ids": ["a"]}).json()["results"]
    assert found["vector"] == [0.5, -1, 2, 4]


def test_int64_ids_are_strings_in_answers_and_either_in_requests(api: Api, numbered: str) -> None:
    rows = [{"key": key, "vector": [1, 2, 3, 4], "n": LARGEST} for key in (str(LARGEST), SMALLEST, 7)]
    inserted = api.post(f"collections/{numbered}/vectors/", {"vectors": rows})
    assert inserted.json() == {"inserted": 3, "ids": [str(LARGEST), str(SMALLEST), "7"]}
    got = api.post(f"collections/{numbered}/vectors/get/", {"ids": [LARGEST, str(SMALLEST)]}).json()["results"]
    assert [item["key"] for item in got] == [str(LARGEST), str(SMALLEST)]
    assert got[0]["n"] == LARGEST
    queried = api.post(f"collections/{numbered}/vectors/query/", {"filter": "key == 7", "output_fields": ["key"]})
    assert queried.json()["results"] == [{"key": "7"}]
    search = {"vector": [1, 2, 3, 4], "top_k": 3, "output_fields": ["key", "n"]}
    hits = api.post(f"collections/{numbered}/search/", search).json()["results"]
    assert {hit["id"] for hit in hits} == {str(LARGEST), str(SMALLEST), "7"}
    assert all(hit["fields"].get("key", hit["id"]) == hit["id"] for hit in hits)
    deleted = api.post(f"collections/{numbered}/vectors/delete/", {"ids": [str(LARGEST), SMALLEST]})
    assert deleted.json() == {"deleted": 2}


def test_an_upsert_replaces_and_adds(api: Api, collection: str) -> None:
    api.post(f"collections/{collection}/vectors/", {"vectors": [row("a", n=1)]})
    response = api.put(f"collections/{collection}/vectors/", {"vectors": [row("a", n=2), row("b", n=3)]})
    assert (response.status_code, response.json()) == (200, {"upserted": 2, "ids": ["a", "b"]})
    query = {"filter": "n > 0", "output_fields": ["n"]}
    rows = api.post(f"collections/{collection}/vectors/query/", query).json()["results"]
    assert sorted(item["n"] for item in rows) == [2, 3]


def test_rows_are_queried_counted_and_deleted_by_filter(api: Api, collection: str) -> None:
    api.post(f"collections/{collection}/vectors/", {"vectors": [row(str(n), n=n) for n in range(10)]})
    address = f"collections/{collection}/vectors/"
    assert api.post(address + "count/", {}).json() == {"count": 10}
    assert api.post(address + "count/", {"filter": "n < 4"}).json() == {"count": 4}
    assert api.post(address + "count/", {"filters": {"n": {"$gte": 4}}}).json() == {"count": 6}
    page = api.post(address + "query/", {"filter": "n >= 0", "limit": 3, "offset": 8}).json()["results"]
    assert len(page) == 2
    assert api.post(address + "delete/", {"ids": [STRANGE_IDS[-1]]}).status_code == 200
    assert api.post(address + "count/", {}).json() == {"count": 10}
    assert api.post(address + "delete/", {"filters": {"n": {"$lt": 4}}}).json() == {"deleted": 4}
    assert api.post(address + "delete/", {"ids": ["9"]}).json() == {"deleted": 1}
    assert api.post(address + "count/", {}).json() == {"count": 5}


def test_one_bad_row_refuses_the_batch_and_every_bad_row_is_named(api: Api, collection: str) -> None:
    rows = [row("a"), {"id": "b", "vector": [1]}, {"id": "c"}, row(""), row("d", vector=["x"] * 4)]
    response = api.post(f"collections/{collection}/vectors/", {"vectors": rows})
    pointers = {error["pointer"] for error in assert_problem(response, 422, "invalid")["errors"]}
    assert {"/vectors/1/vector", "/vectors/2/vector", "/vectors/4/vector"} <= pointers
    assert not any(pointer.startswith("/vectors/0") for pointer in pointers)
    assert api.post(f"collections/{collection}/vectors/count/", {}).json() == {"count": 0}


REFUSED = [
    ("", {"vectors": []}, 422, "invalid"),
    ("", {"vectors": "x"}, 422, "invalid"),
    ("", {}, 422, "invalid"),
    ("", b'{"vectors": [{"id": "a", "vector": [NaN, 0, 0, 0]}]}', 400, "malformed"),
    ("", {"vectors": [{"id": "a", "vector": [1e39, 0, 0, 0]}]}, 422, "invalid"),
    ("", b"", 400, "malformed"),
    ("", b"[" * 100_000, 422, "invalid"),
    ("", b'{"vectors":' + b"[" * 100_000, 422, "invalid"),
    ("", b'{"vectors":[{"a":' + b"[" * 100_000, 400, "malformed"),
    ("query/", {"filter": "n >"}, 422, "invalid_filter"),
    ("query/", {"filter": "n > 0", "limit": 0}, 422, "invalid"),
    ("query/", {"filter": "n > 0", "limit": 10**30}, 422, "invalid"),
    ("query/", {"filter": "n > 0", "offset": -1}, 422, "invalid"),
    ("get/", {"ids": "a"}, 422, "invalid"),
    ("get/", {"ids": [1.5]}, 422, "invalid"),
    ("delete/", {}, 422, "invalid"),
    ("delete/", {"ids": ["a"], "filter": "n > 0"}, 422, "invalid"),
    ("count/", {"filter": "n > 0", "filters": {"n": 1}}, 422, "invalid_filter"),
]


def test_bad_bodies_are_refused(api: Api, collection: str) -> None:
    for address, body, status, code in REFUSED:
        assert_problem(api.post(f"collections/{collection}/vectors/{address}", body), status, code)


def test_a_body_over_the_limit_is_413_naming_it(api: Api, bound: pytest.MonkeyPatch) -> None:
    bound.setenv("VECTORSTORE_MAX_BODY_MB", "1")
    current.cache_clear()
    raw = json.dumps({"vectors": [{"text": "x" * 1024 * 1024}]}).encode()
    problem = assert_problem(api.post("collections/docs/vectors/", raw), 413, "too_large")
    assert str(1024 * 1024) in problem["detail"]


def test_a_batch_over_the_limit_is_413_naming_it(api: Api, collection: str, bound: pytest.MonkeyPatch) -> None:
    bound.setenv("VECTORSTORE_MAX_BATCH_ROWS", "2")
    current.cache_clear()
    response = api.post(f"collections/{collection}/vectors/", {"vectors": [row("a"), row("b"), row("c")]})
    assert "2" in assert_problem(response, 413, "too_large")["detail"]


def test_another_media_type_is_415(api: Api) -> None:
    response = api.post("collections/docs/vectors/", b"{}", content_type="text/plain")
    assert_problem(response, 415, "unsupported_media_type")
