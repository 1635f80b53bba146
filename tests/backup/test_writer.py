"""Making a set: what it holds, resuming, partitions, synthetic full sets."""

from dataclasses import asdict
from pathlib import Path

import pytest

from tests.backup.made import (
    AT,
    KEYS,
    NARROW,
    Unhurried,
    definition,
    everything,
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
from vectorstore.backup.storage import Storage
from vectorstore.backup.storage_local import LocalStorage
from vectorstore.backup.verify import Level, verify
from vectorstore.backup.writer import SetWriter
from vectorstore.domain.arrow import PARTITION
from vectorstore.domain.digest import digest_of
from vectorstore.domain.errors import Conflict
from vectorstore.journal.changes import Cleared, Rows


@pytest.mark.parametrize("keys", [Keyring(), KEYS], ids=["plain", "encrypted"])
def test_a_set_holds_base_and_overlay_as_one_state(storage: Storage, scratch: Path, keys: Keyring) -> None:
    repository = Repository.open(storage)
    manifest = usual(repository, scratch, keys)
    rows = list(live_rows(repository.changes("increment", "c1", keys, scratch), definition().schema, scratch))
    found = sorted(key for each in rows for key in each.column("id").to_pylist())
    assert found == [2, 3, 4, 5, 9]
    wanted = [everything(3, 3), rows_of([row(2, text="new"), row(9)])]
    assert (manifest.rows, manifest.collections[0].digest) == (5, digest_of(wanted, definition().schema).hex)
    assert manifest.encryption_key == (keys.first.id if keys.first else None)


def test_rows_keep_their_partitions_where_there_are_several(local: LocalStorage, scratch: Path) -> None:
    repository, of = Repository.open(local), definition(NARROW, partitions=("p", "q"))
    made = SetWriter(repository, "s", scratch, keys=Keyring())
    collection = made.collection(of)
    assert PARTITION in collection.schema.names
    collection.overlay([narrow("a", partition="p"), narrow("b", partition="q"), narrow("c"), Cleared("p")])
    collection.close(3, collection.count().hex)
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
            parts.write(everything(4, number * 4))
            notes.append([asdict(file) for file in parts.close()])
    with killed.base("range-9") as parts:
        parts.write(everything(1, 100))
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
                parts.write(everything(4, number * 4))
                files = parts.close()
        collection.add_base(files)
    assert kept == [True, False, True]
    found = collection.count()
    collection.close(found.rows, found.hex)
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
        parts.write(everything(3))
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
            parts.write(rows.select(collection.schema.names))
        collection.add_base(parts.close())
    collection.close(chain.rows, chain.collections[0].digest)
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
