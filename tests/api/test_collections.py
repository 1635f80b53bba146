"""``collections/`` with partitions, aliases and databases."""

import json
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from tests.api.client import Api, assert_problem
from tests.support.access import give

MEMBERS = {
    "name",
    "description",
    "dynamic_fields",
    "auto_id",
    "consistency",
    "shards",
    "replicas",
    "fields",
    "indexes",
    "load_state",
    "load_progress",
    "row_count",
    "protected",
    "owner",
    "created_at",
    "properties",
    "aliases",
    "partitions",
    "generation",
    "embedding",
    "cache_enabled",
    "cache_ttl_s",
}
VECTORS = {"vectors": [{"id": "a", "vector": [1, 0, 0, 0]}, {"id": "b", "vector": [0, 1, 0, 0]}]}


def test_the_short_form_makes_a_whole_collection(api: Api, collection: str) -> None:
    body = api.get(f"collections/{collection}/").json()
    assert set(body) == MEMBERS
    assert (body["name"], body["owner"], body["row_count"]) == (collection, "root", 0)
    assert (body["load_state"], body["load_progress"], body["dynamic_fields"]) == ("loaded", 100, True)
    key, vector = body["fields"]
    assert (key["name"], key["type"], key["primary"]) == ("id", "VARCHAR", True)
    assert (vector["name"], vector["type"], vector["dimension"]) == ("vector", "FLOAT_VECTOR", 4)
    (index,) = body["indexes"]
    assert (index["field"], index["metric"]) == ("vector", "COSINE")


def test_the_fields_of_a_collection_create_its_like(api: Api, new_name: Callable[[], str]) -> None:
    full = {
        "name": new_name(),
        "description": "every kind of field",
        "shards": 1,
        "dynamic_fields": False,
        "consistency": "Strong",
        "fields": [
            {"name": "key", "type": "INT64", "primary": True},
            {"name": "embedding", "type": "FLOAT_VECTOR", "dimension": 4},
            {"name": "title", "type": "VARCHAR", "max_length": 64},
            {"name": "price", "type": "DOUBLE"},
            {"name": "meta", "type": "JSON"},
            {
                "name": "tags",
                "type": "ARRAY",
                "element_type": "VARCHAR",
                "max_capacity": 8,
                "max_length": 16,
            },
        ],
        "index": {"field": "embedding", "type": "FLAT", "metric": "L2"},
    }
    made = api.post("collections/", full)
    assert made.status_code == 201, made.content
    body = made.json()
    for name in ("description", "dynamic_fields", "consistency"):
        assert body[name] == full[name]
    assert [field["name"] for field in body["fields"]] == ["key", "embedding", "title", "price", "meta", "tags"]
    twin = {**full, "name": new_name(), "fields": body["fields"]}
    copied = api.post("collections/", twin)
    assert copied.status_code == 201, copied.content
    assert copied.json()["fields"] == body["fields"]
    for name in (full["name"], twin["name"]):
        assert api.delete(f"collections/{name}/").status_code == 204


def test_a_name_that_is_taken_is_409(api: Api, collection: str) -> None:
    again = api.post("collections/", {"name": collection, "dimension": 4, "metric": "L2"})
    assert_problem(again, 409, "already_exists")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"name": "1 bad name"}, "/name"),
        ({"name": ""}, "/name"),
        ({"dimension": 0}, "/dimension"),
        ({"dimension": 10**9}, "/dimension"),
        ({"metric": "EUCLID"}, "/metric"),
        ({"index": {"type": "NO_SUCH"}}, "/index/type"),
        ({"colour": "red"}, "/colour"),
    ],
)
def test_a_bad_specification_is_422_with_its_pointer(
    api: Api, new_name: Callable[[], str], change: dict[str, object], pointer: str
) -> None:
    body = {"name": new_name(), "dimension": 4, "metric": "COSINE", **change}
    problem = assert_problem(api.post("collections/", body), 422, "invalid")
    assert pointer in [error["pointer"] for error in problem["errors"]]


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("GET", ""),
        ("DELETE", ""),
        ("GET", "stats/"),
        ("POST", "load/"),
        ("POST", "release/"),
        ("POST", "flush/"),
        ("POST", "compact/"),
        ("POST", "truncate/"),
        ("GET", "indexes/"),
        ("GET", "indexes/vector/"),
        ("GET", "partitions/"),
        ("DELETE", "partitions/p/"),
    ],
)
def test_a_collection_that_is_not_there_is_404(api: Api, method: str, address: str) -> None:
    assert_problem(api(method, f"collections/no_such_collection/{address}"), 404, "not_found")


def test_a_cluster_that_is_not_there_is_404(api: Api) -> None:
    assert_problem(api.get("collections/?cluster=elsewhere"), 404, "not_found")


def test_collections_are_listed_in_pages_and_searched(api: Api, collection: str) -> None:
    page = api.get(f"collections/?search={collection[4:]}&page_size=1&ordering=-name").json()
    assert (page["count"], page["next"], page["previous"]) == (1, None, None)
    assert page["results"][0] == api.get(f"collections/{collection}/").json()
    assert_problem(api.get("collections/?page_size=1001"), 422, "invalid")
    assert_problem(api.get("collections/?page_size="), 422, "invalid")
    assert_problem(api.get("collections/?page_size=1&page_size=2"), 422, "invalid")
    assert_problem(api.get("collections/?ordering=colour"), 422, "invalid")
    assert_problem(api.get("collections/?page=999999"), 404, "not_found")


def test_a_change_keeps_what_it_does_not_name(api: Api, collection: str) -> None:
    changed = api.patch(f"collections/{collection}/", {"description": "new words"}).json()
    protected = api.patch(f"collections/{collection}/", {"protected": True}).json()
    assert (changed["description"], changed["protected"]) == ("new words", False)
    assert (protected["description"], protected["protected"]) == ("new words", True)
    assert_problem(api.delete(f"collections/{collection}/"), 409, "protected")
    api.patch(f"collections/{collection}/", {"protected": False})
    assert api.delete(f"collections/{collection}/").status_code == 204
    assert_problem(api.get(f"collections/{collection}/"), 404, "not_found")


def test_release_and_load_change_the_state_that_is_shown(api: Api, collection: str) -> None:
    released = api.post(f"collections/{collection}/release/")
    assert (released.status_code, released.json()["load_state"]) == (200, "not_loaded")
    assert released.json()["row_count"] is None
    search = api.post(f"collections/{collection}/search/", {"vector": [1, 0, 0, 0]})
    assert_problem(search, 409, "not_loaded")
    loaded = api.post(f"collections/{collection}/load/")
    assert (loaded.status_code, loaded.json()["load_state"]) == (200, "loaded")


def test_flush_compact_stats_and_truncate(api: Api, collection: str) -> None:
    assert api.post(f"collections/{collection}/vectors/", VECTORS).status_code == 201
    for action in ("flush", "compact"):
        response = api.post(f"collections/{collection}/{action}/")
        assert (response.status_code, response.json()["name"]) == (200, collection)
    api.post(f"collections/{collection}/vectors/delete/", {"ids": ["a"]})
    stats = api.get(f"collections/{collection}/stats/").json()
    assert set(stats) == {"row_count", "stored_rows", "size_bytes", "segments", "cache"}
    assert stats["row_count"] == 1
    assert all(isinstance(segment["id"], str) for segment in stats["segments"])
    truncated = api.post(f"collections/{collection}/truncate/")
    assert (truncated.status_code, truncated.json()["row_count"]) == (200, 0)


def test_a_renamed_collection_answers_under_its_new_name(
    api: Api, collection: str, new_name: Callable[[], str]
) -> None:
    other = new_name()
    response = api.post(f"collections/{collection}/rename/", {"new_name": other})
    if response.status_code == 422:  # an engine that cannot rename says so
        assert_problem(response, 422, "unsupported_by_engine")
        return
    assert (response.status_code, response.json()["name"]) == (200, other)
    assert_problem(api.get(f"collections/{collection}/"), 404, "not_found")
    assert_problem(api.post(f"collections/{other}/rename/", {"new_name": "no good"}), 422, "invalid")
    api.delete(f"collections/{other}/")


def test_partitions(api: Api, collection: str) -> None:
    address = f"collections/{collection}/partitions/"
    made = api.post(address, {"name": "spring"})
    assert (made.status_code, made.json()["name"]) == (201, "spring")
    assert_problem(api.post(address, {"name": "spring"}), 409, "already_exists")
    assert_problem(api.post(address, {"name": "no good"}), 422, "invalid")
    api.post(f"collections/{collection}/vectors/", {**VECTORS, "partition": "spring"})
    names = [item["name"] for item in api.get(address).json()["results"]]
    assert names == ["_default", "spring"]
    found = api.post(f"collections/{collection}/search/", {"vector": [1, 0, 0, 0], "partitions": ["_default"]})
    assert found.json()["results"] == []
    assert api.get(address + "spring/").json()["name"] == "spring"
    assert_problem(api.get(address + "autumn/"), 404, "not_found")
    api.post(f"collections/{collection}/release/")
    assert api.delete(address + "spring/").status_code == 204
    assert_problem(api.delete(address + "spring/"), 404, "not_found")


def test_aliases(api: Api, collection: str, new_name: Callable[[], str]) -> None:
    alias = new_name()
    made = api.post("aliases/", {"alias": alias, "collection": collection})
    assert (made.status_code, made.json()) == (201, {"alias": alias, "collection": collection})
    assert api.get(f"aliases/{alias}/").json() == made.json()
    assert made.json() in api.get("aliases/?page_size=1000").json()["results"]
    assert api.get(f"collections/{alias}/").json()["name"] == collection
    assert api.put(f"aliases/{alias}/", {"collection": collection}).json() == made.json()
    assert_problem(api.put(f"aliases/{alias}/", {"collection": "no_such_one"}), 404, "not_found")
    assert_problem(api.put(f"aliases/{alias}/", {"alias": "b", "collection": collection}), 422, "invalid")
    assert api.delete(f"aliases/{alias}/").status_code == 204
    assert_problem(api.get(f"aliases/{alias}/"), 404, "not_found")
    assert_problem(api.post("aliases/", {"alias": "no good", "collection": collection}), 422, "invalid")


def test_databases(api: Api, new_name: Callable[[], str]) -> None:
    assert {"name": "default"} in api.get("databases/").json()["results"]
    assert api.get("databases/default/").json() == {"name": "default"}
    assert_problem(api.get("databases/no_such_one/"), 404, "not_found")
    name = new_name()
    made = api.post("databases/", {"name": name})
    if made.status_code == 422:  # an engine without databases says so
        assert_problem(made, 422, "unsupported_by_engine")
        return
    assert (made.status_code, made.json()) == (201, {"name": name})
    assert_problem(api.post("databases/", {"name": name}), 409, "already_exists")
    inside = api.post(f"collections/?database={name}", {"name": "docs", "dimension": 4, "metric": "L2"})
    assert inside.status_code == 201, inside.content
    assert api.get(f"collections/?database={name}").json()["count"] == 1
    assert_problem(api.get("collections/docs/"), 404, "not_found")
    assert_problem(api.delete(f"databases/{name}/"), 409, "conflict")
    api.delete(f"collections/docs/?database={name}")
    assert api.delete(f"databases/{name}/").status_code == 204


def test_to_a_user_without_rights_nothing_is_there_and_a_reader_only_reads(
    api: Api, collection: str, user: User, client_of: Callable[[User], Api]
) -> None:
    stranger = client_of(user)
    assert stranger.get("collections/").json()["results"] == []
    absent = assert_problem(stranger.delete("collections/no_such_collection/"), 404, "not_found")
    hidden = assert_problem(stranger.delete(f"collections/{collection}/"), 404, "not_found")
    assert hidden["detail"] == absent["detail"].replace("no_such_collection", collection)
    reader = User.objects.create_user("reader")
    give(reader, "viewer")
    client = client_of(reader)
    assert client.get(f"collections/{collection}/").status_code == 200
    assert client.post(f"collections/{collection}/search/", {"vector": [1, 0, 0, 0]}).status_code == 200
    assert_problem(client.post(f"collections/{collection}/vectors/", VECTORS), 403, "permission_denied")
    assert json.loads(api.post(f"collections/{collection}/vectors/count/", {}).content) == {"count": 0}
