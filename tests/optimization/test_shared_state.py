"""What all processes agree on, through a real Redis that may go away."""

import redis

from tests.support.engines import free_port
from tests.support.redis import running_redis
from vectorstore.domain.models import CollectionName
from vectorstore.optimization.shared_state import SharedState

NAME = CollectionName("default", "default", "docs")


def test_what_one_process_writes_another_reads(redis_url: str) -> None:
    mine, other = SharedState(redis_url), SharedState(redis_url)
    before = other.read(NAME).catalogue
    mine.wrote(NAME, 470_663_507_745_439_749)
    mine.catalogue_changed("default", "default")
    assert other.read(NAME).written == 470_663_507_745_439_749
    assert other.read(NAME).catalogue not in (before, None)


def test_a_change_of_rights_is_seen_by_all_and_again_after_redis_forgot(redis_url: str) -> None:
    mine, other = SharedState(redis_url), SharedState(redis_url)
    seen = {other.access_version()}
    for _ in range(3):
        mine.access_changed()
        assert other.read(NAME).access == other.access_version()
        seen.add(other.access_version())
    assert len(seen) == 4
    redis.Redis.from_url(redis_url).flushdb()
    mine.access_changed()
    assert other.access_version() not in seen


def test_without_redis_the_version_of_rights_is_unknown() -> None:
    assert SharedState(f"redis://127.0.0.1:{free_port()}/0").access_version() is None


def test_the_later_write_stays_whatever_order_they_are_recorded_in(redis_url: str) -> None:
    name = CollectionName("default", "default", "order")
    state = SharedState(redis_url)
    for timestamp in (470_663_507_745_439_750, 470_663_507_745_439_751, 470_663_507_745_439_749, 99):
        state.wrote(name, timestamp)
    assert state.read(name).written == 470_663_507_745_439_751


def test_an_engine_without_timestamps_records_nothing(redis_url: str) -> None:
    name = CollectionName("default", "default", "lite")
    SharedState(redis_url).wrote(name, 0)
    assert SharedState(redis_url).read(name).written == 0


def test_a_write_during_an_outage_is_recorded_after_it() -> None:
    port = free_port()
    state = SharedState(f"redis://127.0.0.1:{port}/0")
    state.wrote(NAME, 470_663_507_745_439_749)
    state.catalogue_changed("default", "default")
    assert state.read(NAME).catalogue is None
    with running_redis(port) as url:
        state._down_until = 0.0
        assert state.read(NAME).catalogue
        assert state.read(NAME).written == 470_663_507_745_439_749
        assert SharedState(url).read(NAME).written == 470_663_507_745_439_749
