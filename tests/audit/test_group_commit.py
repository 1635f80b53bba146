import threading
import time
from typing import Any

import pytest

from vectorstore.audit.group_commit import GroupCommit, Rows
from vectorstore.domain.errors import AuditUnavailable


def _rows(name: str) -> list[dict[str, Any]]:
    return [{"name": name}]


class _Slow:
    """Writes that wait until they may end."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.may_end = threading.Event()
        self.fails = False

    def __call__(self, rows: Rows) -> None:
        self.batches.append([row["name"] for row in rows])
        assert self.may_end.wait(5)
        if self.fails:
            raise AuditUnavailable("no")


def _start(group: GroupCommit, names: str, failed: list[str]) -> list[threading.Thread]:
    def work(name: str) -> None:
        try:
            group.write(_rows(name))
        except AuditUnavailable:
            failed.append(name)

    threads = [threading.Thread(target=work, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
        time.sleep(0.02)
    return threads


@pytest.mark.parametrize("fails", [False, True])
def test_those_who_come_during_a_write_are_written_together_by_the_next(fails: bool) -> None:
    slow, failed = _Slow(), list[str]()
    slow.fails = fails
    threads = _start(GroupCommit(slow), "abcd", failed)
    assert slow.batches == [["a"]]
    slow.may_end.set()
    for thread in threads:
        thread.join(5)
    assert slow.batches == [["a"], ["b", "c", "d"]]
    assert sorted(failed) == (["a", "b", "c", "d"] if fails else [])


def test_whoever_comes_alone_writes_at_once() -> None:
    slow = _Slow()
    slow.may_end.set()
    group = GroupCommit(slow)
    for name in "abc":
        group.write(_rows(name))
    assert slow.batches == [["a"], ["b"], ["c"]]


def test_it_goes_on_after_an_error_of_any_kind() -> None:
    written: list[str] = []

    def write(rows: Rows) -> None:
        if rows[0]["name"] == "bad":
            raise KeyboardInterrupt
        written.append(rows[0]["name"])

    group = GroupCommit(write)
    with pytest.raises(KeyboardInterrupt):
        group.write(_rows("bad"))
    group.write(_rows("good"))
    assert written == ["good"]
