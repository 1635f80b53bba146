import gzip
import json
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from tests.support.audit import allow_records, delete, edit, fill, refuse_records
from vectorstore.audit import archive_file, guard
from vectorstore.audit.archive import Archived, archive, verify_archive
from vectorstore.audit.checkpoint import checkpoint
from vectorstore.audit.verify import Kind, verify
from vectorstore.domain.errors import AuditUnavailable, Conflict
from vectorstore.models import AuditCheckpoint, AuditRecord

LATER = datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "archive"


def _two_ranges() -> datetime:
    """Ten records and their checkpoint before the time that is given, and seven after it."""
    fill(10)
    checkpoint()
    between = timezone.now()
    fill(5)
    checkpoint()
    fill(2)
    return between


def _archived(before: datetime, folder: Path) -> Archived:
    done = archive(before, folder)
    assert done is not None
    return done


def test_the_records_up_to_the_newest_checkpoint_before_the_date_are_moved(trail: Path, folder: Path) -> None:
    before = _two_ranges()
    kept = list(AuditRecord.objects.filter(seq__gt=10).order_by("seq").values())
    done = _archived(before, folder)
    assert (done.first, done.last, done.records) == (1, 10, 10)
    assert list(AuditRecord.objects.filter(seq__lte=17).order_by("seq").values()) == kept
    assert list(AuditCheckpoint.objects.order_by("seq").values_list("seq", "archive")) == [
        (10, str(done.path)),
        (15, ""),
    ]
    assert (verify().intact, verify().records) == (True, 8)


def test_that_it_was_done_is_on_record(trail: Path, folder: Path) -> None:
    done = _archived(_two_ranges(), folder)
    record = AuditRecord.objects.get(action="audit.archive")
    assert (record.seq, record.outcome, record.result) == (18, "ok", {"rows": 10})
    assert record.parameters == {
        "first": 1,
        "last": 10,
        "hash": AuditCheckpoint.objects.get(seq=10).hash,
        "file": done.path.name,
        "sha256": archive_file.digest(done.path),
    }


def test_the_file_holds_the_records_and_the_checkpoint(trail: Path, folder: Path) -> None:
    before = _two_ranges()
    hashes = list(AuditRecord.objects.filter(seq__lte=10).order_by("seq").values_list("hash", flat=True))
    path = _archived(before, folder).path
    with gzip.open(path, "rt") as file:
        *records, last = [json.loads(line) for line in file]
    assert [record["hash"] for record in records] == hashes
    assert records[0]["parameters"] == {"number": 0}
    assert last["checkpoint"]["seq"] == 10
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [item.name for item in folder.iterdir()] == [path.name]


def test_one_archive_follows_another(trail: Path, folder: Path) -> None:
    first = _archived(_two_ranges(), folder)
    fill(3)
    checkpoint()
    second = _archived(LATER, folder)
    assert (second.first, second.last) == (11, 21)
    assert verify().intact
    for done in (first, second):
        verdict = verify_archive(done.path)
        assert (verdict.intact, verdict.records) == (True, done.records)


def test_records_go_on_after_all_of_them_were_archived(trail: Path, folder: Path) -> None:
    fill(10)
    checkpoint()
    _archived(LATER, folder)
    fill(2)
    assert list(AuditRecord.objects.order_by("seq").values_list("seq", flat=True)) == [11, 12, 13]
    assert verify().intact


def test_without_a_checkpoint_before_the_date_nothing_is_moved(trail: Path, folder: Path) -> None:
    fill(10)
    assert archive(LATER, folder) is None
    checkpoint()
    assert archive(timezone.now() - timedelta(hours=1), folder) is None
    _archived(LATER, folder)
    assert archive(LATER, folder / "other") is None
    assert not (folder / "other").exists()


def test_the_guard_is_back_afterwards(trail: Path, folder: Path) -> None:
    guard.install(connection)
    try:
        _archived(_two_ranges(), folder)
        assert guard.installed(connection)
    finally:
        guard.remove(connection)


@pytest.mark.parametrize("tamper", [lambda: edit(4), lambda: delete(4, 4), lambda: delete(1, 2)])
def test_what_is_not_intact_is_left_where_it_is(trail: Path, folder: Path, tamper: Callable[[], None]) -> None:
    fill(10)
    checkpoint()
    tamper()
    count = AuditRecord.objects.count()
    with pytest.raises(Conflict, match="not intact"):
        archive(LATER, folder)
    assert AuditRecord.objects.count() == count
    assert list(folder.iterdir()) == []


def test_a_checkpoint_that_is_not_ours_archives_nothing(trail: Path, folder: Path) -> None:
    fill(10)
    checkpoint()
    AuditCheckpoint.objects.update(signature="00" * 64)
    with pytest.raises(Conflict, match="signature"):
        archive(LATER, folder)
    assert AuditRecord.objects.count() == 10


def test_what_disappears_while_the_file_is_written_stops_it(
    trail: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(10)
    checkpoint()
    genuine = archive_file.write

    def write_and_lose_one(*arguments: Any) -> Path:
        path = genuine(*arguments)
        delete(4, 4)
        return path

    monkeypatch.setattr("vectorstore.audit.archive.archive_file.write", write_and_lose_one)
    with pytest.raises(Conflict, match="nothing was removed"):
        archive(LATER, folder)
    assert AuditRecord.objects.count() == 9


def test_a_folder_that_cannot_be_written_loses_nothing(trail: Path, folder: Path) -> None:
    fill(10)
    checkpoint()
    folder.write_text("in the way")
    with pytest.raises(OSError, match="File exists"):
        archive(LATER, folder)
    assert AuditRecord.objects.count() == 10


def test_a_database_that_refuses_loses_nothing(trail: Path, folder: Path) -> None:
    fill(10)
    checkpoint()
    refuse_records()
    with pytest.raises(AuditUnavailable):
        archive(LATER, folder)
    allow_records()
    assert AuditRecord.objects.count() == 10
    assert (_archived(LATER, folder).records, len(list(folder.iterdir()))) == (10, 1)


def _lines(path: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    with gzip.open(path, "rb") as file:
        lines = file.readlines()
    with gzip.open(path, "wb") as file:
        file.writelines(change(lines))


_DAMAGED: dict[str, tuple[Callable[[list[bytes]], list[bytes]], Kind, int]] = {
    "edited": (lambda lines: [line.replace(b'"number":4', b'"number":5') for line in lines], Kind.ALTERED, 5),
    "one missing": (lambda lines: lines[:4] + lines[5:], Kind.GAP, 5),
    "reordered": (lambda lines: [*lines[:4], lines[5], lines[4], *lines[6:]], Kind.GAP, 5),
    "inserted": (lambda lines: [*lines[:4], lines[3], *lines[4:]], Kind.ALTERED, 4),
    "without its end": (lambda lines: lines[:7], Kind.TRUNCATED, 8),
    "its end cut out": (lambda lines: [*lines[:7], lines[-1]], Kind.TRUNCATED, 8),
    "its beginning cut off": (lambda lines: lines[3:], Kind.CHECKPOINT, 3),
    "no record": (lambda lines: [*lines[:4], b"{}\n", *lines[4:]], Kind.ALTERED, 5),
    "no JSON": (lambda lines: [*lines[:4], b"{\n", *lines[4:]], Kind.ALTERED, 5),
    "more after its end": (lambda lines: [*lines, lines[0]], Kind.ALTERED, 11),
    "no checkpoint": (lambda lines: [*lines[:-1], b'{"checkpoint":{}}\n'], Kind.CHECKPOINT, 10),
    "another's checkpoint": (
        lambda lines: [*lines[:-1], lines[-1].replace(b'"kid":"', b'"kid":"0')],
        Kind.CHECKPOINT,
        10,
    ),
}


@pytest.mark.parametrize(("change", "kind", "first_bad"), _DAMAGED.values(), ids=_DAMAGED)
def test_a_damaged_archive_is_seen(
    trail: Path, folder: Path, change: Callable[[list[bytes]], list[bytes]], kind: Kind, first_bad: int
) -> None:
    path = _archived(_two_ranges(), folder).path
    _lines(path, change)
    verdict = verify_archive(path)
    assert (verdict.kind, verdict.first_bad_seq) == (kind, first_bad), verdict.detail


def test_bytes_lost_or_changed_in_an_archive_are_seen(trail: Path, folder: Path) -> None:
    path = _archived(_two_ranges(), folder).path
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    assert verify_archive(path).kind is Kind.TRUNCATED
    middle = len(whole) // 2
    path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :])
    assert not verify_archive(path).intact
    path.write_bytes(b"not gzip")
    assert verify_archive(path).kind is Kind.ALTERED


def test_an_archive_of_another_log_is_not_ours(trail: Path, folder: Path) -> None:
    path = _archived(_two_ranges(), folder).path
    AuditCheckpoint.objects.filter(seq=10).update(hash="ab" * 32)
    assert (verify_archive(path).kind, verify_archive(path).first_bad_seq) == (Kind.CHECKPOINT, 10)


def test_what_is_left_must_follow_the_archive(trail: Path, folder: Path) -> None:
    path = _archived(_two_ranges(), folder).path
    AuditRecord.objects.filter(seq=11).update(prev_hash="ab" * 32)
    assert (verify_archive(path).kind, verify_archive(path).first_bad_seq) == (Kind.ALTERED, 11)
