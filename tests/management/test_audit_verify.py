"""The exit codes are tested in ``tests/audit/test_verify.py``."""

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from tests.support.audit import fill
from vectorstore.audit import guard
from vectorstore.audit.archive import archive
from vectorstore.audit.checkpoint import checkpoint
from vectorstore.config.settings import current

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def outside(tmp_path: Path, bound: pytest.MonkeyPatch) -> None:
    bound.setenv("VECTORSTORE_AUDIT_CHECKPOINTS", str(tmp_path / "checkpoints.ndjson"))
    current.cache_clear()


def _run(*arguments: str) -> tuple[object, str, str]:
    out, err = StringIO(), StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("audit_verify", *arguments, stdout=out, stderr=err)
    return ended.value.code, out.getvalue(), err.getvalue()


def test_it_says_what_it_found() -> None:
    fill(3)
    checkpoint()
    guard.install(connection)
    try:
        assert _run() == (0, "intact, 3 records\n", "")
    finally:
        guard.remove(connection)


def test_a_table_without_its_guard_is_reported() -> None:
    assert "does not guard the table" in _run()[2]


def test_progress_is_told_when_it_takes_long(bound: pytest.MonkeyPatch) -> None:
    bound.setattr("vectorstore.management.commands.audit_verify._PATIENCE_S", -1)
    fill(2_000)
    assert "2000 of 2000 records verified" in _run()[2]


def test_an_archive_is_verified_by_its_file(tmp_path: Path) -> None:
    from django.utils import timezone

    fill(3)
    checkpoint()
    done = archive(timezone.now(), tmp_path / "archive")
    assert done is not None
    code, out, _ = _run("--archive", str(done.path), "--json")
    assert (code, json.loads(out)["records"], json.loads(out)["intact"]) == (0, 3, True)
    done.path.write_bytes(done.path.read_bytes()[:-30])
    assert _run("--archive", str(done.path))[0] == 5


@pytest.mark.parametrize("option", ["--archive", "--checkpoints"])
def test_a_file_that_is_not_there_is_named(option: str) -> None:
    with pytest.raises(CommandError, match="no file /nowhere"):
        call_command("audit_verify", option, "/nowhere")
