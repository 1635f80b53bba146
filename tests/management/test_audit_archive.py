from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from tests.support.audit import edit, fill
from vectorstore.audit.checkpoint import checkpoint
from vectorstore.config.settings import current
from vectorstore.models import AuditRecord

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def outside(tmp_path: Path, bound: pytest.MonkeyPatch) -> None:
    bound.setenv("VECTORSTORE_AUDIT_CHECKPOINTS", str(tmp_path / "checkpoints.ndjson"))
    current.cache_clear()


def _run(before: str, to: Path) -> str:
    out = StringIO()
    call_command("audit_archive", "--before", before, "--to", str(to), stdout=out)
    return out.getvalue()


def test_it_says_where_the_records_are(tmp_path: Path) -> None:
    fill(3)
    checkpoint()
    said = _run("2100-01-01", tmp_path / "archive")
    (file,) = (tmp_path / "archive").iterdir()
    assert said == f"records 1 to 3 are in {file}\n"
    assert AuditRecord.objects.get().action == "audit.archive"


def test_it_says_that_there_is_nothing_to_do(tmp_path: Path) -> None:
    fill(3)
    checkpoint()
    assert "nothing to archive" in _run("2020-01-31T10:00:00+02:00", tmp_path)
    assert AuditRecord.objects.count() == 3


def test_records_that_are_not_intact_are_refused(tmp_path: Path) -> None:
    fill(3)
    checkpoint()
    edit(2)
    with pytest.raises(CommandError, match="record 2 is not as it was written"):
        _run("2100-01-01", tmp_path)


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    fill(3)
    checkpoint()
    (tmp_path / "file").touch()
    with pytest.raises(CommandError, match="cannot be written"):
        _run("2100-01-01", tmp_path / "file")


@pytest.mark.parametrize("before", ["yesterday", "2026-13-01", ""])
def test_a_date_that_is_none_is_refused(before: str, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="--before"):
        _run(before, tmp_path)
