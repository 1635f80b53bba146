"""What all processes agree on, through a real Redis that may go away."""

import pytest
import redis

from tests.support.engines import free_port
from tests.support.redis import RunningRedis
from vectorstore.domain.models import CollectionName
from vectorstore.optimization.shared_state import SharedState

pytestmark = pytest.mark.django_db

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


def test_a_read_of_a_redis_that_forgot_everything_does_not_trust_it(own_redis: RunningRedis) -> None:
    state = SharedState(own_redis)
    before = state.read(NAME)
    assert not before.blind
    assert before.generation

    own_redis.client.flushall()
    after = state.read(NAME)
    assert after.blind
    assert after.generation is None
    assert after.catalogue not in (None, 0, before.catalogue)
    assert after.access not in (None, 0, before.access)
    state.wrote(NAME, 470_663_507_745_439_749)
    assert not state.read(NAME).blind  # a later write waits for every one before it

    own_redis.client.delete("vectorstore:state:anew")  # the time is over
    assert state.read(NAME).generation not in (None, 0, before.generation)


def test_no_generation_is_given_while_any_write_is_under_way(own_redis: RunningRedis) -> None:
    mine, other = SharedState(own_redis), SharedState(own_redis)
    seen = [mine.read(NAME).generation]
    first, second = mine.begin_write(NAME), other.begin_write(NAME)
    assert other.read(NAME).generation is None
    mine.end_write(first, clear=True)
    assert mine.read(NAME).generation is None
    other.end_write(second, clear=True)
    seen.append(mine.read(NAME).generation)
    mine.purge(NAME)
    seen.append(other.read(NAME).generation)
    assert None not in seen
    assert len(set(seen)) == 3
    elsewhere = CollectionName("default", "default", "elsewhere")
    assert mine.read(elsewhere).generation == other.read(elsewhere).generation


def test_a_write_without_an_outcome_keeps_the_generation_away_until_it_is_settled(own_redis: RunningRedis) -> None:
    state = SharedState(own_redis)
    state.end_write(state.begin_write(NAME), clear=False)
    later = state.begin_write(NAME)
    state.end_write(later, clear=True)
    assert state.read(NAME).generation is None
    state.settle(state.begin_write(NAME))
    assert state.read(NAME).generation


def test_a_writer_that_died_is_given_up(own_redis: RunningRedis) -> None:
    state, key = SharedState(own_redis), f"vectorstore:state:open:{NAME}"
    state.begin_write(NAME)
    assert 0 < own_redis.client.ttl(key) <= 600
    own_redis.client.set(key, "dead@1", ex=600)  # its time is over, and only another write has kept the key
    state.end_write(state.begin_write(NAME), clear=True)
    assert state.read(NAME).generation
