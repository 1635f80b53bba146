"""Making a set: what it holds, resuming, partitions, synthetic full sets."""

import contextlib
import itertools
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.backup.made import (
    AT,
    KEYS,
    NARROW,
    NO_KEYS,
    Unhurried,
    definition,
    everything,
    in_partition,
    make_set,
    narrow,
    row,
    rows_of,
    usual,
)
from vectorstore.backup.encryption import Keyring
from vectorstore.backup.manifest import Moment, file_from
from vectorstore.backup.merge import live_rows
from vectorstore.backup.repository import Repository
from vectorstore.backup.storage import Sink, Storage, Stored
from vectorstore.backup.storage_local import LocalStorage
from vectorstore.backup.verify import Level, verify
from vectorstore.backup.writer import SetWriter
from vectorstore.domain.arrow import PARTITION
from vectorstore.domain.digest import digest_of
from vectorstore.domain.errors import Conflict, NotFound
from vectorstore.journal.changes import Cleared, Gone, Rows
from vectorstore.service.work import Interrupted


@pytest.mark.parametrize("keys", [Keyring(), KEYS], ids=["plain", "encrypted"])
def test_a_set_holds_base_and_overlay_as_one_state(storage: Storage, scratch: Path, keys: Keyring) -> None:
    repository = Repository.open(storage)
    manifest = usual(repository, scratch, keys)
    rows = list(live_rows(repository.changes("increment", "c1", keys, scratch), definition().schema, scratch))
    found = sorted(key for each in rows for key in each.column("id").to_pylist())
    assert found == [2, 3, 4, 5, 9]
    wanted = [in_partition(everything(3, 3)), in_partition(rows_of([row(2, text="new"), row(9)]))]
    digest = digest_of(wanted, definition().schema, partitions=True)
    assert (manifest.rows, manifest.collections[0].digest) == (5, digest.hex)
    assert manifest.encryption_key == (keys.first.id if keys.first else None)


def test_rows_keep_their_partitions_where_there_are_several(local: LocalStorage, scratch: Path) -> None:
    repository, of = Repository.open(local), definition(NARROW, partitions=("p", "q"))
    made = SetWriter(repository, "s", scratch, keys=Keyring())
    collection = made.collection(of)
    assert PARTITION in collection.schema.names
    collection.overlay([narrow("a", partition="p"), narrow("b", partition="q"), narrow("c"), Cleared("p")])
    collection.close(collection.count())
    manifest, _ = made.seal(start=Moment(1, AT), end=Moment(2, AT), created=AT)
    assert manifest.collections[0].layers.cleared == ("p",)
    rows = live_rows(repository.changes("s", "c1", Keyring(), scratch), NARROW, scratch)
    kept = {each["id"]: each[PARTITION] for batch in rows for each in batch.to_pylist()}
    assert kept == {"a": "p", "b": "q", "c": ""}


def test_a_collection_that_was_emptied_holds_nothing_of_its_parent(local: LocalStorage, scratch: Path) -> None:
    repository = Repository.open(local)
    make_set(repository, scratch, base=(everything(5),))
    manifest = make_set(repository, scratch, "next", parent="full", overlay=(Rows(everything(1)), Cleared()))
    assert (manifest.rows, manifest.collections[0].layers.cleared) == (1, True)


def test_a_resumed_run_takes_the_parts_that_are_intact(storage: Storage, scratch: Path, work: Unhurried) -> None:
    repository = Repository.open(storage)
    killed = SetWriter(repository, "s", scratch, keys=Keyring()).collection(definition())
    notes = []
    for number in range(3):
        with killed.base(f"range-{number}") as parts:
            parts.write(in_partition(everything(4, number * 4)))
            notes.append([asdict(file) for file in parts.close()])
    with killed.base("range-9") as parts:
        parts.write(in_partition(everything(1, 100)))
        parts.close()
    spoiled = notes[1][0]["path"]
    storage.write_bytes(spoiled, storage.read_bytes(spoiled)[:-1] + b"x")

    again = SetWriter(repository, "s", scratch, keys=Keyring())
    collection = again.collection(definition())
    kept = []
    for number, note in enumerate(notes):
        files = tuple(file_from(each) for each in note)
        kept.append(collection.kept(files))
        if not kept[-1]:
            with collection.base(f"range-{number}") as parts:
                parts.write(in_partition(everything(4, number * 4)))
                files = parts.close()
        collection.add_base(files)
    assert kept == [True, False, True]
    found = collection.count()
    collection.close(found)
    manifest, _ = again.seal(start=Moment(1, AT), end=Moment(2, AT), created=AT)
    assert manifest.rows == 12
    assert not storage.exists("sets/s/collections/c1/base/range-9-00000.parquet")
    assert verify(repository, "s", Level.ROWS, work, Keyring(), scratch).intact


def test_parts_that_are_gone_or_of_another_set_are_not_taken(local: LocalStorage, scratch: Path) -> None:
    repository = Repository.open(local)
    make_set(repository, scratch, base=(everything(3),))
    (file,) = repository.manifest("full").collections[0].layers.base
    collection = SetWriter(repository, "s", scratch, keys=Keyring()).collection(definition())
    assert not collection.kept([file])
    with collection.base() as parts:
        parts.write(in_partition(everything(3)))
        made = parts.close()
    assert collection.kept(made)
    local.delete(made[0].path)
    assert not collection.kept(made)


def test_a_synthetic_full_set_is_its_chain_in_one(local: LocalStorage, scratch: Path, work: Unhurried) -> None:
    repository = Repository.open(local)
    chain = usual(repository, scratch)
    made = SetWriter(repository, "synthetic", scratch, keys=KEYS)
    collection = made.collection(definition())
    with collection.base() as parts:
        for rows in live_rows(repository.changes("increment", "c1", Keyring(), scratch), definition().schema, scratch):
            parts.write(rows)
        collection.add_base(parts.close())
    collection.close(collection.count())
    made.seal(start=chain.start, end=chain.end, created=AT)
    assert verify(repository, "synthetic", Level.ROWS, work, KEYS, scratch).intact


def test_a_finished_set_is_not_written_again(local: LocalStorage, scratch: Path) -> None:
    repository = Repository.open(local)
    make_set(repository, scratch)
    with pytest.raises(Conflict, match="finished already"):
        SetWriter(repository, "full", scratch, keys=Keyring())


def test_a_set_is_not_sealed_before_its_collections_are_counted(local: LocalStorage, scratch: Path) -> None:
    made = SetWriter(Repository.open(local), "s", scratch, keys=Keyring())
    made.collection(definition())
    with pytest.raises(Conflict, match="no count and digest"):
        made.seal(start=Moment(1, AT), end=Moment(2, AT), created=AT)
    assert list(Repository.open(local).scan()) == []


def test_an_abandoned_set_leaves_nothing(storage: Storage, scratch: Path) -> None:
    made = SetWriter(Repository.open(storage), "s", scratch, keys=Keyring())
    made.collection(definition()).overlay([Rows(everything(2))])
    made.abandon()
    assert [item.path for item in storage.list()] == ["repo.json"]


def test_a_collection_read_whole_into_an_increment_has_nothing_of_its_parent(
    local: LocalStorage, scratch: Path
) -> None:
    repository = Repository.open(local)
    make_set(repository, scratch, base=(everything(5),))
    manifest = make_set(repository, scratch, "next", parent="full", base=(everything(1, 3),))
    assert (manifest.rows, manifest.collections[0].layers.whole) == (1, True)
    made = SetWriter(repository, "emptied", scratch, keys=NO_KEYS, parent="full")
    collection = made.collection(definition())
    collection.add_base(())
    assert collection.count().rows == 0
    found = live_rows(repository.changes("next", "c1", NO_KEYS, scratch), definition().schema, scratch)
    assert [rows.column("id").to_pylist() for rows in found] == [[3]]


def test_a_parent_that_is_not_there_is_refused_at_once(local: LocalStorage, scratch: Path) -> None:
    with pytest.raises(NotFound, match="no backup lost"):
        SetWriter(Repository.open(local), "s", scratch, keys=NO_KEYS, parent="lost")


class _Mortal(LocalStorage):
    """A folder whose writer dies at its n-th commit, before or after it."""

    def __init__(self, root: Path, commits: int, after: bool) -> None:
        super().__init__(root)
        self._commits, self._after = commits, after

    def create(self, path: str) -> Sink:
        sink = super().create(path)
        commit = sink.commit

        def counted() -> Stored:
            self._commits -= 1
            if not self._commits and not self._after:
                raise KeyboardInterrupt
            stored = commit()
            if not self._commits:
                raise KeyboardInterrupt
            return stored

        sink.commit = counted  # type: ignore[method-assign]
        return sink


@pytest.mark.parametrize("after", [False, True])
def test_a_backup_killed_at_any_file_is_whole_or_not_there_and_can_be_made_again(
    tmp_path: Path, scratch: Path, work: Unhurried, after: bool
) -> None:
    for commits in itertools.count(1):
        root = tmp_path / str(commits)
        Repository.open(LocalStorage(root))
        dying = Repository.open(_Mortal(root, commits, after))
        overlay = (Rows(everything(2, 2)), Gone([0]))
        with contextlib.suppress(KeyboardInterrupt):
            make_set(dying, scratch, base=(everything(6),), overlay=overlay)
            break
        again = Repository.open(LocalStorage(root))
        sealed = [found.set_id for found in again.scan() if found.manifest is not None]
        assert sealed == (["full"] if after and commits == 6 else [])
        if not sealed:
            make_set(again, scratch, base=(everything(6),), overlay=overlay)
        assert verify(again, "full", Level.ROWS, work, NO_KEYS, scratch).intact
    assert commits == 7


def test_a_worker_that_lost_its_job_seals_nothing(local: LocalStorage, scratch: Path) -> None:
    lost = False

    def check() -> None:
        if lost:
            raise Interrupted

    made = SetWriter(Repository.open(local), "s", scratch, keys=NO_KEYS, check=check)
    collection = made.collection(definition())
    collection.overlay([Rows(everything(2))])
    collection.close(collection.count())
    lost = True
    with pytest.raises(Interrupted):
        made.seal(start=Moment(1, AT), end=Moment(2, AT), created=AT)
    assert list(Repository.open(local).scan()) == []
    assert not local.exists("sets/s/manifest.json")
