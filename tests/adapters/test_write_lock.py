"""The lock of one writer per collection holds between threads and processes and dies with its holder."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from vectorstore.adapters.write_lock import write_lock
from vectorstore.domain.errors import Overloaded

_HOLDER = """
import sys, time
from pathlib import Path
from vectorstore.adapters.write_lock import write_lock
with write_lock(Path(sys.argv[1]), "c"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_threads_take_turns(tmp_path: Path) -> None:
    inside, most = 0, 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(20):
            with write_lock(tmp_path, "c"):
                inside += 1
                most = max(most, inside)
                time.sleep(0.0005)
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_other_collections_do_not_wait(tmp_path: Path) -> None:
    with write_lock(tmp_path, "a"), write_lock(tmp_path, "b", timeout=0.1):
        pass


def test_another_process_waits_and_a_killed_holder_leaves_no_lock(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", _HOLDER, str(tmp_path)], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(Overloaded), write_lock(tmp_path, "c", timeout=0.2):
            pass
        os.kill(holder.pid, signal.SIGKILL)
        with write_lock(tmp_path, "c", timeout=5):
            pass
    finally:
        holder.kill()
        holder.communicate()


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Overloaded, match=r"Not a directory.*free space"), write_lock(tmp_path / "file" / "x", "c"):
        pass
