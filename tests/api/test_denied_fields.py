"""Denied fields are not there for the caller: not in the schema, in rows, in conditions, in what it writes."""

from typing import Any

import pytest

from tests.api.client import Api
from tests.api.tenant_rows import ANTS, BEES, EAST, Shared, client, reads

DENIED = ["secret", "note"]
VALUES = ("-secret-", "-note-")

NAMED = (
    None,
    ["*"],
    ["*", "secret"],
    ["n", "*"],
    ["$meta"],
    ["secret"],
    ["note"],
    ['$meta["note"]'],
    ["$meta['note']"],
    ["$meta.note"],
    ['$meta["secret"]'],
    ['note["a"]'],
    ["n", "note"],
    ["id", "vector", "secret"],
    ["Secret"],
    [" note"],
)
CONDITIONS: tuple[dict[str, Any], ...] = (
    *(
        {"filter": text}
        for text in (
            "secret == 'ANT-secret-0'",
            "'ANT-secret-0' == secret",
            "secret like 'ANT%'",
            "secret in ['ANT-secret-0']",
            "n >= 0 and not (secret == 'x')",
            "id != '' or secret > ''",
            "note == 'ANT-note-0'",
            "note like 'ANT%'",
            '$meta["note"] == "ANT-note-0"',
            "$meta['note'] like 'BEE%'",
            '$meta["no\\u0074e"] == "ANT-note-0"',
            '$meta["\\x6eote"] == "ANT-note-0"',
            "exists note",
            "exists $meta['note']",
            "not exists note",
            "note in ['ANT-note-0']",
            "note['a'] == 1 or note > ''",
            "json_contains(note, 'a')",
            "secret == note",
        )
    ),
    {"filters": {"secret": "ANT-secret-0"}},
    {"filters": {"secret": {"$like": "ANT%"}}},
    {"filters": {"note": {"$gt": ""}}},
    {"filters": {"$or": [{"n": 1}, {"$not": {"note": "x"}}]}},
    {"filters": {"note.a": 1}},
    {"filters": {"$meta.note": "ANT-note-0"}},
    {"filters": {"note": {"$exists": True}}},
)


@pytest.fixture
def looker(shared: Shared) -> Api:
    return client("eve", None, shared.name, role="viewer", row_filter=None, denied_fields=DENIED)


@pytest.fixture
def scribe(shared: Shared) -> Api:
    return client("sam", None, shared.name, row_filter=None, denied_fields=DENIED)


def assert_tells_nothing(content: bytes) -> None:
    text = content.decode()
    assert not any(value in text for value in VALUES), text


def test_no_projection_shows_a_denied_value(shared: Shared, looker: Api) -> None:
    ids = {"ids": [row["id"] for row in ANTS + BEES]}
    for fields in NAMED:
        for path, body in [*reads({}), ("vectors/get/", ids)]:
            if path in ("vectors/count/", "search/explain/"):
                continue
            answer = looker.post(shared.address + path, {**body, "output_fields": fields})
            assert answer.status_code in (200, 422), answer.content
            assert_tells_nothing(answer.content)
    (row,) = looker.post(shared.address + "vectors/get/", {"ids": ["ant-1"]}).json()["results"]
    assert set(row) == {"id", "vector", "tenant", "n"}
    (hit,) = looker.post(shared.address + "search/", {"vector": EAST, "top_k": 1, "output_fields": ["*"]}).json()[
        "results"
    ]
    assert not set(hit["fields"]) & set(DENIED)


@pytest.mark.parametrize("condition", CONDITIONS, ids=str)
def test_no_condition_may_name_a_denied_field(
    shared: Shared,
    looker: Api,
    scribe: Api,
    condition: dict[str, Any],
) -> None:
    for path, body in reads(condition):
        answer = looker.post(shared.address + path, body)
        assert answer.status_code == 422, (path, answer.content)
    assert scribe.post(shared.address + "vectors/delete/", condition).status_code == 422


def test_rows_are_not_grouped_by_a_denied_field(shared: Shared, looker: Api) -> None:
    for name in (*DENIED, '$meta["note"]'):
        answer = looker.post(shared.address + "search/", {"vector": EAST, "group_by": name})
        assert answer.status_code == 422
        assert_tells_nothing(answer.content)


def test_the_schema_has_no_denied_field(shared: Shared, looker: Api) -> None:
    for url in (shared.address, f"collections/?search={shared.name}", shared.address + "indexes/"):
        answer = looker.get(url)
        assert answer.status_code == 200
        assert '"secret"' not in answer.content.decode()
    told = looker.post(shared.address + "search/explain/", {"vector": EAST, "output_fields": ["*"]})
    assert '"secret"' not in told.content.decode()


def test_a_denied_field_is_not_written(shared: Shared, scribe: Api) -> None:
    row = {"id": "ant-70", "vector": EAST, "tenant": "hill"}
    address = shared.address + "vectors/"
    for more in ({"secret": "x"}, {"note": "x"}, {"$meta": {"note": "x"}}, {'$meta["note"]': "x"}):
        answer = scribe.post(address, {"vectors": [row | more]})
        assert answer.status_code == 422, answer.content
    for identity in ("ant-0", "ant-71"):
        assert scribe.put(address, {"vectors": [row | {"id": identity}]}).status_code == 403
    gone = scribe.post(address + "delete/", {"ids": ["ant-4"]})
    assert gone.json() == {"deleted": 1}
    assert [item["id"] for item in shared.rows("hill")] == [f"ant-{n}" for n in range(4)]


def test_a_denied_vector_is_not_searched(shared: Shared) -> None:
    blind = client("zoe", None, shared.name, role="viewer", row_filter=None, denied_fields=["vector"])
    for path, body in reads({}):
        if path.startswith("search/"):
            answer = blind.post(shared.address + path, body)
            assert answer.status_code == 422, (path, answer.content)
    (row,) = blind.post(shared.address + "vectors/get/", {"ids": ["ant-1"]}).json()["results"]
    assert "vector" not in row
