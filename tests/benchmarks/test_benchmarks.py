"""The benchmarks as a program, on Milvus Lite and with tiny sizes: that they run, not what they find."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from vectorstore.config.settings import BASE_DIR


def _benchmarks(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *options], cwd=BASE_DIR, capture_output=True, text=True, timeout=240
    )


@pytest.mark.stack
def test_they_print_a_table_write_the_file_and_leave_nothing(tmp_path: Path) -> None:
    small = ("--rows", "300", "--rounds", "1", "--seconds", "1")
    done = _benchmarks(*small, "--only", "P1,C1", "--results", str(tmp_path))
    assert done.returncode == 0, done.stderr
    (path,) = tmp_path.iterdir()
    found = json.loads(path.read_text())
    assert set(found) == {"commit", "machine", "rows"}
    assert path.name.endswith(f"-{found['commit']}.json")
    first, second = found["rows"]
    assert set(first) == {"id", "what", "ours", "peer", "ratio", "spread", "target", "reached"}
    assert (first["id"], first["target"]) == ("P1", 10)
    assert first["ours"] > 0
    assert first["peer"] > 0
    assert first["reached"] is (first["ratio"] >= 10)
    assert first["spread"][0] <= first["ratio"] <= first["spread"][1]
    assert (second["id"], second["target"], second["reached"]) == ("C1", None, None)
    assert "P1  Milvus Lite" in done.stdout


def test_an_unknown_row_is_refused_before_anything_starts() -> None:
    done = _benchmarks("--only", "P1,P77")
    assert done.returncode == 2
    assert "there is no P77" in done.stderr
