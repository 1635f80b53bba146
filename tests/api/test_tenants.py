"""Two tenants share a collection under a row filter: neither gets at the other's rows, whatever it asks."""

import json
import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.tenant_rows import (
    ABSENT,
    ANTS,
    BEES,
    EAST,
    FOREIGN,
    MARKS,
    MINE,
    Shared,
    client,
    comparable,
    foreign_rows,
    leaked,
    reads,
)

WIDE = (
    f"tenant == '{FOREIGN}'",
    f"tenant != '{MINE}'",
    f"not (tenant == '{MINE}')",
    f"tenant == '{MINE}' or tenant == '{FOREIGN}'",
    f"tenant in ['{FOREIGN}', '{MINE}']",
    f"tenant not in ['{MINE}']",
    f'$meta["tenant"] == "{FOREIGN}" or id != ""',
    "id != ''",
    "id like 'bee%'",
    "id in ['bee-0', 'bee-1', 'ant-0']",
    "id == '' or id != ''",
    "not (id == '')",
    "note like 'BEE%'",
    "secret like 'BEE%' or n >= 0",
    "n >= 0 or not (n >= 0)",
    "true",
    "1 == 1",
    "x=='1') or (x!='2'",
    "') or (id != '",
    "id != '') or (id != ''",
    "id != '' -- ",
    "id != '' /* ",
    "id in ['zz'] or id != '' or id in ['']",
    'id == "zz\\"] or id != \'\' "',
    f"(tenant == '{MINE}' or true)",
    f"n > -1 and (tenant == '{FOREIGN}' or tenant == '{MINE}')",
)
WIDE_OBJECTS: tuple[dict[str, Any], ...] = (
    {"tenant": FOREIGN},
    {"tenant": {"$ne": MINE}},
    {"$not": {"tenant": MINE}},
    {"$or": [{"tenant": FOREIGN}, {"id": {"$ne": ""}}]},
    {"tenant": {"$in": [FOREIGN, MINE]}},
    {"tenant": {"$nin": [MINE]}},
    {"$or": [{"n": {"$gte": 0}}, {"$not": {"n": {"$gte": 0}}}]},
    {"id": {"$like": "bee%"}},
)


def test_whoever_asks_gets_its_own_rows_through_every_read(shared: Shared) -> None:
    for reader, own in ((shared.mine, ANTS), (shared.other, BEES)):
        wanted = {row["id"] for row in own}
        for address in shared.addresses:
            for path, body in reads({}):
                seed = {"id": own[0]["id"]} if "id" in body else {}
                answer = reader.post(address + path, body | seed)
                assert answer.status_code == 200, answer.content
                told = answer.json()
                if path == "vectors/count/":
                    assert told == {"count": len(own)}
                elif path != "search/explain/":
                    lists = told["results"] if "vectors" in body else [told["results"]]
                    for found in lists:
                        assert {item["id"] for item in found} == wanted - ({own[0]["id"]} if seed else set())


@pytest.mark.parametrize("filter_", [{"filter": text} for text in WIDE] + [{"filters": item} for item in WIDE_OBJECTS])
def test_no_filter_widens_what_is_read(shared: Shared, filter_: dict[str, Any]) -> None:
    counted = None
    for path, body in reads(filter_):
        answer = shared.mine.post(shared.address + path, body)
        assert answer.status_code in (200, 422), answer.content
        assert foreign_rows(answer) == []
        assert leaked(answer, body) == [], (path, answer.content)
        if path == "vectors/query/" and answer.status_code == 200:
            counted = len(answer.json()["results"])
        if path == "vectors/count/" and answer.status_code == 200:
            assert answer.json()["count"] == counted <= len(ANTS)


def test_projections_show_no_foreign_row(shared: Shared) -> None:
    for fields in (["*"], ["tenant"], ["$meta"], ["n", "note"], ["id"], ['$meta["note"]'], ["secret", "vector"]):
        for path, body in reads({}):
            if path not in ("vectors/count/", "search/explain/"):
                asked = {**body, "output_fields": fields}
                answer = shared.mine.post(shared.address + path, asked)
                assert leaked(answer, asked) == [], answer.content
    ids = [row["id"] for row in ANTS + BEES]
    got = shared.mine.post(shared.address + "vectors/get/", {"ids": ids})
    assert got.json()["results"] == ANTS


def _numbers(told: Any) -> Iterator[int]:
    if isinstance(told, dict):
        for value in told.values():
            yield from _numbers(value)
    elif isinstance(told, list):
        for value in told:
            yield from _numbers(value)
    elif isinstance(told, int) and not isinstance(told, bool):
        yield told


def test_every_count_is_of_the_callers_rows(shared: Shared) -> None:
    pages = ("", "stats/", "partitions/", "partitions/_default/", "indexes/", "indexes/vector/")
    urls = [address + page for address in shared.addresses for page in pages]
    urls.append(f"collections/?search={shared.name}")
    for url in urls:
        answer = shared.mine.get(url)
        assert answer.status_code == 200, answer.content
        numbers = set(_numbers(answer.json()))
        assert not numbers & {len(BEES), len(ANTS) + len(BEES)}, f"{url} counts foreign rows: {answer.content!r}"
        assert not any(mark in answer.content.decode() for mark in MARKS)
    assert shared.mine.get(shared.address).json()["row_count"] == len(ANTS)
    assert shared.mine.get(shared.address + "stats/").json()["row_count"] == len(ANTS)
    explained = shared.mine.post(shared.address + "search/explain/", {"vector": EAST}).json()
    assert not {len(BEES), len(ANTS) + len(BEES)} & set(_numbers(explained))


def _about(identity: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Requests about the row of that id."""
    of_it: dict[str, Any] = {"filter": f"id == '{identity}'"}
    near = {"id": identity, "top_k": 3}
    calls = [(path, body) for path, body in reads(of_it)] + [
        ("vectors/get/", {"ids": [identity]}),
        ("vectors/get/", {"ids": ["ant-1", identity, "ant-2"]}),
        ("search/", near),
        ("search/range/", {"id": identity, "radius": 10.0}),
        ("search/explain/", near),
        ("vectors/delete/", {"ids": [identity]}),
        ("vectors/delete/", {"ids": [identity, "cat-0"]}),
        ("vectors/delete/", of_it),
        ("vectors/delete/", {"filters": {"id": identity}}),
    ]
    return [("POST", path, body) for path, body in calls]


def test_a_foreign_id_answers_as_one_that_does_not_exist(shared: Shared) -> None:
    for address in shared.addresses:
        for (method, path, foreign), (_, _, absent) in zip(_about("bee-0"), _about(ABSENT), strict=True):
            hidden = shared.mine(method, address + path, foreign)
            missing = shared.mine(method, address + path, absent)
            assert comparable(hidden, "bee-0") == comparable(missing, ABSENT), path


def test_an_insert_stamps_the_tenant(shared: Shared) -> None:
    rows = [{"id": f"ant-{n}", "vector": EAST, "secret": "s"} for n in (10, 11)]
    rows[1]["tenant"] = MINE
    assert shared.mine.post(shared.address + "vectors/", {"vectors": rows}).status_code == 201
    found = shared.root.post(shared.address + "vectors/get/", {"ids": ["ant-10", "ant-11"]}).json()["results"]
    assert [row["tenant"] for row in found] == [MINE, MINE]
    replaced = [{"id": "ant-10", "vector": EAST, "secret": "changed"}]
    assert shared.mine.put(shared.address + "vectors/", {"vectors": replaced}).status_code == 200
    (found,) = shared.root.post(shared.address + "vectors/get/", {"ids": ["ant-10"]}).json()["results"]
    assert (found["tenant"], found["secret"]) == (MINE, "changed")


def test_who_has_several_tenants_says_which_and_who_has_none_has_no_rows(shared: Shared) -> None:
    several = client("two", [MINE, "moss"], shared.name)
    row = {"id": "ant-20", "vector": EAST, "secret": "s"}
    address = shared.address + "vectors/"
    assert several.post(address, {"vectors": [row]}).status_code == 422
    assert several.post(address, {"vectors": [row | {"tenant": FOREIGN}]}).status_code == 422
    assert several.post(address, {"vectors": [row | {"tenant": "moss"}]}).status_code == 201
    assert several.post(address + "count/", {}).json() == {"count": len(ANTS) + 1}
    for nobody in (client("none", None, shared.name), client("empty", [], shared.name)):
        for path, body in reads({}):
            answer = nobody.post(shared.address + path, body)
            assert leaked(answer, body) == []
            assert "ant-" not in answer.content.decode().replace("ant-0", "")
            assert answer.status_code in (403, 404) or not answer.json().get("results", answer.json().get("count"))
        assert nobody.post(address, {"vectors": [row]}).status_code in (403, 404, 422)


OUTSIDE: tuple[dict[str, Any], ...] = (
    {"tenant": FOREIGN},
    {"tenant": [MINE, FOREIGN]},
    {"tenant": {"a": MINE}},
    {"tenant": True},
    {"tenant": 1},
    {"tenant": ""},
    {"tenant": f"{MINE} "},
    {"tenant": MINE.upper()},
    {"$meta": {"tenant": FOREIGN}},
    {"$meta": {"tenant": FOREIGN}, "tenant": MINE},
    {'$meta["tenant"]': FOREIGN},
)


def test_no_row_is_written_outside_the_filter(shared: Shared) -> None:
    for number, more in enumerate(OUTSIDE):
        for method, identity in (("POST", f"ant-{30 + number}"), ("PUT", f"ant-{30 + number}"), ("PUT", "ant-0")):
            row = {"id": identity, "vector": EAST, "secret": "s", **more}
            answer = shared.mine(method, shared.address + "vectors/", {"vectors": [row]})
            assert answer.status_code in (200, 201, 422), answer.content
    twice = json.dumps({"vectors": [{"id": "ant-50", "vector": EAST, "secret": "s", "tenant": MINE}]})
    twice = twice.replace(f'"tenant": "{MINE}"', f'"tenant": "{MINE}", "tenant": "{FOREIGN}"')
    assert shared.mine.post(shared.address + "vectors/", twice.encode()).status_code in (201, 400, 422)
    everything = shared.root.post(shared.address + "vectors/query/", {"filter": "id != ''", "limit": 1000}).json()
    outside = [row for row in everything["results"] if row.get("tenant") not in (MINE, FOREIGN)]
    assert outside == []
    assert shared.rows(FOREIGN) == BEES
    assert shared.other.post(shared.address + "vectors/count/", {}).json() == {"count": len(BEES)}


def test_a_foreign_row_is_neither_inserted_over_nor_replaced(shared: Shared) -> None:
    own = {"id": "ant-60", "vector": EAST, "secret": "s"}
    for method in ("POST", "PUT"):
        for more in ({}, {"tenant": MINE}):
            taken = {"id": "bee-3", "vector": EAST, "secret": "stolen", **more}
            for batch in ([taken], [own, taken]):
                answer = shared.mine(method, shared.address + "vectors/", {"vectors": batch})
                assert answer.status_code == 409, answer.content
                assert leaked(answer, batch) == []
    assert shared.rows(FOREIGN) == BEES
    assert shared.rows(MINE) == ANTS


def test_no_delete_reaches_a_foreign_row(shared: Shared) -> None:
    address = shared.address + "vectors/delete/"
    ids = [row["id"] for row in BEES]
    assert shared.mine.post(address, {"ids": ids}).json() == {"deleted": 0}
    assert shared.mine.post(address, {"ids": ["zz'] or id != '' or id in ['", *ids]}).json() == {"deleted": 0}
    for body in [{"filter": text} for text in WIDE] + [{"filters": item} for item in WIDE_OBJECTS]:
        answer = shared.mine.post(address, body)
        assert answer.status_code in (200, 422), answer.content
        if answer.status_code == 200:
            assert answer.json()["deleted"] <= len(ANTS)
        assert leaked(answer, body) == []
    assert shared.rows(FOREIGN) == BEES
    assert shared.rows(MINE) == []


def test_what_a_key_replays_is_the_callers_own(shared: Shared) -> None:
    key, body = secrets.token_hex(8), {"ids": ["ant-0", "ant-1"]}
    first = shared.mine.post(shared.address + "vectors/delete/", body, Idempotency_Key=key)
    assert first.json() == {"deleted": 2}
    other = shared.other.post(shared.address + "vectors/delete/", body, Idempotency_Key=key)
    assert other.json() == {"deleted": 0}
    assert "Idempotency-Replayed" not in other


def test_one_search_after_another_answers_each_tenant_with_its_own(shared: Shared) -> None:
    body = {"vector": EAST, "top_k": 3, "output_fields": ["*"]}
    for _ in range(3):
        for reader, own in ((shared.mine, "ant-"), (shared.other, "bee-"), (shared.mine, "ant-")):
            found = reader.post(shared.address + "search/", body).json()["results"]
            assert len(found) == 3
            assert all(hit["id"].startswith(own) for hit in found)


def test_what_only_an_administrator_may_do_a_tenant_may_not(shared: Shared) -> None:
    boss = client("boss", [MINE], shared.name, role="collection_admin")
    for method, path, body in (
        ("POST", "truncate/", None),
        ("DELETE", "", None),
        ("POST", "release/", None),
        ("POST", "rename/", {"new_name": f"{shared.name}x"}),
        ("POST", "partitions/", {"name": "spring"}),
        ("DELETE", "indexes/vector/", None),
        ("PATCH", "", {"description": "x"}),
    ):
        assert boss(method, shared.address + path, body).status_code == 403, path
    assert boss.post("aliases/", {"alias": f"{shared.name}_b", "collection": shared.name}).status_code == 403
