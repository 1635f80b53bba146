"""``collections/{name}/search/``."""

import base64
import math
import struct
from collections.abc import Callable
from typing import Any

import pytest

from tests.api.client import Api, assert_problem

ROWS = [
    {"id": "east", "vector": [1, 0, 0, 0], "n": 1, "kind": "axis"},
    {"id": "north", "vector": [0, 1, 0, 0], "n": 2, "kind": "axis"},
    {"id": "north_east", "vector": [1, 1, 0, 0], "n": 3, "kind": "diagonal"},
    {"id": "west", "vector": [-1, 0, 0, 0], "n": 4, "kind": "axis"},
]
EAST = [1, 0, 0, 0]


@pytest.fixture
def search(api: Api, collection: str) -> Callable[..., Any]:
    """Search the collection that holds ``ROWS``; returns the body of the answer."""
    assert api.post(f"collections/{collection}/vectors/", {"vectors": ROWS}).status_code == 201

    def ask(kind: str = "", **body: Any) -> Any:
        response = api.post(f"collections/{collection}/search/{kind}", body)
        assert response.status_code == 200, response.content
        return response.json()

    return ask


def ids(answer: Any) -> list[str]:
    return [hit["id"] for hit in answer["results"]]


def test_a_search_answers_in_every_form_of_the_contract(search: Callable[..., Any]) -> None:
    answer = search(vector=EAST, top_k=3, output_fields=["n"])
    assert set(answer) == {"results", "cache", "took_ms"}
    assert answer["cache"] in {"hit", "miss", "bypass"}
    assert ids(answer) == ["east", "north_east", "north"]
    assert set(answer["results"][0]) == {"id", "score", "fields"}
    assert answer["results"][0]["score"] == pytest.approx(1, abs=1e-5)
    assert answer["results"][1]["score"] == pytest.approx(math.sqrt(0.5), abs=1e-5)
    assert answer["results"][0]["fields"] == {"n": 1}
    assert answer["took_ms"] > 0

    packed = base64.b64encode(struct.pack("<4f", *EAST)).decode()
    assert ids(search(vector=packed, top_k=3)) == ids(answer)
    several = search(vectors=[EAST, [0, 1, 0, 0]], top_k=1)["results"]
    assert [[hit["id"] for hit in hits] for hits in several] == [["east"], ["north"]]
    assert [len(hits) for hits in search(vectors=[EAST], top_k=2)["results"]] == [2]
    assert ids(search(id="east", top_k=2)) == ["north_east", "north"]
    assert ids(search(vector=EAST, top_k=1, offset=1)) == ["north_east"]
    assert ids(search(vector=EAST, top_k=9, filter="kind == 'axis' and n < 4")) == ["east", "north"]
    assert ids(search(vector=EAST, top_k=9, filters={"kind": "diagonal"})) == ["north_east"]
    assert isinstance(search(vector=EAST, profile=True)["profile"], dict)

    within = search("range/", vector=EAST, radius=0.5)
    assert ids(within) == ["east", "north_east"]
    ring = search("range/", vector=EAST, radius=0.5, range_filter=0.9)
    assert ids(ring) == ["north_east"]

    parts = [{"vector": EAST, "field": "vector", "top_k": 2}, {"vector": [0, 1, 0, 0], "top_k": 2}]
    fused = search("hybrid/", searches=parts, rerank={"strategy": "rrf", "k": 60}, top_k=2)
    assert ids(fused)[0] == "north_east"
    assert len(fused["results"]) == 2
    weighted = search("hybrid/", searches=parts, rerank={"strategy": "weighted", "weights": [1, 0]}, top_k=1)
    assert ids(weighted) == ["east"]

    plan = search("explain/", vector=EAST, filter="n > 1")
    assert "index" in plan
    assert "n" in plan["filter"]


def test_a_search_sees_what_was_just_written(api: Api, collection: str) -> None:
    for n in range(5):
        vector = [math.cos(n), math.sin(n), 0, 0]
        api.post(f"collections/{collection}/vectors/", {"vectors": [{"id": str(n), "vector": vector}]})
        found = api.post(f"collections/{collection}/search/", {"vector": vector, "top_k": 1}).json()
        assert ids(found) == [str(n)]


def test_scores_are_finite_numbers(api: Api, collection: str) -> None:
    rows = [
        {"id": "huge", "vector": [3e38] * 4},
        {"id": "zero", "vector": [0] * 4},
        {"id": "tiny", "vector": [1e-40] * 4},
    ]
    written = api.post(f"collections/{collection}/vectors/", {"vectors": rows})
    assert written.status_code in (201, 422)
    for vector in ([3e38] * 4, [0] * 4, [1e-40] * 4):
        response = api.post(f"collections/{collection}/search/", {"vector": vector, "top_k": 3})
        assert response.status_code in (200, 422), response.content
        for hit in response.json().get("results", ()):
            assert isinstance(hit["score"], float)


REFUSED = [
    ("", {"vector": [1, 0, 0]}, 422, "invalid", "/vector"),
    ("", {"vector": "AAAA"}, 422, "invalid", "/vector"),
    ("", {"vector": "not base64"}, 422, "invalid", "/vector"),
    ("", {"vector": EAST, "top_k": 0}, 422, "invalid", "/top_k"),
    ("", {"vector": EAST, "top_k": 10**30}, 422, "invalid", "/top_k"),
    ("", {"vector": EAST, "top_k": True}, 422, "invalid", "/top_k"),
    ("", {"vector": EAST, "offset": -1}, 422, "invalid", "/offset"),
    ("", {"vector": EAST, "field": "nothing"}, 422, "invalid", "/field"),
    ("", {"vector": EAST, "fliter": ""}, 422, "invalid", "/fliter"),
    ("", {"vector": EAST, "recall_target": 2}, 422, "invalid", "/recall_target"),
    ("", {"vector": EAST, "consistency": "strongish"}, 422, "invalid", "/consistency"),
    ("", {"vectors": [EAST, [1]]}, 422, "invalid", "/vectors/1"),
    ("", {"vectors": []}, 422, "invalid", "/vectors"),
    ("", {}, 422, "invalid", None),
    ("", {"vector": EAST, "id": "a"}, 422, "invalid", None),
    ("", {"id": "absent"}, 404, "not_found", None),
    ("", {"text": "where"}, 422, "invalid", "/text"),
    ("", {"vector": EAST, "filter": "n =="}, 422, "invalid_filter", None),
    ("", {"vector": EAST, "filters": {"n": {"$nope": 1}}}, 422, "invalid_filter", None),
    ("", b'{"vector": [NaN, 0, 0, 0]}', 400, "malformed", None),
    ("", {"vector": EAST, "partitions": ["nothing"]}, 404, "not_found", None),
    ("range/", {"vector": EAST}, 422, "invalid", "/radius"),
    ("range/", {"vector": EAST, "radius": 0.5, "limit": 0}, 422, "invalid", "/limit"),
    ("range/", {"vector": EAST, "radius": 0.5, "range_filter": 0.1}, 422, "invalid", "/range_filter"),
    ("hybrid/", {"searches": []}, 422, "invalid", "/searches"),
    ("hybrid/", {"searches": [{"vector": [1]}]}, 422, "invalid", "/searches/0/vector"),
    ("hybrid/", {"searches": [{"vector": EAST, "top": 1}]}, 422, "invalid", "/searches/0/top"),
    (
        "hybrid/",
        {"searches": [{"vector": EAST}], "rerank": {"strategy": "best"}},
        422,
        "invalid",
        "/rerank/strategy",
    ),
    ("text/", {"vector": EAST}, 422, "invalid", "/text"),
    ("explain/", {"vector": [1]}, 422, "invalid", "/vector"),
]


def test_bad_searches_are_refused_with_their_pointer(api: Api, collection: str) -> None:
    for kind, body, status, code, pointer in REFUSED:
        problem = assert_problem(api.post(f"collections/{collection}/search/{kind}", body), status, code)
        if pointer is not None:
            assert pointer in [error["pointer"] for error in problem["errors"]], (kind, body)


def test_a_collection_that_is_not_there_is_404(api: Api) -> None:
    assert_problem(api.post("collections/no_such_collection/search/", {"vector": EAST}), 404, "not_found")
