"""Whatever is altered in a set is found and named; an intact one passes."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.backup.made import KEYS, NO_KEYS, OTHER_KEYS, Unhurried, everything, make_set, usual
from vectorstore.backup.encryption import Keyring
from vectorstore.backup.manifest import read as read_manifest
from vectorstore.backup.manifest import write as write_manifest
from vectorstore.backup.repository import Repository, manifest_checksum
from vectorstore.backup.storage import Storage
from vectorstore.backup.storage_local import LocalStorage
from vectorstore.backup.verify import Level, Verdict, verify
from vectorstore.domain.errors import BackupKeyMissing, NotFound
from vectorstore.journal.changes import Change, Cleared, Gone, Rows
from vectorstore.service.work import Cancelled

MANIFESTS = ("sets/increment/manifest.json", "sets/full/manifest.json")
CHECKSUMS = ("sets/increment/manifest.sha256", "sets/full/manifest.sha256")
FILES = (
    "sets/full/collections/c1/schema.json",
    "sets/full/collections/c1/base/part-00000.parquet",
    "sets/full/collections/c1/overlay/puts-00000.parquet",
    "sets/full/collections/c1/overlay/deletes-00000.parquet",
    "sets/increment/collections/c1/schema.json",
    "sets/increment/collections/c1/overlay/puts-00000.parquet",
    "sets/increment/collections/c1/overlay/deletes-00000.parquet",
)


@pytest.fixture(params=[Keyring(), KEYS], ids=["plain", "encrypted"])
def keys(request: pytest.FixtureRequest) -> Keyring:
    found: Keyring = request.param
    return found


@pytest.fixture
def repository(local: LocalStorage, scratch: Path, keys: Keyring) -> Repository:
    made = Repository.open(local)
    usual(made, scratch, keys)
    return made


def _verdict(repository: Repository, scratch: Path, keys: Keyring = NO_KEYS, level: Level = Level.ROWS) -> Verdict:
    return verify(repository, "increment", level, Unhurried(), keys, scratch)


def test_an_intact_set_passes_each_level(repository: Repository, scratch: Path, keys: Keyring) -> None:
    there = {item.path for item in repository.storage.list("sets/")}
    assert there == {*MANIFESTS, *CHECKSUMS, *FILES}
    for level in Level:
        found = _verdict(repository, scratch, keys, level)
        assert (found.level, found.problems, found.files) == (level, (), len(FILES))
    assert found.rows == 5


def test_an_intact_set_on_every_storage_passes(storage: Storage, scratch: Path, keys: Keyring, work: Unhurried) -> None:
    usual(Repository.open(storage), scratch, keys)
    found = verify(Repository.open(storage), "increment", Level.ROWS, work, keys, scratch)
    assert found.intact
    assert work.stages == ["files", "checksums", "rows"]
    assert work.steps[-1] == (5, 5)
    assert work.checks > 5


def _flips(size: int) -> list[int]:
    """Bits all over a file."""
    return sorted({*range(0, 8 * size, max(1, 8 * size // 25)), 8 * size - 1})


@pytest.mark.parametrize("path", FILES)
def test_a_flipped_bit_in_a_file_is_found_and_the_file_named(repository: Repository, scratch: Path, path: str) -> None:
    data = repository.storage.read_bytes(path)
    for bit in _flips(len(data)):
        altered = bytearray(data)
        altered[bit // 8] ^= 1 << bit % 8
        repository.storage.write_bytes(path, bytes(altered))
        found = _verdict(repository, scratch, level=Level.CHECKSUMS)
        assert [problem.path for problem in found.problems] == [path]
        assert found.level is Level.FILES
    repository.storage.write_bytes(path, data)
    assert _verdict(repository, scratch, level=Level.CHECKSUMS).intact


@pytest.mark.parametrize("path", [*MANIFESTS, *CHECKSUMS])
def test_a_flipped_bit_in_a_manifest_or_its_sum_is_found_and_the_pair_named(
    repository: Repository, scratch: Path, path: str
) -> None:
    data = repository.storage.read_bytes(path)
    for bit in _flips(len(data)):
        altered = bytearray(data)
        altered[bit // 8] ^= 1 << bit % 8
        repository.storage.write_bytes(path, bytes(altered))
        found = _verdict(repository, scratch, level=Level.FILES)
        assert found.level is None
        assert [path in problem.detail for problem in found.problems] == [True]
    repository.storage.write_bytes(path, data)
    assert _verdict(repository, scratch, level=Level.FILES).intact


@pytest.mark.parametrize("path", FILES)
@pytest.mark.parametrize(
    ("alter", "says"),
    [
        (lambda storage, path: storage.write_bytes(path, storage.read_bytes(path)[:-1]), "bytes; the manifest says"),
        (lambda storage, path: storage.write_bytes(path, storage.read_bytes(path) + b"x"), "bytes; the manifest says"),
        (lambda storage, path: storage.write_bytes(path, b""), "has 0 bytes"),
        (lambda storage, path: storage.delete(path), "is missing"),
        (lambda storage, path: storage.write_bytes(path + ".old", b"x"), "is not listed"),
    ],
    ids=["truncated", "longer", "emptied", "deleted", "added"],
)
def test_a_file_cut_lengthened_deleted_or_added_is_named(
    repository: Repository, scratch: Path, path: str, alter: Callable[[Storage, str], None], says: str
) -> None:
    alter(repository.storage, path)
    (problem,) = _verdict(repository, scratch, level=Level.FILES).problems
    assert problem.path.removesuffix(".old") == path
    assert says in problem.detail


@pytest.mark.parametrize("path", [*MANIFESTS, *CHECKSUMS])
def test_a_manifest_or_sum_that_is_gone_is_named(repository: Repository, scratch: Path, path: str) -> None:
    repository.storage.delete(path)
    if path == MANIFESTS[0]:
        with pytest.raises(NotFound, match="no backup increment"):
            _verdict(repository, scratch)
    else:
        assert [problem.path for problem in _verdict(repository, scratch).problems] == [path]


def test_a_part_replaced_by_another_of_the_same_set_is_named(repository: Repository, scratch: Path) -> None:
    puts, base = FILES[2], FILES[1]
    repository.storage.write_bytes(puts, repository.storage.read_bytes(base))
    assert puts in {problem.path for problem in _verdict(repository, scratch).problems}


def _reseal(repository: Repository, set_id: str, path: str, data: bytes) -> None:
    """What one who knows the format does: replace a part and make sizes and sums fit."""
    storage, folder = repository.storage, f"sets/{set_id}/"
    storage.write_bytes(path, data)
    text = storage.read_bytes(folder + "manifest.json").decode()
    manifest = read_manifest(text.encode(), path)
    for file in manifest.files():
        if file.path == path:
            old = orjson.dumps(file.sha256).decode()
            text = text.replace(old, orjson.dumps(hashlib.sha256(data).hexdigest()).decode())
            text = text.replace(f'"size": {file.size}', f'"size": {len(data)}')
    storage.write_bytes(folder + "manifest.json", text.encode())
    storage.write_bytes(folder + "manifest.sha256", manifest_checksum(text.encode()))


def _as_parquet(rows: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_batches([rows]), sink)
    return bytes(sink.getvalue())


@pytest.mark.parametrize("keys", [Keyring()], indirect=True)
@pytest.mark.parametrize(
    ("rows", "named", "says"),
    [
        (everything(5), FILES[1], "has 5 rows; the manifest says 6"),
        (everything(6, 1), FILES[1], "has keys from 1 to 6"),
        (
            pa.Table.from_batches([everything(5), everything(1, 3)]).combine_chunks().to_batches()[0],
            FILES[1],
            "key 3 a",
        ),
        (everything(6).rename_columns(["x", *everything(6).schema.names[1:]]), FILES[1], "has no column id"),
        (
            everything(6).set_column(4, everything(6).schema.field(4), pa.array([1] * 6, pa.int32())),
            MANIFESTS[0],
            "has the digest",
        ),
    ],
    ids=["rows", "keys", "twice", "column", "value"],
)
def test_rows_changed_under_fitting_checksums_are_found(
    repository: Repository, scratch: Path, rows: pa.RecordBatch, named: str, says: str
) -> None:
    _reseal(repository, "full", FILES[1], _as_parquet(rows))
    assert _verdict(repository, scratch, level=Level.CHECKSUMS).intact
    (problem,) = _verdict(repository, scratch).problems
    assert problem.path == named
    assert says in problem.detail


@pytest.mark.parametrize("change", [Gone([0]), Rows(everything(1)), Cleared()])
def test_a_row_that_was_seen_twice_while_it_moved_is_what_the_overlay_says(
    local: LocalStorage, scratch: Path, change: Change
) -> None:
    repository = Repository.open(local)
    make_set(repository, scratch, base=(everything(3), everything(1)), overlay=(change,))
    assert verify(repository, "full", Level.ROWS, Unhurried(), Keyring(), scratch).intact


@pytest.mark.parametrize("keys", [Keyring()], indirect=True)
def test_what_is_no_parquet_under_fitting_checksums_is_named(repository: Repository, scratch: Path) -> None:
    _reseal(repository, "full", FILES[1], b"PAR1 and nothing more")
    (problem,) = _verdict(repository, scratch).problems
    assert problem.path == FILES[1]


@pytest.mark.parametrize("keys", [Keyring()], indirect=True)
@pytest.mark.parametrize("change", [{"rows": 6}, {"digest": "0" * 32}])
def test_a_manifest_that_was_edited_with_its_sum_is_named(
    repository: Repository, scratch: Path, change: dict[str, int | str]
) -> None:
    manifest = repository.manifest("increment")
    text = write_manifest(replace(manifest, collections=(replace(manifest.collections[0], **change),)))
    repository.storage.write_bytes(MANIFESTS[0], text)
    repository.storage.write_bytes(CHECKSUMS[0], manifest_checksum(text))
    (problem,) = _verdict(repository, scratch).problems
    assert problem.path == MANIFESTS[0]


@pytest.mark.parametrize("keys", [Keyring()], indirect=True)
def test_a_manifest_that_lists_files_of_others_is_named(repository: Repository, scratch: Path) -> None:
    manifest = repository.manifest("increment")
    entry = manifest.collections[0]
    stranger = replace(entry.definition, path="sets/full/collections/c1/schema.json")
    text = write_manifest(replace(manifest, collections=(replace(entry, definition=stranger),)))
    repository.storage.write_bytes(MANIFESTS[0], text)
    repository.storage.write_bytes(CHECKSUMS[0], manifest_checksum(text))
    named = {problem.path for problem in _verdict(repository, scratch, level=Level.FILES).problems}
    assert named == {MANIFESTS[0], FILES[4]}


@pytest.mark.parametrize("keys", [KEYS], indirect=True)
def test_checksums_need_no_key_and_rows_name_the_one_they_need(repository: Repository, scratch: Path) -> None:
    assert _verdict(repository, scratch, Keyring(), Level.CHECKSUMS).intact
    assert KEYS.first is not None
    for wrong in (Keyring(), OTHER_KEYS):
        with pytest.raises(BackupKeyMissing, match=f"{KEYS.first.id}.*VECTORSTORE_BACKUP_KEYS"):
            _verdict(repository, scratch, wrong)


@pytest.mark.parametrize("keys", [KEYS], indirect=True)
def test_a_ciphertext_altered_under_fitting_checksums_is_named(repository: Repository, scratch: Path) -> None:
    data = bytearray(repository.storage.read_bytes(FILES[1]))
    data[500] ^= 1
    _reseal(repository, "full", FILES[1], bytes(data))
    (problem,) = _verdict(repository, scratch, KEYS).problems
    assert problem.path == FILES[1]


def test_a_cancelled_verification_ends(repository: Repository, scratch: Path, keys: Keyring) -> None:
    class Stopping(Unhurried):
        def check(self) -> None:
            super().check()
            if self.checks == 4:
                raise Cancelled

    with pytest.raises(Cancelled):
        verify(repository, "increment", Level.ROWS, Stopping(), keys, scratch)
    assert list(scratch.iterdir()) == []


def test_an_empty_set_is_intact(local: LocalStorage, scratch: Path, work: Unhurried) -> None:
    made = Repository.open(local)
    make_set(made, scratch)
    found = verify(made, "full", Level.ROWS, work, Keyring(), scratch)
    assert (found.intact, found.rows) == (True, 0)


@pytest.mark.parametrize("keys", [Keyring()], indirect=True)
@pytest.mark.parametrize(
    ("text", "says"),
    [
        (lambda text: text.replace(b'"uid": "c1"', b'"uid": "c9"'), "defines c9; the manifest says c1"),
        (lambda text: text.replace(b'"format": 1', b'"format": 7'), "format 7"),
        (lambda text: text[:-50], "schema.json"),
    ],
    ids=["other", "newer", "cut"],
)
def test_a_definition_changed_under_fitting_checksums_is_named(
    repository: Repository, scratch: Path, text: Callable[[bytes], bytes], says: str
) -> None:
    _reseal(repository, "full", FILES[0], text(repository.storage.read_bytes(FILES[0])))
    (problem,) = _verdict(repository, scratch).problems
    assert problem.path == FILES[0]
    assert says in problem.detail
