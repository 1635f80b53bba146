"""A policy in the running stack: its sets are made each minute, and each second one is drilled, by nobody's hand."""

import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.console import Console
from tests.support.stack import running_stack

PATIENCE_S = 300


@pytest.mark.stack
@pytest.mark.slow
def test_a_policy_makes_its_sets_and_drills_them(tmp_path: Path) -> None:
    with running_stack(tmp_path, VECTORSTORE_WEB_WORKERS="1", VECTORSTORE_TASK_WORKERS="1") as stack:
        stack.wait_until_ready()
        console = Console(stack)
        console.call("collections/", {"name": "docs", "dimension": 4, "metric": "L2"})
        rows = [{"id": str(number), "vector": [number, 0, 0, 1]} for number in range(50)]
        console.call("collections/docs/vectors/", {"vectors": rows})
        policy = {"name": "each-minute", "collections": ["docs"], "schedule": "* * * * *", "drill_every": 2}
        console.call("backup-policies/", {**policy, "kind": "incremental"})
        ends = time.monotonic() + PATIENCE_S
        while True:
            sets = [item for item in _list(console, "backups/") if item["state"] == "verified"]
            drills = [item for item in _list(console, "jobs/") if item["kind"] == "drill"]
            if len(sets) >= 2 and any(item["state"] == "succeeded" for item in drills):
                break
            assert time.monotonic() < ends, (sets, drills)
            assert not [item for item in drills if item["state"] == "failed"], drills
            time.sleep(1)
        first = min(sets, key=lambda item: str(item["set_id"]))
        assert {item["rows"] for item in sets} == {50}
        assert first["kind"] == "full"
        assert {item["kind"] for item in sets if item is not first} == {"incremental"}
        assert all(item["note"] == "policy each-minute" for item in sets)
        manifests = {path.parent.name for path in (stack.folder / "backups" / "sets").glob("*/manifest.json")}
        assert {item["set_id"] for item in sets} <= manifests
        assert [item["name"] for item in _list(console, "collections/")] == ["docs"]


def _list(console: Console, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = console.call(f"{path}?page_size=100")["results"]
    return found
