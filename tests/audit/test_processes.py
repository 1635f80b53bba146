"""Several processes and their deaths: real ones, on the database of the test."""

import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connections

from tests.audit.conftest import Writer
from tests.support.audit import an_entry
from vectorstore.audit import log
from vectorstore.audit.entry import Entry
from vectorstore.audit.open import close_open
from vectorstore.audit.verify import verify
from vectorstore.models import AuditCheckpoint, AuditRecord, OpenIntent
from vectorstore.models.write_behind import WriteBehind


@pytest.mark.parametrize("records", [2_000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_sixteen_threads_in_two_processes_leave_no_gap(writer: Writer, records: int) -> None:
    writers = [writer("threads", 16, records // 2) for _ in range(2)]
    assert [process.wait(timeout=120) for process in writers] == [0, 0]
    assert list(AuditRecord.objects.order_by("seq").values_list("seq", flat=True)) == list(range(1, records + 1))
    verdict = verify()
    assert (verdict.intact, verdict.records, verdict.detail) == (True, records, "")
    assert AuditCheckpoint.objects.count() == records // 1_000


@pytest.mark.parametrize("times", [5, pytest.param(50, marks=pytest.mark.slow)])
def test_an_act_whose_process_is_killed_is_closed_as_unknown(writer: Writer, times: int) -> None:
    killed = set()
    for _ in range(times):
        process = writer("intent")
        assert process.stdout is not None
        killed.add(process.stdout.readline().strip())
        process.kill()
        process.wait()
    assert set(OpenIntent.objects.values_list("event_id", flat=True)) == killed
    assert close_open(timedelta(0)) == times
    unknown = AuditRecord.objects.filter(phase="outcome", outcome="unknown", actor="ada")
    assert set(unknown.values_list("event_id", flat=True)) == killed
    assert not OpenIntent.objects.exists()
    verdict = verify()
    assert (verdict.intact, verdict.records) == (True, 2 * times)


def test_what_waits_is_written_when_a_process_ends(writer: Writer) -> None:
    assert writer("reads", 700).wait(timeout=30) == 0
    assert AuditRecord.objects.filter(action="vector.search").count() == 700
    assert verify().intact


def test_a_forked_process_writes_what_it_was_given_and_nothing_of_its_parent(writer: Writer) -> None:
    assert writer("fork").wait(timeout=30) == 0
    assert sorted(AuditRecord.objects.values_list("actor", flat=True)) == ["child", "parent"]
    assert verify().intact


@pytest.fixture
def let_go(trail: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads keep no connection that would be in the way of whoever drops the test database."""
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)


def behind(write: Callable[[Sequence[Entry]], None]) -> WriteBehind[Entry]:
    """A buffer of the size of the product's own."""
    return WriteBehind(write, name="t", limit=10_000, batch=500, every_s=0.25, tell=lambda dropped: None)


def test_a_thread_writes_reads_soon(let_go: None) -> None:
    buffer = behind(lambda entries: log.append(*entries))
    buffer.ensure_thread()
    buffer.put(an_entry(action="vector.search"))
    _until(lambda: AuditRecord.objects.count() == 1)
    for _ in range(600):
        buffer.put(an_entry(action="vector.search"))
    _until(lambda: AuditRecord.objects.count() == 601)
    _until(lambda: len(buffer) == 0)


def test_a_thread_tries_again_what_could_not_be_written(let_go: None) -> None:
    refused = [True]

    def write(entries: Sequence[Entry]) -> None:
        if refused:
            refused.clear()
            raise OSError
        log.append(*entries)

    buffer = behind(write)
    buffer.ensure_thread()
    buffer.put(an_entry())
    _until(lambda: AuditRecord.objects.count() == 1)
    assert not refused


def _until(done: Callable[[], bool]) -> None:
    ends = time.monotonic() + 5
    while not done():
        assert time.monotonic() < ends
        time.sleep(0.02)
