"""Sets that former versions wrote are read for ever: they are checked in under ``golden/v<format>``.

Each is a full set with an overlay and an increment upon it, of rows with every type, plain and encrypted. A new format
adds a folder (``tests/backup/write_golden.py``); none is ever written anew.
"""

import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from tests.backup.made import EVERYTHING, KEYS, NO_KEYS, Unhurried, definition, everything, row, rows_of
from vectorstore.backup.merge import live_rows
from vectorstore.backup.repository import Repository
from vectorstore.backup.storage_local import LocalStorage
from vectorstore.backup.verify import Level, verify
from vectorstore.domain.arrow import PARTITION

GOLDEN = Path(__file__).parent / "golden"
CASES = {"plain": NO_KEYS, "encrypted": KEYS}
FORMATS = ("v1", "v2")


@pytest.fixture(params=FORMATS)
def written(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy, so that nothing can change what is checked in."""
    return Path(shutil.copytree(GOLDEN / request.param, tmp_path / "golden"))


@pytest.mark.parametrize("case", CASES)
def test_a_set_of_each_format_verifies(written: Path, scratch: Path, work: Unhurried, case: str) -> None:
    repository = Repository.open(LocalStorage(written / case))
    found = verify(repository, "increment", Level.ROWS, work, CASES[case], scratch)
    assert (found.level, found.problems, found.rows) == (Level.ROWS, (), 5)


@pytest.mark.parametrize("case", CASES)
def test_a_set_of_each_format_holds_the_rows_it_was_given(written: Path, scratch: Path, case: str) -> None:
    repository = Repository.open(LocalStorage(written / case))
    changes = repository.changes("increment", "c1", CASES[case], scratch)
    found = pa.Table.from_batches(live_rows(changes, EVERYTHING, scratch)).drop_columns(PARTITION)
    wanted = pa.Table.from_batches([everything(3, 3), rows_of([row(2, text="new"), row(9)])])
    assert found.sort_by("id").to_pylist() == wanted.sort_by("id").to_pylist()


@pytest.mark.parametrize("case", CASES)
def test_the_manifest_of_each_format_tells_what_it_told(written: Path, case: str) -> None:
    repository = Repository.open(LocalStorage(written / case))
    manifest = repository.manifest("increment")
    assert (manifest.kind, manifest.parent, manifest.who, manifest.note) == ("incremental", "full", "alice", "by hand")
    assert (manifest.start.seq, manifest.end.seq, manifest.engine) == (10, 20, "2.3.5")
    assert manifest.collections[0].layers.cleared == ("nowhere",)
    assert repository.definition(manifest.collections[0]) == definition()
