import socket
import threading
import time
from collections.abc import Iterator

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from tests.support.engines import RunningEngine
from vectorstore.config.settings import current
from vectorstore.monitoring import health_check
from vectorstore.monitoring.health_check import CHECKS, Status, examine


@pytest.fixture
def black_hole() -> Iterator[int]:
    """A port that accepts and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.django_db(transaction=True)
def test_everything_there_is_ok_with_versions_and_latencies(lite: RunningEngine) -> None:
    health = examine()
    assert health.status is Status.OK
    assert [item.name for item in health.components] == ["database", "redis", "milvus"]
    for item in health.components:
        assert item.version
        assert item.latency_ms is not None
        assert 0 <= item.latency_ms < 2000


@pytest.mark.django_db(transaction=True)
def test_a_missing_milvus_or_redis_is_a_warning(
    lite: RunningEngine, bound: pytest.MonkeyPatch, closed_port: int
) -> None:
    bound.setenv("MILVUS_PORT", str(closed_port))
    bound.setenv("REDIS_URL", f"redis://:hunter2@127.0.0.1:{closed_port}/0")
    current.cache_clear()
    health = examine()
    states = {item.name: item.status for item in health.components}
    assert states == {"database": Status.OK, "redis": Status.WARN, "milvus": Status.WARN}
    assert health.status is Status.WARN
    assert "hunter2" not in repr(health)
    assert str(closed_port) not in repr(health)


@pytest.mark.django_db(transaction=True)
def test_what_never_answers_costs_two_seconds_and_one_thread(bound: pytest.MonkeyPatch, black_hole: int) -> None:
    bound.setenv("MILVUS_HOST", "127.0.0.1")
    bound.setenv("MILVUS_PORT", str(black_hole))
    bound.setenv("REDIS_URL", f"redis://127.0.0.1:{black_hole}/0")
    current.cache_clear()
    began = time.monotonic()
    health = examine()
    assert time.monotonic() - began < 5
    states = {item.name: item.status for item in health.components}
    assert states == {"database": Status.OK, "redis": Status.WARN, "milvus": Status.WARN}


def test_a_check_that_hangs_is_not_begun_again() -> None:
    release = threading.Event()
    begun: list[float] = []

    def hang(timeout: float) -> str:
        begun.append(timeout)
        release.wait(10)
        return "late"

    for _ in range(3):
        assert examine({"milvus": hang}, timeout=0.1).components[0].detail == "does not answer in time"
    assert len(begun) == 1
    release.set()
    ends = time.monotonic() + 5
    while examine({"milvus": lambda timeout: "v1"}, timeout=1).components[0].version != "v1":
        assert time.monotonic() < ends


@pytest.mark.django_db(transaction=True)
def test_migrations_that_wait_make_it_unready(bound: pytest.MonkeyPatch) -> None:
    bound.setattr(health_check, "_migrated", threading.Event())
    recorder = MigrationRecorder(connection)
    ((_, last),) = MigrationLoader(connection).graph.leaf_nodes("vectorstore")
    recorder.record_unapplied("vectorstore", last)
    try:
        health = examine({"database": CHECKS["database"]})
    finally:
        recorder.record_applied("vectorstore", last)
    assert health.status is Status.FAIL
    assert "manage.py migrate" in health.components[0].detail


def test_an_error_never_reaches_the_page() -> None:
    def fail(timeout: float) -> str:
        raise RuntimeError("password hunter2 of host db.internal")

    (component,) = examine({"database": fail}).components
    assert (component.status, component.detail) == (Status.FAIL, "cannot be reached")
