"""Redis for the cache and for the shared state."""

from collections.abc import Iterator

import pytest

from tests.support.redis import RunningRedis, running_redis, up_for_long
from vectorstore.optimization import redis_connection


@pytest.fixture
def own_redis() -> Iterator[RunningRedis]:
    """A Redis of this test alone, which has been up for long."""
    with running_redis() as url:
        up_for_long(url)
        yield url


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Redis that is back is noticed at once."""
    monkeypatch.setattr(redis_connection, "_FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(redis_connection, "_LONGEST_PAUSE_S", 0.001)
    monkeypatch.setattr(redis_connection, "_ONCE_S", 0.001)
