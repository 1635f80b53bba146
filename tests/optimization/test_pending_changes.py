"""What Redis could not be told: no process trusts what Redis has until somebody has told it."""

import socket
import time

import pytest

from tests.support.engines import free_port
from tests.support.redis import RunningRedis, connections_to, running_redis, up_for_long
from vectorstore.domain.models import CollectionName
from vectorstore.models import PendingChange
from vectorstore.optimization.shared_state import AWAY, SharedState

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("short_pauses")]

NAME = CollectionName("default", "default", "docs")
WRITTEN = 470_663_507_745_439_749


def trusts(state: SharedState) -> bool:
    """Whether a process that has not looked for a while trusts Redis."""
    state._pending._looked_at = float("-inf")
    return state.read(NAME) != AWAY


def test_what_a_write_could_not_tell_another_process_tells_before_it_trusts_redis() -> None:
    port = free_port()
    writer = SharedState(f"redis://127.0.0.1:{port}/0")
    write = writer.begin_write(NAME)
    writer.wrote(NAME, WRITTEN)
    writer.end_write(write, clear=True)
    assert PendingChange.objects.count() == 3
    assert writer.read(NAME) == AWAY
    with running_redis(port) as url:
        up_for_long(url)
        state = SharedState(url).read(NAME)
        assert state.written == WRITTEN
        assert state.generation
        assert not PendingChange.objects.exists()
        assert trusts(writer)
        assert writer.read(NAME) == state


def test_after_a_write_that_a_stalled_redis_missed_nobody_gets_the_old_generation(own_redis: RunningRedis) -> None:
    writer, reader = SharedState(own_redis), SharedState(own_redis)
    before = reader.read(NAME)
    with own_redis.stalled():
        write = writer.begin_write(NAME)
        writer.wrote(NAME, WRITTEN)
        writer.end_write(write, clear=True)
    # The write is acknowledged, Redis is back with its old memory, and the writer does nothing more.
    after = reader.read(NAME)
    assert after.generation != before.generation
    assert after.written == WRITTEN
    ends = time.monotonic() + 10
    while reader.read(NAME).generation is None:  # what was on its way when Redis stalled is done by and by
        assert time.monotonic() < ends
        time.sleep(0.05)


@pytest.mark.parametrize("change", ["catalogue", "access"])
def test_a_change_that_redis_missed_is_told_by_who_reads_next(own_redis: RunningRedis, change: str) -> None:
    writer, reader = SharedState(own_redis), SharedState(own_redis)
    before = reader.read(NAME)
    with own_redis.stalled():
        writer.catalogue_changed("default", "default") if change == "catalogue" else writer.access_changed()
    assert getattr(reader.read(NAME), change) not in (None, getattr(before, change))
    if change == "access":
        assert reader.access_version() == reader.read(NAME).access


def test_who_cannot_deliver_trusts_nothing(own_redis: RunningRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = SharedState(own_redis)
    assert trusts(reader)
    PendingChange.objects.create(op="version", key="vectorstore:state:access")
    with own_redis.stalled():
        assert not trusts(reader)
    time.sleep(0.01)
    assert trusts(reader)
    assert not PendingChange.objects.exists()


def test_the_writer_waits_until_everybody_has_looked(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("vectorstore.optimization.pending_changes.time.sleep", slept.append)
    state = SharedState(f"redis://127.0.0.1:{free_port()}/0")
    write = state.begin_write(NAME)
    assert not slept  # nothing is acknowledged yet
    state.end_write(write, clear=True)
    assert len(slept) == 1
    assert 0.2 < slept[0] <= 0.25


def test_two_who_deliver_the_same_bring_back_no_version(own_redis: RunningRedis) -> None:
    first, second = SharedState(own_redis), SharedState(own_redis)
    seen = [first.read(NAME).generation]
    rows = [("opened", "w"), ("closed", "w")]
    for state in (first, second):
        for op, value in rows:  # as if the other had not deleted them yet
            PendingChange.objects.create(op=op, key=str(NAME), value=value)
        assert trusts(state)
        seen.append(state.read(NAME).generation)
    assert None not in seen
    assert len(set(seen)) == 3


def test_a_redis_that_is_silent_is_soon_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vectorstore.optimization.redis_connection._FIRST_PAUSE_S", 30.0)
    monkeypatch.setattr("vectorstore.optimization.redis_connection._LONGEST_PAUSE_S", 30.0)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(100)
        silent.setblocking(False)
        state = SharedState(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        for _ in range(200):
            assert state.read(NAME) == AWAY
            assert state.access_version() is None
        assert 1 <= connections_to(silent) <= 3
