"""Milvus goes away while requests are under way, and comes back."""

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from tests.api.client import Api
from tests.conftest import bind
from tests.support.engines import RunningEngine, free_port, milvus_lite

DEADLINE_S = 10.0
BACK_WITHIN_S = 10.0


@pytest.fixture
def own_engine(redis_url: str, bound: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[tuple[RunningEngine, int]]:
    """An engine that the test may kill, and its port."""
    port = free_port()
    with milvus_lite(tmp_path, port) as engine:
        bind(engine, redis_url, bound)
        yield engine, port


@pytest.mark.django_db(transaction=True)
def test_requests_get_503_during_an_outage_and_succeed_after_it(
    own_engine: tuple[RunningEngine, int], client_of: Callable[[User], Api], tmp_path: Path
) -> None:
    engine, port = own_engine
    user = User.objects.create_superuser("operator")
    api = client_of(user)
    assert api.post("collections/", {"name": "c", "dimension": 4}).status_code == 201
    api.post("collections/c/vectors/", {"vectors": [{"id": "a", "vector": [1, 2, 3, 4]}]})
    search = {"vector": [1, 2, 3, 4], "top_k": 1}
    assert api.post("collections/c/search/", search).status_code == 200

    statuses: Counter[int] = Counter()
    slowest = 0.0
    stop = threading.Event()
    lock = threading.Lock()

    def ask() -> None:
        nonlocal slowest
        from django.db import connections

        mine = client_of(user)
        while not stop.is_set():
            began = time.monotonic()
            answer = mine.post("collections/c/search/", search)
            with lock:
                statuses[answer.status_code] += 1
                slowest = max(slowest, time.monotonic() - began)
            if answer.status_code == 503:
                assert int(answer["Retry-After"]) >= 1
            time.sleep(0.01)
        connections.close_all()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    during = threading.active_count()
    os.kill(engine.process.pid, signal.SIGKILL)
    engine.process.wait()
    time.sleep(4)
    statuses.clear()
    time.sleep(1)
    assert set(statuses) == {503}
    write = api.post("collections/c/vectors/", {"vectors": [{"id": "b", "vector": [1, 2, 3, 4]}]})
    assert write.status_code == 503

    with milvus_lite(tmp_path, port):
        ends = time.monotonic() + BACK_WITHIN_S
        while api.post("collections/c/search/", search).status_code != 200 and time.monotonic() < ends:
            api.post("collections/c/load/")
            time.sleep(0.1)
        assert api.post("collections/c/search/", search).status_code == 200
        assert threading.active_count() <= during + 1
        stop.set()
        for thread in threads:
            thread.join(DEADLINE_S)
    assert slowest < DEADLINE_S
    assert not set(statuses) - {200, 409, 503}
