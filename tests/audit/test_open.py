from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from tests.support.audit import an_entry, fill
from vectorstore.audit import log
from vectorstore.audit.archive import archive
from vectorstore.audit.checkpoint import checkpoint
from vectorstore.audit.entry import Entry
from vectorstore.audit.open import close_open
from vectorstore.audit.verify import verify
from vectorstore.domain.errors import AuditUnavailable
from vectorstore.models import AuditRecord, OpenIntent


def _intent(minutes_ago: int, **columns: object) -> Entry:
    ts = timezone.now() - timedelta(minutes=minutes_ago)
    entry = an_entry(phase="intent", outcome="", result={}, ts=ts, **columns)
    log.append(entry)
    return entry


def test_an_intent_that_is_old_is_closed_as_unknown(trail: Path) -> None:
    intent = _intent(6, request_id="r1", method="api_key", key_prefix="abc", source="::1", ids=4)
    young = _intent(4)
    assert close_open() == 1
    record = AuditRecord.objects.get(event_id=intent.event_id, phase="outcome")
    assert (record.outcome, record.result) == ("unknown", {"closed_by": "recovery"})
    kept = ("request_id", "actor_kind", "actor_id", "actor", "method", "key_prefix", "source", "action", "cluster")
    for name in (*kept, "database", "collection", "ids", "allowed", "parameters"):
        assert getattr(record, name) == getattr(intent, name), name
    assert tuple(record.grants) == intent.grants
    assert list(OpenIntent.objects.values_list("event_id", flat=True)) == [young.event_id]
    assert verify().intact


def test_all_of_them_are_closed_and_none_twice(trail: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vectorstore.audit.open._AT_ONCE", 3)
    for _ in range(8):
        _intent(10)
    assert close_open() == 8
    assert close_open() == 0
    assert AuditRecord.objects.filter(outcome="unknown").values("event_id").distinct().count() == 8


def test_an_intent_that_was_archived_is_closed_too(trail: Path, tmp_path: Path) -> None:
    intent = _intent(10)
    checkpoint()
    fill(1)
    archive(timezone.now(), tmp_path / "archive")
    assert close_open() == 1
    record = AuditRecord.objects.get(event_id=intent.event_id)
    assert (record.phase, record.action, record.outcome) == ("outcome", "unknown", "unknown")


def test_an_act_that_ends_after_all_has_its_own_outcome(trail: Path) -> None:
    intent = _intent(10)
    close_open()
    log.append(an_entry(event_id=intent.event_id))
    outcomes = AuditRecord.objects.filter(event_id=intent.event_id).order_by("seq").values_list("outcome", flat=True)
    assert list(outcomes) == ["", "unknown", "ok"]


def test_what_cannot_be_recorded_stays_open(unwritable: None) -> None:
    OpenIntent.objects.create(event_id="e", seq=1, ts=timezone.now() - timedelta(hours=1))
    with pytest.raises(AuditUnavailable):
        close_open()
    assert OpenIntent.objects.count() == 1
