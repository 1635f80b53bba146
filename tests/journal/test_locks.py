"""Locks of keys hold between threads and processes, and nobody holds them after death."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from vectorstore.domain.errors import Overloaded
from vectorstore.journal.locks import key_locks

UID = "0" * 32
HOLD = """
import sys, time
from pathlib import Path
from vectorstore.journal.locks import key_locks
keys = None if sys.argv[2] == "all" else sys.argv[2].split(",")
with key_locks(Path(sys.argv[1]), "0" * 32, keys):
    print("held", flush=True)
    time.sleep(60)
"""


def _free(folder: Path, keys: list[str | int] | None) -> bool:
    try:
        with key_locks(folder, UID, keys, timeout=0.05):
            return True
    except Overloaded:
        return False


@pytest.fixture
def holder(tmp_path: Path):  # type: ignore[no-untyped-def]
    running: list[subprocess.Popen[str]] = []

    def hold(keys: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(tmp_path), keys], stdout=subprocess.PIPE, text=True, env=dict(os.environ)
        )
        running.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        return process

    yield hold
    for process in running:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def test_another_process_keeps_its_keys_and_only_those(tmp_path: Path, holder) -> None:  # type: ignore[no-untyped-def]
    process = holder("a,b")
    assert not _free(tmp_path, ["a"])
    assert not _free(tmp_path, ["x", "b"])
    assert _free(tmp_path, ["x"])
    assert _free(tmp_path, [])
    assert not _free(tmp_path, None)
    process.kill()
    process.wait()
    assert _free(tmp_path, ["a", "b"])
    assert _free(tmp_path, None)


def test_whoever_has_all_keeps_everybody_out(tmp_path: Path, holder) -> None:  # type: ignore[no-untyped-def]
    holder("all")
    assert not _free(tmp_path, [])
    assert not _free(tmp_path, ["a"])


def test_many_keys_take_the_whole_range_and_leave_room_for_those_without(tmp_path: Path) -> None:
    with key_locks(tmp_path, UID, list(range(10_000))):
        assert _free(tmp_path, [])
        assert not _free(tmp_path, ["anything"])


def test_threads_that_lock_the_same_keys_in_any_order_all_come_through(tmp_path: Path) -> None:
    counts = {"inside": 0, "most": 0, "done": 0}

    def work(seed: int) -> None:
        keys: list[str | int] = ["a", "b", "c", seed]
        for _ in range(20):
            with key_locks(tmp_path, UID, keys[seed % 3 :] + keys[: seed % 3]):
                counts["inside"] += 1
                counts["most"] = max(counts["most"], counts["inside"])
                counts["done"] += 1
                counts["inside"] -= 1

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == {"inside": 0, "most": 1, "done": 120}
