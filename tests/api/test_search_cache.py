"""What the API says of the cache."""

from typing import Any

import pytest

from tests.api.client import Api, assert_problem
from tests.conftest import Caches

EAST = [1, 0, 0, 0]


@pytest.fixture
def url(lite_api: Api, cached: Caches, new_name: Any) -> Any:
    name = new_name()
    made = lite_api.post("collections/", {"name": name, "dimension": 4, "metric": "COSINE"})
    assert made.status_code == 201, made.content
    body = made.json()
    assert (body["cache_enabled"], body["cache_ttl_s"]) == (True, 0)
    lite_api.post(f"collections/{name}/vectors/", {"vectors": [{"id": "a", "vector": EAST}]})
    yield f"collections/{name}/"
    lite_api.delete(f"collections/{name}/")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("", {"vector": EAST}),
        ("range/", {"vector": EAST, "radius": 0.5}),
        ("hybrid/", {"searches": [{"vector": EAST}, {"vector": EAST}]}),
    ],
)
def test_body_and_header_say_the_same(lite_api: Api, url: str, kind: str, body: dict[str, Any]) -> None:
    for expected, more in (("bypass", {"cache": False}), ("miss", {}), ("hit", {}), ("bypass", {"cache": False})):
        answer = lite_api.post(f"{url}search/{kind}", body | more)
        assert answer.status_code == 200, answer.content
        assert answer.json()["cache"] == answer["X-Cache"] == expected
        assert answer.json()["results"][0]["id"] == "a"


def test_a_collection_is_patched_and_tells_how_its_cache_fares(lite_api: Api, url: str) -> None:
    changed = lite_api.patch(url, {"cache_ttl_s": 30}).json()
    assert (changed["cache_enabled"], changed["cache_ttl_s"]) == (True, 30)
    for expected in ("miss", "hit", "hit"):
        assert lite_api.post(f"{url}search/", {"vector": EAST})["X-Cache"] == expected
    assert lite_api.get(f"{url}stats/").json()["cache"] == {"hit": 2, "miss": 1, "bypass": 0, "store": 1, "refused": 0}
    assert lite_api.patch(url, {"cache_enabled": False}).json()["cache_enabled"] is False
    assert lite_api.post(f"{url}search/", {"vector": EAST})["X-Cache"] == "bypass"
    assert lite_api.get(url).json()["cache_ttl_s"] == 30
    assert_problem(lite_api.patch(url, {"cache_ttl_s": 86_401}), 422, "invalid")
