"""Profiles of searches: what the answer tells, what is kept, and who sees it."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from tests.api.client import Api, assert_problem
from tests.support.access import give
from tests.support.engines import RunningEngine
from tests.support.profiles import a_profile
from tests.support.proxy import Proxy, proxy_to
from vectorstore.config.settings import current
from vectorstore.models import SearchProfile
from vectorstore.monitoring import performance_logger, profile_writer

pytestmark = pytest.mark.django_db(transaction=True)

STAGES = ["parse", "authorise", "plan", "queue", "milvus", "decode", "serialise"]
ALONE = [name for name in STAGES if name != "queue"]
"""Of what shares no call with others: Milvus Lite fuses hybrid searches itself."""
VECTOR = [0.3125, 0.0625, 0, 0]
ROWS = [{"id": f"row-{number}", "vector": [1, number, 0, 0], "section": "canary-section"} for number in range(5)]


@pytest.fixture
def kept(tmp_path: Path, bound: pytest.MonkeyPatch) -> Iterator[Callable[..., list[SearchProfile]]]:
    """Sets variables of profiles and, without any, gives what was kept, oldest first; none by chance."""
    profile_writer.discard()
    bound.setenv("VECTORSTORE_DATA_DIR", str(tmp_path))
    bound.setenv("VECTORSTORE_PROFILE_SHARE", "0")
    bound.setenv("VECTORSTORE_SLOW_MS", "3600000")
    current.cache_clear()

    def ask(**variables: object) -> list[SearchProfile]:
        for name, value in variables.items():
            bound.setenv(f"VECTORSTORE_{name.upper()}", str(value))
            current.cache_clear()
        profile_writer.flush()
        return list(SearchProfile.objects.order_by("pk"))

    yield ask
    profile_writer.discard()
    performance_logger.close()


@pytest.fixture
def slow_milvus(lite: RunningEngine, kept: Any, bound: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """Milvus Lite behind a proxy, whose ``delay`` makes it slow."""
    with proxy_to(lite.port) as proxy:
        bound.setenv("MILVUS_PORT", str(proxy.port))
        current.cache_clear()
        yield proxy


@pytest.fixture
def filled(lite_api: Api, kept: Any, new_name: Callable[[], str]) -> Iterator[str]:
    name = new_name()
    assert lite_api.post("collections/", {"name": name, "dimension": 4, "metric": "L2"}).status_code == 201
    assert lite_api.post(f"collections/{name}/vectors/", {"vectors": ROWS}).status_code == 201
    yield name
    lite_api.delete(f"collections/{name}/")


@pytest.mark.parametrize(
    ("path", "body", "stages", "rows"),
    [
        ("search/", {"vector": VECTOR, "top_k": 3}, STAGES, 3),
        ("search/range/", {"vector": VECTOR, "radius": 100.0}, STAGES, 5),
        ("search/hybrid/", {"searches": [{"vector": VECTOR}, {"vector": VECTOR}], "top_k": 2}, ALONE, 2),
        ("vectors/query/", {"filter": "section != ''"}, ALONE, 5),
        ("vectors/get/", {"ids": ["row-1"]}, ALONE, 1),
        ("vectors/count/", {}, ALONE, None),
    ],
)
def test_a_profile_and_the_header_tell_stages_that_add_up(
    lite_api: Api, filled: str, path: str, body: Any, stages: list[str], rows: int | None
) -> None:
    answer = lite_api.post(f"collections/{filled}/{path}", {**body, "profile": True})
    assert answer.status_code == 200, answer.content
    told = answer.json()
    profile = told["profile"]
    assert list(profile["stages"]) == stages
    assert sum(profile["stages"].values()) == pytest.approx(told["took_ms"], abs=0.001 * (len(stages) + 1))
    assert (profile["batch"], profile["rows"]) == (1, rows)
    assert profile["attempts"] >= 1
    assert profile["consistency"] == "Bounded"
    metrics = dict(re.findall(r"([a-z]+);dur=([0-9.]+)", answer["Server-Timing"]))
    assert ", ".join(f"{name};dur={ms}" for name, ms in metrics.items()) == answer["Server-Timing"]
    assert {name: round(float(ms), 3) for name, ms in metrics.items() if name != "total"} == profile["stages"]
    assert float(metrics["total"]) == pytest.approx(told["took_ms"], abs=0.001)


def test_without_asking_there_is_a_header_and_no_profile(lite_api: Api, filled: str, kept: Any) -> None:
    answer = lite_api.post(f"collections/{filled}/search/", {"vector": VECTOR})
    assert set(answer.json()) == {"results", "cache", "took_ms"}
    assert answer["Server-Timing"].startswith("parse;dur=")
    counted = lite_api.post(f"collections/{filled}/vectors/count/", {})
    assert counted.json() == {"count": 5}
    assert "milvus;dur=" in counted["Server-Timing"]
    assert kept() == []


def test_parameters_come_with_their_reason(lite_api: Api, filled: str) -> None:
    body = {"vector": VECTOR, "profile": True, "recall_target": 0.9}
    told = lite_api.post(f"collections/{filled}/search/", body).json()["profile"]
    assert told["params_reason"] == "chosen by rule for a recall target of 0.9: no curve measured yet"
    assert told["index"]["metric"] == "L2"


def test_a_slow_search_is_kept_and_says_that_milvus_was_slow(
    lite_api: Api, filled: str, slow_milvus: Proxy, kept: Any
) -> None:
    search = {"vector": VECTOR, "top_k": 2}
    assert lite_api.post(f"collections/{filled}/search/", search).status_code == 200
    assert kept(slow_ms=400) == []
    slow_milvus.delay = 0.5
    assert lite_api.post(f"collections/{filled}/search/", search).status_code == 200
    slow_milvus.delay = 0.0
    (profile,) = kept()
    assert (profile.kept_for, profile.collection, profile.rows) == ("slow", filled, 2)
    assert profile.stages["milvus"] >= 400
    (line,) = performance_logger.place().read_text().splitlines()
    assert json.loads(line)["took_ms"] == profile.took_ms
    (slow,) = lite_api.get(f"slow-queries/?collection={filled}").json()["results"]
    assert (slow["count"], slow["total_ms"], slow["p95_ms"]) == (1, profile.took_ms, profile.took_ms)


def test_nothing_of_what_was_searched_for_is_found_in_table_log_or_api(lite_api: Api, filled: str, kept: Any) -> None:
    kept(slow_ms=1)
    searches = f"collections/{filled}/search/"
    texts = ("section == 'canary-section' and n > 40961", "section in ['canary-a', 'canary-b']", "canary and (")
    for text in texts:
        lite_api.post(searches, {"vector": VECTOR, "filter": text, "profile": True})
    lite_api.post(searches, {"id": "row-1", "filters": {"section": "canary-section"}, "profile": True})
    lite_api.post(f"{searches}range/", {"vector": VECTOR, "radius": 40961.0, "profile": True})
    parts = [{"vector": VECTOR, "filter": "section == 'canary-part'"}]
    lite_api.post(f"{searches}hybrid/", {"searches": parts, "profile": True})
    lite_api.post(f"collections/{filled}/vectors/get/", {"ids": ["row-1", "row-2"], "profile": True})
    rows = kept()
    assert [row.kind for row in rows] == [*["search"] * 4, "range", "hybrid", "get"]
    assert [row.outcome for row in rows] == ["ok", "ok", "invalid_filter", "ok", "ok", "ok", "ok"]
    told = [lite_api.get(f"profiles/{row.pk}/").content.decode() for row in rows]
    places = {
        "table": str(list(SearchProfile.objects.values())),
        "log": performance_logger.place().read_text(),
        "api": "".join(told) + lite_api.get("profiles/").content.decode(),
        "slow": lite_api.get("slow-queries/").content.decode(),
    }
    for place, text in places.items():
        hidden = ("canary", "40961", "0.3125", "0.0625", "row-1", "row-2", "hmac")
        assert [value for value in hidden if value in text] == [], place
    assert "section == ?" in places["slow"]


def test_requests_that_differ_in_values_are_one_slow_query(lite_api: Api, filled: str, kept: Any) -> None:
    kept(slow_ms=1)
    for text in ("n > 1", "n > 2", "n > 3", "n > 1 and n < 9"):
        lite_api.post(f"collections/{filled}/search/", {"vector": VECTOR, "filter": text})
    kept()
    found = lite_api.get(f"slow-queries/?collection={filled}&ordering=-count").json()
    assert [item["count"] for item in found["results"]] == [3, 1]
    assert found["results"][0]["shape"]["filter"] == "n > ?"
    assert found["results"][0]["example"]["vector"] == {"dimension": 4}


def test_slow_queries_come_by_their_total_time_with_the_p95_of_each(lite_api: Api) -> None:
    for ms in range(1, 21):
        a_profile("docs", took_ms=300.0 + ms, shape_hash="a")
    a_profile("docs", took_ms=90_000.0, shape_hash="b")
    a_profile("docs", took_ms=90_000.0, shape_hash="c", kept_for="sample")
    found = lite_api.get("slow-queries/").json()
    assert found["count"] == 2
    assert [(item["shape_hash"], item["count"], item["p95_ms"]) for item in found["results"]] == [
        ("b", 1, 90_000.0),
        ("a", 20, 319.0),
    ]
    assert found["results"][1]["total_ms"] == 20 * 300 + 210
    first = lite_api.get("slow-queries/?slower_than=310").json()["results"][1]
    assert (first["count"], first["p95_ms"]) == (11, 320.0)


def test_profiles_are_filtered_and_paged(lite_api: Api) -> None:
    old = a_profile("docs", at=timezone.now() - timedelta(days=1), took_ms=10.0)
    young = a_profile("docs", took_ms=500.0)
    other = a_profile("shop", took_ms=600.0)

    def ids(query: str) -> list[int]:
        return [item["id"] for item in lite_api.get(f"profiles/{query}").json()["results"]]

    assert ids("") == [other.pk, young.pk, old.pk]
    assert ids("?collection=docs") == [young.pk, old.pk]
    hour_ago = (timezone.now() - timedelta(hours=1)).isoformat().replace("+", "%2B")
    assert ids(f"?since={hour_ago}&slower_than=550") == [other.pk]
    assert ids("?ordering=took_ms&page_size=1&page=2") == [young.pk]
    for query in ("?since=2030-01-01T00:00:00", "?since=soon", "?slower_than=-1", "?slower_than=nan"):
        assert_problem(lite_api.get(f"profiles/{query}"), 422, "invalid")


def test_who_sees_some_collections_gets_only_theirs(user: User, client_of: Callable[[User], Api]) -> None:
    mine, foreign = a_profile("docs_a"), a_profile("shop")
    client = client_of(user)
    assert_problem(client.get("profiles/"), 403, "permission_denied")
    give(user, "collection_admin", "docs_*")
    assert [item["id"] for item in client.get("profiles/").json()["results"]] == [mine.pk]
    assert [item["collection"] for item in client.get("slow-queries/").json()["results"]] == ["docs_a"]
    assert client.get(f"profiles/{mine.pk}/").status_code == 200
    hidden, absent = client.get(f"profiles/{foreign.pk}/"), client.get("profiles/987654321/")
    assert assert_problem(hidden, 404, "not_found")["detail"] == assert_problem(absent, 404, "not_found")["detail"]


def test_a_search_that_is_not_allowed_leaves_no_profile(
    lite_api: Api, filled: str, user: User, client_of: Callable[[User], Api], kept: Any
) -> None:
    kept(slow_ms=1)
    answer = client_of(user).post(f"collections/{filled}/search/", {"vector": VECTOR, "profile": True})
    assert answer.status_code == 404
    assert kept() == []
