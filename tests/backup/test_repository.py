"""Sets on a storage: found, opened, deleted in two phases, swept."""

import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from tests.backup.made import AT, KEYS, definition, everything, make_set, usual
from vectorstore.backup.encryption import Keyring
from vectorstore.backup.manifest import Moment
from vectorstore.backup.repository import Repository, manifest_checksum, new_set_id
from vectorstore.backup.storage import Storage
from vectorstore.backup.storage_local import LocalStorage
from vectorstore.backup.writer import SetWriter
from vectorstore.domain.errors import BackupDamaged, BackupTooNew, Conflict, InvalidRequest, NotFound
from vectorstore.journal.changes import Gone

LATER = timedelta(days=2)


def test_an_empty_storage_becomes_a_repository_once(storage: Storage) -> None:
    made = Repository.open(storage)
    assert Repository.open(storage) == made
    assert orjson.loads(storage.read_bytes("repo.json"))["product"] == "vectorstore 0.1.0"


def test_a_storage_with_other_things_is_refused(storage: Storage) -> None:
    storage.write_bytes("holiday/photo.jpg", b"x")
    with pytest.raises(Conflict, match=r"VECTORSTORE_BACKUP_URL.*not empty"):
        Repository.open(storage)
    assert [item.path for item in storage.list()] == ["holiday/photo.jpg"]


@pytest.mark.parametrize(
    ("mark", "error"),
    [(b"{}", BackupDamaged), (b"\x00", BackupDamaged), (b'{"format":2,"product":"vectorstore 9","id":"a"}', None)],
)
def test_a_mark_that_cannot_be_read_is_refused(local: LocalStorage, mark: bytes, error: type[Exception] | None) -> None:
    made = orjson.loads(mark) if error is None else None
    if made is not None:
        mark = orjson.dumps({**made, "created": AT})
    local.write_bytes("repo.json", mark)
    with pytest.raises(error or BackupTooNew, match=r"repo\.json"):
        Repository.open(local)


def test_sets_are_found_by_the_storage_alone(storage: Storage, scratch: Path) -> None:
    repository = Repository.open(storage)
    manifest = usual(repository, scratch)
    found = {item.set_id: item for item in Repository.open(storage).scan()}
    assert list(found) == ["full", "increment"]
    assert found["increment"].manifest == manifest == repository.manifest("increment")
    assert [item.set_id for item in repository.chain("increment")] == ["increment", "full"]
    entry = manifest.collections[0]
    assert repository.definition(entry) == definition()
    assert entry.grants == ({"role": "reader", "account": "alice"},)


def test_a_set_without_a_manifest_is_not_there(local: LocalStorage, scratch: Path) -> None:
    repository = Repository.open(local)
    made = SetWriter(repository, "unsealed", scratch, keys=Keyring())
    made.collection(definition())
    assert list(repository.scan()) == []
    with pytest.raises(NotFound, match="unsealed"):
        repository.manifest("unsealed")


def test_a_scan_names_what_cannot_be_used(local: LocalStorage, scratch: Path) -> None:
    repository = Repository.open(local)
    usual(repository, scratch)
    local.delete("sets/full/manifest.sha256")
    full, increment = repository.scan()
    assert full.manifest is None
    assert "sets/full/manifest.sha256 is missing" in full.problem
    assert increment.manifest is not None
    with pytest.raises(BackupDamaged, match="sets/full/"):
        repository.chain("increment")
    local.delete("sets/full/manifest.json")
    with pytest.raises(BackupDamaged, match=r"sets/full/manifest\.json is missing; increment is built on it"):
        repository.chain("increment")


def test_a_manifest_copied_to_another_set_is_refused(local: LocalStorage, scratch: Path) -> None:
    repository = Repository.open(local)
    usual(repository, scratch)
    for name in ("manifest.json", "manifest.sha256"):
        local.write_bytes(f"sets/copy/{name}", local.read_bytes(f"sets/full/{name}"))
    with pytest.raises(BackupDamaged, match="manifest of another set, full"):
        repository.manifest("copy")


def test_a_deleted_set_leaves_nothing(storage: Storage, scratch: Path) -> None:
    repository = Repository.open(storage)
    usual(repository, scratch)
    with pytest.raises(Conflict, match="increment is built on full"):
        repository.delete("full")
    repository.delete("increment")
    repository.delete("full")
    repository.delete("full")
    assert [item.path for item in storage.list()] == ["repo.json"]


class _Dying(LocalStorage):
    """A folder whose writer dies after so many deletions."""

    def __init__(self, root: Path, left: int) -> None:
        super().__init__(root)
        self._left = left

    def delete(self, path: str) -> None:
        if not self._left:
            raise KeyboardInterrupt
        self._left -= 1
        super().delete(path)


def test_a_set_half_deleted_is_not_there_and_is_swept_after_a_day(tmp_path: Path, scratch: Path) -> None:
    for deletions in itertools.count(1):
        root = tmp_path / str(deletions)
        make_set(Repository.open(LocalStorage(root)), scratch, base=(everything(3),), overlay=(Gone([1]),))
        repository = Repository.open(_Dying(root, deletions))
        try:
            repository.delete("full")
            break
        except KeyboardInterrupt:
            whole = Repository.open(LocalStorage(root))
            assert list(whole.scan()) == []
            assert whole.sweep(datetime.now(UTC)) == []
            assert whole.sweep(datetime.now(UTC) + LATER, busy={"full"}) == []
            assert whole.sweep(datetime.now(UTC) + LATER) == ["full"]
            assert [item.path for item in whole.storage.list()] == ["repo.json"]
    assert deletions == 5


def test_sweeping_leaves_finished_and_damaged_sets_alone(storage: Storage, scratch: Path) -> None:
    repository = Repository.open(storage)
    usual(repository, scratch)
    storage.delete("sets/full/manifest.sha256")
    storage.write_bytes("journal/1/0.seg", b"x")
    before = [item.path for item in storage.list()]
    assert repository.sweep(datetime.now(UTC) + LATER) == []
    assert [item.path for item in storage.list()] == before


def test_sets_that_are_built_on_each_other_are_refused(local: LocalStorage, scratch: Path) -> None:
    repository = Repository.open(local)
    usual(repository, scratch)
    text = local.read_bytes("sets/full/manifest.json").replace(b'"parent": null', b'"parent": "increment"')
    local.write_bytes("sets/full/manifest.json", text)
    local.write_bytes("sets/full/manifest.sha256", manifest_checksum(text))
    with pytest.raises(BackupDamaged, match="built on itself"):
        repository.chain("increment")


def test_a_definition_that_was_altered_is_named(local: LocalStorage, scratch: Path) -> None:
    repository = Repository.open(local)
    usual(repository, scratch)
    path = "sets/full/collections/c1/schema.json"
    local.write_bytes(path, local.read_bytes(path).replace(b"everything", b"everythinG"))
    with pytest.raises(BackupDamaged, match=f"{path} is not as it was written"):
        repository.definition(repository.manifest("full").collections[0])


def test_a_collection_that_came_after_the_parent_ends_its_chain_there(local: LocalStorage, scratch: Path) -> None:
    repository = Repository.open(local)
    make_set(repository, scratch, base=(everything(3),))
    made = make_set(repository, scratch, "next", parent="full", overlay=(Gone([1]),), of=definition(uid="c2"))
    assert made.rows == 0
    assert list(repository.changes("next", "c2", Keyring(), scratch)) == [Gone([1])]


@pytest.mark.parametrize("set_id", ["", "..", "a/b", "../x", "-a", "x" * 65, "ä"])
def test_what_is_no_id_is_refused(local: LocalStorage, set_id: str) -> None:
    with pytest.raises(InvalidRequest, match="no id of a backup"):
        Repository.open(local).manifest(set_id)


def test_ids_sort_by_time_and_are_accepted(local: LocalStorage, scratch: Path) -> None:
    one, other = new_set_id(AT), new_set_id(AT + timedelta(seconds=1))
    assert one < other
    made = SetWriter(Repository.open(local), one, scratch, keys=KEYS)
    made.seal(start=Moment(None, AT), end=Moment(None, AT), created=AT)
    assert Repository.open(local).manifest(one).collections == ()
