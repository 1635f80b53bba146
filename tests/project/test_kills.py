"""Processes of the running stack are killed in the middle of imports, backups and restores: nothing is lost or half."""

import contextlib
import os
import random
import secrets
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.console import Console
from tests.support.stack import RunningStack, running_stack

ROWS, DIMENSION = 30_000, 32
VICTIMS = {
    "jobs worker": b"jobs@%h",
    "web": b"granian",
    "redis": b"redis-server",
    "milvus": b"milvus_lite",
}


def _pids(stack: RunningStack, mark: bytes) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if str(stack.folder).encode() in entry.read_bytes() and mark in entry.with_name("cmdline").read_bytes():
                found.append(int(entry.parent.name))
    return sorted(found)


def _kill(stack: RunningStack, victim: str) -> None:
    for pid in _pids(stack, VICTIMS[victim])[:1]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _file(folder: Path) -> Path:
    dice = np.random.default_rng(7)
    flat = pa.array(dice.random(ROWS * DIMENSION, np.float32))
    table = pa.table(
        {
            "id": [f"k{number:06d}" for number in range(ROWS)],
            "vector": pa.FixedSizeListArray.from_arrays(flat, DIMENSION),
            "n": list(range(ROWS)),
        }
    )
    path = folder / "rows.parquet"
    pq.write_table(table, path, row_group_size=5_000)
    return path


def _sum(console: Console, name: str) -> tuple[int, list[dict[str, Any]]]:
    """How many rows there are, and some of them whole."""
    count = console.call(f"collections/{name}/vectors/count/", {})["count"]
    ids = [f"k{number:06d}" for number in range(0, ROWS, ROWS // 97)]
    rows = console.call(f"collections/{name}/vectors/get/", {"ids": ids})["results"]
    return count, rows


def _rounds(tmp_path: Path, rounds: int) -> None:
    dice, file = random.Random(secrets.token_hex(8)), _file(tmp_path)
    with running_stack(tmp_path, VECTORSTORE_WEB_WORKERS="1", VECTORSTORE_TASK_WORKERS="1") as stack:
        stack.wait_until_ready()
        console = Console(stack)
        _make(console, "whole")
        console.wait(console.upload("whole", file, mode="insert")["id"])
        wanted = _sum(console, "whole")
        assert wanted[0] == ROWS
        bag: list[str] = []  # in turn: the supervisor gives up on a program that ends five times in two minutes
        for number in range(rounds):
            if not bag:
                bag = dice.sample(list(VICTIMS), len(VICTIMS))
            victim, what = bag.pop(), dice.choice((_imported, _backed_up, _restored))
            print(f"round {number}: {what.__name__}, {victim} killed", flush=True)
            what(console, file, wanted, number, partial(_later, stack, victim, dice))
            _no_half_set(console, stack)


def _later(stack: RunningStack, victim: str, dice: random.Random) -> None:
    time.sleep(dice.uniform(0, 2.5))
    _kill(stack, victim)


def _make(console: Console, name: str) -> None:
    fields = [
        {"name": "id", "type": "VARCHAR", "max_length": 16, "primary": True},
        {"name": "vector", "type": "FLOAT_VECTOR", "dimension": DIMENSION},
        {"name": "n", "type": "INT64"},
    ]
    index = {"type": "FLAT", "metric": "L2"}
    console.call("collections/", {"name": name, "fields": fields, "index": index, "dynamic_fields": False})


def _imported(console: Console, file: Path, wanted: Any, number: int, kill: Callable[[], None]) -> None:
    name = f"imported_{number}"
    _make(console, name)
    job = console.upload(name, file, mode="insert")["id"]
    kill()
    console.wait(job)
    assert _sum(console, name) == wanted
    console.wait(console.upload(name, file, mode="upsert")["id"])  # a second run changes nothing
    assert _sum(console, name) == wanted


def _backed_up(console: Console, file: Path, wanted: Any, number: int, kill: Callable[[], None]) -> None:
    job = console.call("backups/", {"collections": ["whole"]})["id"]
    kill()
    done = console.wait(job)
    backup = console.call(f"backups/{done['result']['backup']}/")
    assert (backup["state"], backup["rows"]) == ("verified", ROWS)


def _restored(console: Console, file: Path, wanted: Any, number: int, kill: Callable[[], None]) -> None:
    name = f"restored_{number}"
    job = console.call("restores/", {"collection": "whole", "latest": True, "target_name": name})["id"]
    kill()
    assert console.wait(job)["result"]["rows"] == ROWS
    assert _sum(console, name) == wanted


def _no_half_set(console: Console, stack: RunningStack) -> None:
    listed = console.call("backups/?page_size=1000")["results"]
    assert {item["state"] for item in listed} <= {"verified"}, listed
    manifests = {path.parent.name for path in (stack.folder / "backups" / "sets").glob("*/manifest.json")}
    assert manifests == {item["set_id"] for item in listed}


@pytest.mark.stack
@pytest.mark.parametrize("rounds", [3, pytest.param(50, marks=pytest.mark.slow)])
def test_whatever_is_killed_jobs_end_with_exactly_the_rows_they_should(tmp_path: Path, rounds: int) -> None:
    _rounds(tmp_path, rounds)
