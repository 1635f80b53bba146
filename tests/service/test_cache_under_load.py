"""Two processes that write and search at once, with Redis well, silent, forgetful and gone.

No answer is ever older than a write that had ended before it was asked for.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from tests.conftest import Caches
from tests.support.cache_hammer import DIMENSION
from tests.support.redis import running_redis
from vectorstore.models import Cluster, PendingChange
from vectorstore.service import VectorService
from vectorstore.service.engines import engine_of

Make = Callable[..., str]
PROCESSES = 2


class Hammers:
    """Processes that hammer one collection; each makes ``checks`` comparisons."""

    def __init__(self, name: str, folder: Path, checks: int, **environment: str) -> None:
        self.name = name
        self._board = board = folder / "board"
        board.write_bytes(bytes(8 * (PROCESSES + 1)))
        database = str(connection.settings_dict["NAME"])
        base = [sys.executable, "-m", "tests.support.cache_hammer", database, name, str(board)]
        self._processes = [
            subprocess.Popen(
                [*base, str(own), str(checks), str(own)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=os.environ | environment,
                cwd=settings.BASE_DIR,
            )
            for own in range(PROCESSES)
        ]
        for process in self._processes:
            assert process.stdout is not None
            while process.stdout.readline() != "ready\n":
                assert process.poll() is None
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()

    def end(self) -> None:
        with self._board.open("r+b") as file:
            file.seek(8 * PROCESSES)
            file.write(b"\x01")

    def reports(self) -> list[dict[str, Any]]:
        """The last line that is one: what is written behind may log after it."""
        outputs = [process.communicate(timeout=3_000)[0] for process in self._processes]
        return [json.loads([line for line in lines.splitlines() if line.startswith("{")][-1]) for lines in outputs]


def begin(make: Make, folder: Path, checks: int) -> Hammers:
    name = make()
    known = engine_of().capabilities
    learnt = {"version": known.version, "capabilities": known.to_json()}
    Cluster.objects.update_or_create(name="default", defaults=learnt)  # to find it out takes a process long
    VectorService().upsert(name, [{"id": f"w{own}", "vector": [0.0] * DIMENSION, "n": 0} for own in range(PROCESSES)])
    return Hammers(name, folder, checks)


def assert_never_stale(reports: list[dict[str, Any]]) -> None:
    for report in reports:
        assert report["stale"] == []
        assert report["errors"] == []
        assert report["write"] > 0


@pytest.mark.parametrize("checks", [200, pytest.param(5_000, marks=pytest.mark.slow)])
def test_no_answer_is_older_than_a_write_that_had_ended(
    make: Make, cached: Caches, tmp_path: Path, checks: int
) -> None:
    reports = begin(make, tmp_path, checks).reports()
    assert_never_stale(reports)
    for report in reports:
        assert sum(report.get(result, 0) for result in ("hit", "miss", "bypass")) == checks
        assert report.get("miss")
    assert sum(report.get("hit", 0) for report in reports) > checks / 10


def stall(cached: Caches, seconds: float) -> None:
    with cached.state.stalled(), cached.answers.stalled():
        time.sleep(seconds)


def stall_the_state(cached: Caches, seconds: float) -> None:
    with cached.state.stalled():
        time.sleep(seconds)


def flush(cached: Caches, seconds: float) -> None:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        cached.state.client.flushall()
        cached.answers.client.flushall()
        time.sleep(0.1)


def kill(cached: Caches, seconds: float) -> None:
    """And both come back without memory."""
    with contextlib.ExitStack() as again:
        for redis in (cached.state, cached.answers):
            redis.kill()
        time.sleep(seconds / 2)
        for redis in (cached.state, cached.answers):
            again.enter_context(running_redis(redis.port))
        time.sleep(seconds / 2)


@pytest.mark.parametrize(
    ("times", "seconds"),
    [(1, 1.0), pytest.param(5, 5.0, marks=pytest.mark.slow)],
)
def test_nor_whatever_happens_to_redis_meanwhile(
    make: Make, cached: Caches, tmp_path: Path, times: int, seconds: float
) -> None:
    hammers = begin(make, tmp_path, 10**9)
    for disturb in (stall, stall_the_state, flush):
        for _ in range(times):
            time.sleep(0.5)
            disturb(cached, seconds)
    time.sleep(0.5)
    VectorService().count(hammers.name)
    assert not PendingChange.objects.exists()  # whoever read first has told Redis what it missed
    kill(cached, seconds)
    hammers.end()
    reports = hammers.reports()
    assert_never_stale(reports)
    assert all(report.get("bypass") for report in reports)
