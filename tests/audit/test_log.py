import threading
import time
from pathlib import Path

import pytest
from django.db import connection, transaction

from tests.support.audit import allow_records, an_entry, fill, refuse_records
from vectorstore.audit import log
from vectorstore.audit.chain import FIRST
from vectorstore.audit.verify import verify
from vectorstore.config.settings import current
from vectorstore.domain.errors import AuditUnavailable
from vectorstore.models import AuditCheckpoint, AuditRecord, OpenIntent


def test_records_are_numbered_and_linked_from_the_first(trail: Path) -> None:
    fill(2)
    fill(1)
    records = list(AuditRecord.objects.order_by("seq"))
    assert [record.seq for record in records] == [1, 2, 3]
    assert [record.prev_hash for record in records] == [FIRST, records[0].hash, records[1].hash]


def test_what_was_recorded_is_what_is_read(trail: Path) -> None:
    entry = an_entry(source="2001:db8::1", parameters={"z": 1, "a": ["ü", None, True]}, grants=(3, 1))
    log.append(entry)
    record = AuditRecord.objects.get()
    assert record.ts == entry.ts
    assert (record.event_id, record.actor, record.source, record.ids) == (entry.event_id, "ada", "2001:db8::1", 3)
    assert record.parameters == {"z": 1, "a": ["ü", None, True]}
    assert record.grants == [3, 1]
    assert verify().intact


@transaction.atomic
def _append_and_fail() -> None:
    log.append(an_entry(actor="undone"))
    raise ZeroDivisionError


def test_within_a_transaction_a_record_stays_or_goes_with_it(trail: Path) -> None:
    with transaction.atomic():
        log.append(an_entry(actor="kept"))
    with pytest.raises(ZeroDivisionError):
        _append_and_fail()
    log.append(an_entry(actor="after"))
    assert list(AuditRecord.objects.order_by("seq").values_list("seq", "actor")) == [(1, "kept"), (2, "after")]


def test_an_intent_is_open_until_its_outcome(trail: Path) -> None:
    intent = an_entry(phase="intent", outcome="")
    log.append(intent, an_entry(phase="intent", outcome="", actor="bob"))
    assert OpenIntent.objects.count() == 2
    assert OpenIntent.objects.get(event_id=intent.event_id).seq == 1
    log.append(an_entry(event_id=intent.event_id))
    assert list(OpenIntent.objects.values_list("seq", flat=True)) == [2]


def test_an_intent_and_its_outcome_in_one_batch_leave_nothing_open(trail: Path) -> None:
    intent = an_entry(phase="intent", outcome="")
    log.append(intent, an_entry(event_id=intent.event_id))
    assert not OpenIntent.objects.exists()


def test_every_thousandth_record_is_signed_with_it(trail: Path) -> None:
    fill(999)
    assert not AuditCheckpoint.objects.exists()
    fill(1_002)
    assert list(AuditCheckpoint.objects.order_by("seq").values_list("seq", flat=True)) == [1_000, 2_000]
    assert len(trail.read_text().splitlines()) == 2
    assert verify().intact


def test_without_its_table_nothing_is_recorded_and_the_caller_is_told(
    unwritable: None, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(AuditUnavailable) as told:
        log.append(an_entry(phase="intent"))
    assert told.value.retry_after == 1
    assert "disk" not in told.value.detail
    assert "full_disk" in caplog.text
    assert not AuditRecord.objects.exists()
    assert not OpenIntent.objects.exists()


def test_in_a_transaction_too_and_what_came_before_can_still_be_kept(unwritable: None) -> None:
    with transaction.atomic():
        with pytest.raises(AuditUnavailable):
            log.append(an_entry())
        OpenIntent.objects.create(event_id="other", seq=1, ts=an_entry().ts)
    assert OpenIntent.objects.filter(event_id="other").exists()


def test_reads_wait_until_they_are_written_together(trail: Path) -> None:
    for number in range(3):
        log.append_soon(an_entry(action="vector.search", parameters={"number": number}))
    assert not AuditRecord.objects.exists()
    log.flush()
    assert [record.parameters["number"] for record in AuditRecord.objects.order_by("seq")] == [0, 1, 2]
    log.flush()
    assert AuditRecord.objects.count() == 3


def test_more_reads_than_fit_are_written_by_who_brings_them(trail: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log._soon, "limit", 5)
    for _ in range(6):
        log.append_soon(an_entry())
    assert AuditRecord.objects.count() == 5


def test_when_the_reads_that_wait_are_too_many_the_next_are_refused(
    unwritable: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log._soon, "limit", 5)
    for _ in range(5):
        log.append_soon(an_entry())
    with pytest.raises(AuditUnavailable):
        log.append_soon(an_entry())
    allow_records()
    log.append_soon(an_entry())
    log.flush()
    assert AuditRecord.objects.count() == 6
    refuse_records()


def test_best_effort_gives_reads_up_and_says_how_many(
    unwritable: None, bound: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bound.setattr(log._soon, "limit", 5)
    bound.setattr(log._soon, "_told_at", float("-inf"))
    bound.setenv("AUDIT_READS", "best_effort")
    current.cache_clear()
    for _ in range(8):
        log.append_soon(an_entry())
    assert caplog.text.count("served without a record") == 1
    bound.setattr(log._soon, "_told_at", time.monotonic() - 61)
    log.append_soon(an_entry())
    assert "3 reads were served without a record" in caplog.text


def test_threads_share_transactions_and_none_returns_before_its_own_is_written(trail: Path) -> None:
    missing: list[str] = []

    def work() -> None:
        for _ in range(20):
            entry = an_entry()
            log.append(entry)
            if not AuditRecord.objects.filter(event_id=entry.event_id).exists():
                missing.append(entry.event_id)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert missing == []
    verdict = verify()
    assert (verdict.intact, verdict.records) == (True, 320)
