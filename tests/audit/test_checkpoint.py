import logging
import stat
import threading
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.db import connection, transaction

from tests.support.audit import fill
from vectorstore.audit import external
from vectorstore.audit.chain import canonical_json
from vectorstore.audit.checkpoint import checkpoint
from vectorstore.audit.signature import Mark
from vectorstore.audit.verify import verify
from vectorstore.config.settings import current
from vectorstore.models import AuditCheckpoint, AuditRecord, SigningKey


def _outside(path: Path) -> list[int]:
    return [mark.seq for mark in external.read(path)]


def test_the_end_of_the_log_is_signed_once(trail: Path) -> None:
    assert checkpoint() is False
    fill(3)
    assert checkpoint() is True
    assert checkpoint() is False
    fill(1)
    assert checkpoint() is True
    assert _outside(trail) == [3, 4]


def test_a_line_can_be_verified_by_whoever_has_the_public_key(trail: Path) -> None:
    fill(3)
    checkpoint()
    line = orjson.loads(trail.read_bytes())
    signature = bytes.fromhex(line.pop("signature"))
    assert line["seq"] == 3
    assert line["hash"] == AuditRecord.objects.get(seq=3).hash
    assert datetime.fromisoformat(line["ts"]).tzinfo == UTC
    key = SigningKey.objects.get(kid=line["kid"], purpose="audit")
    message = b"vectorstore.audit.checkpoint.1\0" + canonical_json(line)
    load_pem_public_key(key.public.encode()).verify(signature, message)  # type: ignore[union-attr,call-arg]


def test_the_file_is_its_owners_only(trail: Path) -> None:
    fill(1)
    checkpoint()
    assert stat.S_IMODE(trail.stat().st_mode) == 0o600
    assert stat.S_IMODE(trail.parent.stat().st_mode) == 0o700


def test_a_checkpoint_also_goes_to_the_log(trail: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "vectorstore.audit")
    fill(1)
    checkpoint()
    (line,) = [record.getMessage() for record in caplog.records if record.name == "vectorstore.audit"]
    assert Mark.read(line.removeprefix("checkpoint ")) == Mark.of(AuditCheckpoint.objects.get())


@transaction.atomic
def _fill_and_fail() -> None:
    fill(1_000)
    raise ZeroDivisionError


def test_what_is_rolled_back_is_not_announced(trail: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        _fill_and_fail()
    assert not trail.exists()
    with transaction.atomic():
        fill(1_000)
        assert not trail.exists()
    assert _outside(trail) == [1_000]


def test_a_file_that_cannot_be_written_is_reported_and_caught_up(trail: Path, caplog: pytest.LogCaptureFixture) -> None:
    trail.parent.write_text("in the way")
    fill(1_000)
    fill(5)
    assert checkpoint() is True
    assert [record.levelname for record in caplog.records].count("ERROR") == 2
    assert "cannot be written" in caplog.text
    assert AuditRecord.objects.count() == 1_005
    trail.parent.unlink()
    assert checkpoint() is False
    assert _outside(trail) == [1_000, 1_005]
    assert verify().intact


def test_what_a_crash_left_of_a_line_is_taken_away(trail: Path) -> None:
    fill(1)
    checkpoint()
    trail.write_bytes(trail.read_bytes() + b'{"hash":"12')
    fill(1)
    checkpoint()
    assert _outside(trail) == [1, 2]
    assert trail.read_bytes().count(b"\n") == 2


def test_only_the_rest_of_a_line_is_as_good_as_an_empty_file(trail: Path) -> None:
    trail.parent.mkdir()
    trail.write_bytes(b'{"hash":"12')
    fill(1)
    checkpoint()
    assert _outside(trail) == [1]


def test_a_damaged_file_is_reported_and_left_as_it_is(trail: Path, caplog: pytest.LogCaptureFixture) -> None:
    trail.parent.mkdir()
    trail.write_text("not ours\n")
    fill(1)
    checkpoint()
    assert trail.read_text() == "not ours\n"
    assert "cannot be written" in caplog.text


def test_a_file_that_was_taken_away_is_written_again(trail: Path) -> None:
    for _ in range(3):
        fill(1)
        checkpoint()
    trail.unlink()
    checkpoint()
    assert _outside(trail) == [1, 2, 3]


def test_threads_write_each_line_once_and_in_order(trail: Path) -> None:
    def work() -> None:
        for _ in range(5):
            fill(1)
            checkpoint()
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert _outside(trail) == list(AuditCheckpoint.objects.order_by("seq").values_list("seq", flat=True))
    assert verify().intact


def test_the_file_is_in_the_data_folder_unless_told_otherwise(bound: pytest.MonkeyPatch) -> None:
    bound.setenv("VECTORSTORE_AUDIT_CHECKPOINTS", "")
    current.cache_clear()
    assert external.place() == current().data_dir / "audit" / "checkpoints.ndjson"
