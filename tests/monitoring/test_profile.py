"""Which profiles are kept, and what of them."""

import json
import time
from collections.abc import Callable

import pytest

from vectorstore.models import SearchProfile
from vectorstore.monitoring import performance_logger, profile_writer
from vectorstore.monitoring.profile import Description, Profile
from vectorstore.monitoring.stages import in_order

SAID = Description(
    cluster="default",
    database="default",
    collection="docs",
    actor="ada",
    shape={"kind": "range", "filter": "price < ?"},
    request={"filter": "price < ?", "limit": 5},
    plan={"params": {"ef": 64, "radius": 0.25, "range_filter": 0.75}, "consistency": "Bounded"},
)


def run(*, asked: bool = False, began: float | None = None) -> Profile:
    profile = Profile(began)
    profile.kind, profile.asked, profile.describe = "range", asked, lambda: SAID
    profile.end("plan")
    profile.milvus(attempts=2, decode_s=0.0, batch=3, waited_s=0.0)
    profile.rows = 5
    profile.finish()
    return profile


def kept() -> list[SearchProfile]:
    profile_writer.flush()
    return list(SearchProfile.objects.order_by("pk"))


def test_a_share_of_nothing_keeps_nothing_and_of_one_everything(profiles: Callable[..., None]) -> None:
    profiles(profile_share=0, slow_ms=100_000)
    for _ in range(50):
        run()
    assert kept() == []
    profiles(profile_share=1, slow_ms=100_000)
    for _ in range(50):
        run()
    assert [row.kept_for for row in kept()] == ["sample"] * 50


def test_what_is_slow_or_asked_for_is_kept_whatever_the_share(profiles: Callable[..., None]) -> None:
    profiles(profile_share=0, slow_ms=1_000)
    run(began=time.perf_counter() - 1)
    run(asked=True)
    run(asked=True, began=time.perf_counter() - 1)
    assert [row.kept_for for row in kept()] == ["slow", "asked", "slow"]


def test_a_kept_profile_says_where_the_time_went_and_not_what_was_searched_for(profiles: Callable[..., None]) -> None:
    profiles(profile_share=1, slow_ms=100_000)
    profile = run()
    (row,) = kept()
    assert (row.kind, row.collection, row.actor, row.outcome) == ("range", "docs", "ada", "ok")
    assert (row.batch, row.attempts, row.rows) == (3, 2, 5)
    assert list(in_order(row.stages)) == ["plan", "queue", "milvus", "decode"]
    assert sum(row.stages.values()) == pytest.approx(row.took_ms, abs=0.005)
    assert row.took_ms == profile.took_ms
    assert row.plan == {"params": {"ef": 64}, "consistency": "Bounded"}
    (line,) = performance_logger.place().read_text().splitlines()
    assert json.loads(line)["stages"] == row.stages
    assert "0.25" not in line


def test_requests_of_one_shape_have_one_digest(profiles: Callable[..., None]) -> None:
    profiles(profile_share=1, slow_ms=100_000)
    run()
    run()
    first, second = kept()
    assert first.shape_hash == second.shape_hash != ""


def test_what_was_never_allowed_is_not_kept(profiles: Callable[..., None]) -> None:
    profiles(profile_share=1)
    profile = Profile()
    profile.asked = True
    profile.finish()
    assert kept() == []
