import json
import threading
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from tests.support.audit import an_entry, delete, edit, fill, insert, sql, swap
from vectorstore.audit import log
from vectorstore.audit.archive import archive
from vectorstore.audit.chain import WITH_HASHES, link
from vectorstore.audit.checkpoint import checkpoint
from vectorstore.audit.verify import Kind, verify
from vectorstore.models import AuditCheckpoint, AuditRecord, SigningKey

Tamper = Callable[[], None]


def _rewrite(first: int) -> None:
    """Every hash from there on as if the records had always been so."""
    before = AuditRecord.objects.get(seq=first - 1).hash
    for row in AuditRecord.objects.filter(seq__gte=first).order_by("seq").values(*WITH_HASHES):
        after = link(before, row)
        sql("UPDATE {records} SET prev_hash = %s, hash = %s WHERE seq = %s", [before, after, row["seq"]])
        before = after


def _edit_and_rewrite() -> None:
    edit(5)
    _rewrite(5)


def _forge_checkpoint() -> None:
    """Rewritten, and signed with a key that was put into the database."""
    _edit_and_rewrite()
    forged = SigningKey.objects.make(SigningKey.Purpose.AUDIT)
    genuine = SigningKey.objects.exclude(kid=forged.kid).get()
    row = AuditCheckpoint.objects.get(seq=12)
    from vectorstore.audit.signature import Mark, signed_message

    seen = Mark.of(row)
    hash_ = AuditRecord.objects.get(seq=12).hash
    signature = forged.private_key().sign(signed_message(12, hash_, seen.ts, "forged"))
    SigningKey.objects.create(kid="forged", purpose="audit", private=genuine.private, public=forged.public)
    AuditCheckpoint.objects.filter(seq=12).update(hash=hash_, kid="forged", signature=signature.hex())


def _write_by_hand() -> None:
    if connection.vendor == "postgresql":
        sql("UPDATE {records} SET parameters = '[1.5, null]' WHERE seq = 7")
        return
    sql("PRAGMA ignore_check_constraints = ON")
    sql("UPDATE {records} SET parameters = '{broken' WHERE seq = 7")
    sql("UPDATE {records} SET ts = 'yesterday' WHERE seq = 8")
    sql("PRAGMA ignore_check_constraints = OFF")


_TAMPERED: dict[str, tuple[Tamper, int, int]] = {
    "edited": (lambda: edit(5), 2, 5),
    "one deleted": (lambda: delete(5, 5), 3, 5),
    "several deleted": (lambda: delete(5, 8), 3, 5),
    "the first deleted": (lambda: delete(1, 1), 3, 1),
    "reordered": (lambda: swap(4, 9), 2, 4),
    "neighbours reordered": (lambda: swap(4, 5), 2, 4),
    "inserted": (lambda: insert(6), 2, 7),
    "inserted before the first": (lambda: sql("UPDATE {records} SET seq = 0 WHERE seq = 1"), 2, 0),
    "truncated": (lambda: delete(9, 12), 5, 9),
    "emptied": (lambda: delete(1, 12), 5, 1),
    "rewritten": (_edit_and_rewrite, 2, 12),
    "rewritten and signed anew": (_forge_checkpoint, 4, 12),
    "a parameter edited": (lambda: sql("UPDATE {records} SET parameters = '{}' WHERE seq = 3"), 2, 3),
    "a time edited": (lambda: sql("UPDATE {records} SET ts = '2020-01-01 00:00:00' WHERE seq = 3"), 2, 3),
    "written by hand": (_write_by_hand, 2, 7),
    "no time at all": (lambda: sql("UPDATE {records} SET ts = 'infinity' WHERE seq = 3"), 2, 3),
    "a hash edited": (lambda: sql("UPDATE {records} SET hash = 'x' WHERE seq = 12"), 2, 12),
}


def _run(*arguments: str) -> tuple[int, str, str]:
    out, err = StringIO(), StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("audit_verify", *arguments, stdout=out, stderr=err)
    return int(str(ended.value.code)), out.getvalue(), err.getvalue()


@pytest.mark.parametrize(("tamper", "code", "first_bad"), _TAMPERED.values(), ids=_TAMPERED)
def test_what_was_done_to_the_records_is_named(trail: Path, tamper: Tamper, code: int, first_bad: int) -> None:
    fill(12)
    checkpoint()
    assert _run()[0] == 0
    tamper()
    found, out, _ = _run()
    assert found == code, out
    assert f"first bad record {first_bad}:" in out


def test_an_intact_log_is_said_to_be_so(trail: Path) -> None:
    fill(12)
    checkpoint()
    fill(3)
    code, out, err = _run("--json")
    assert code == 0
    assert json.loads(out) == {"kind": "intact", "records": 15, "first_bad_seq": None, "detail": "", "intact": True}
    assert "does not guard" in err


def test_an_empty_log_is_intact(trail: Path) -> None:
    verdict = verify()
    assert (verdict.intact, verdict.records) == (True, 0)
    assert "without the file of checkpoints" in verdict.detail


def test_records_after_the_last_checkpoint_are_verified_too(trail: Path) -> None:
    fill(5)
    checkpoint()
    fill(5)
    edit(9)
    assert (verify().kind, verify().first_bad_seq, verify().records) == (Kind.ALTERED, 9, 8)


def test_records_that_replace_truncated_ones_are_not_taken_for_them(trail: Path) -> None:
    fill(12)
    checkpoint()
    delete(9, 12)
    fill(10)
    assert (verify().kind, verify().first_bad_seq) == (Kind.ALTERED, 12)


def test_the_log_goes_on_where_records_and_their_checkpoint_are_gone(trail: Path) -> None:
    fill(1_005)
    delete(990, 1_005)
    fill(20)
    assert AuditRecord.objects.order_by("-seq").values_list("seq", flat=True)[0] == 1_009
    assert verify().kind is Kind.ALTERED


def test_a_truncated_log_is_seen_without_the_checkpoints_in_the_database(trail: Path) -> None:
    fill(12)
    checkpoint()
    delete(9, 12)
    AuditCheckpoint.objects.all().delete()
    assert (verify().kind, verify().first_bad_seq) == (Kind.TRUNCATED, 9)


def test_a_log_that_somebody_began_anew_is_seen(trail: Path) -> None:
    fill(12)
    checkpoint()
    delete(1, 12)
    AuditCheckpoint.objects.all().delete()
    fill(20)
    assert (verify().kind, verify().first_bad_seq) == (Kind.ALTERED, 12)


@pytest.mark.parametrize(
    ("column", "value"),
    [("signature", "00" * 64), ("signature", "no hex"), ("kid", "other"), ("hash", "ab" * 32)],
)
def test_a_checkpoint_that_was_changed_is_bad(trail: Path, column: str, value: str) -> None:
    fill(12)
    checkpoint()
    AuditCheckpoint.objects.update(**{column: value})
    assert (_run()[0], verify().first_bad_seq) == (4, 12)


def test_a_checkpoint_of_another_record_is_bad_without_a_file_too(trail: Path) -> None:
    fill(12)
    checkpoint()
    trail.unlink()
    _edit_and_rewrite()
    assert (verify().kind, verify().first_bad_seq) == (Kind.CHECKPOINT, 12)


def test_a_checkpoint_at_a_thousand_cannot_be_missing(trail: Path) -> None:
    fill(1_010)
    AuditCheckpoint.objects.all().delete()
    trail.unlink()
    assert (verify().kind, verify().first_bad_seq) == (Kind.CHECKPOINT, 1_000)


def test_a_checkpoint_that_is_only_outside_was_removed(trail: Path) -> None:
    fill(12)
    checkpoint()
    AuditCheckpoint.objects.all().delete()
    assert (verify().kind, verify().first_bad_seq) == (Kind.CHECKPOINT, 12)


def _last_line(path: Path, **changes: Any) -> None:
    *others, last = path.read_text().splitlines()
    path.write_text("".join(f"{line}\n" for line in [*others, json.dumps(json.loads(last) | changes)]))


@pytest.mark.parametrize("changes", [{"hash": "ab" * 32}, {"seq": 40}, {"seq": "12"}, {"signature": "00" * 64}])
def test_a_line_outside_that_was_changed_is_bad(trail: Path, changes: dict[str, Any]) -> None:
    fill(12)
    checkpoint()
    _last_line(trail, **changes)
    assert verify().kind is Kind.CHECKPOINT


@pytest.mark.parametrize("line", ["nonsense\n", "[]\n", "{}\n"])
def test_a_line_outside_that_is_no_checkpoint_is_bad(trail: Path, line: str) -> None:
    fill(12)
    checkpoint()
    trail.write_text(line + trail.read_text())
    assert verify().kind is Kind.CHECKPOINT


def test_lines_outside_in_another_order_are_bad(trail: Path) -> None:
    for _ in range(2):
        fill(5)
        checkpoint()
    trail.write_text("".join(reversed(trail.read_text().splitlines(keepends=True))))
    assert verify().kind is Kind.CHECKPOINT


def test_a_line_that_a_crash_cut_off_is_none(trail: Path) -> None:
    fill(12)
    checkpoint()
    with trail.open("a") as file:
        file.write('{"hash":"ab')
    assert verify().intact


def test_checkpoints_kept_elsewhere_can_be_named(trail: Path, tmp_path: Path) -> None:
    fill(12)
    checkpoint()
    kept = tmp_path / "kept"
    trail.rename(kept)
    delete(9, 12)
    AuditCheckpoint.objects.all().delete()
    assert _run()[0] == 0
    assert _run("--checkpoints", str(kept))[0] == 5


def test_a_retired_key_still_verifies(trail: Path) -> None:
    fill(5)
    checkpoint()
    SigningKey.objects.update(retires_at=timezone.now() - timedelta(days=1))
    fill(5)
    checkpoint()
    assert AuditCheckpoint.objects.values("kid").distinct().count() == 2
    assert verify().intact


def test_it_verifies_what_there_was_while_others_write(trail: Path) -> None:
    fill(500)
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            log.append(*(an_entry() for _ in range(20)))
            checkpoint()
        connection.close()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        verdicts = [verify() for _ in range(10)]
    finally:
        stop.set()
        thread.join()
    assert {verdict.kind for verdict in verdicts} == {Kind.INTACT}, verdicts


def test_records_that_are_archived_while_it_reads_are_not_missed(
    trail: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(20)
    checkpoint()
    fill(20)
    from vectorstore.audit import walk

    chunks = []
    genuine = walk.rows

    def in_chunks_of_five(until: int) -> Any:
        for number, row in enumerate(genuine(until, chunk=5)):
            if number == 5:
                archive(timezone.now(), tmp_path / "archive")
            chunks.append(row["seq"])
            yield row

    monkeypatch.setattr("vectorstore.audit.verify.rows", in_chunks_of_five)
    assert verify().intact
    assert chunks[-1] == 40
    assert 15 not in chunks


def test_records_said_to_be_archived_without_a_record_of_it_are_missing(trail: Path) -> None:
    fill(12)
    checkpoint()
    fill(3)
    delete(1, 12)
    AuditCheckpoint.objects.update(archive="audit-1-12.ndjson.gz")
    assert (verify().kind, verify().first_bad_seq) == (Kind.GAP, 12)


def test_progress_is_told(trail: Path) -> None:
    fill(4_100)
    told: list[tuple[int, int]] = []
    verify(progress=lambda done, total: told.append((done, total)))
    assert told == [(2_000, 4_100), (4_000, 4_100)]
