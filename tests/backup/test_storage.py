"""What holds for every storage."""

import hashlib
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from vectorstore.backup.storage import Storage
from vectorstore.domain.errors import InvalidRequest, NotFound


def test_a_file_comes_back_as_it_was_written(storage: Storage, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"abc" * 1000)
    stored = storage.write("sets/a/file", source)
    assert (stored.size, stored.sha256) == (3000, hashlib.sha256(source.read_bytes()).hexdigest())
    assert storage.read_bytes("sets/a/file") == source.read_bytes()
    assert storage.size("sets/a/file") == 3000
    assert storage.exists("sets/a/file")


def test_a_file_of_several_parts_comes_back_whole(storage: Storage) -> None:
    data = bytes(range(256)) * (34 * 4096)
    assert storage.write("large", io.BytesIO(data)).size == len(data)
    assert storage.read_bytes("large") == data


@pytest.mark.parametrize("size", [0, 1, 16 * 1024 * 1024])
def test_files_at_the_edges_of_a_part_come_back_whole(storage: Storage, size: int) -> None:
    assert storage.write_bytes("edge", b"x" * size).sha256 == hashlib.sha256(b"x" * size).hexdigest()
    assert storage.read_bytes("edge") == b"x" * size


def test_what_is_not_committed_is_not_there(storage: Storage) -> None:
    storage.write_bytes("kept", b"former")
    with storage.create("kept") as sink:
        sink.write(b"x" * (17 * 1024 * 1024))
    with storage.create("new") as sink:
        sink.write(b"x")
    assert storage.read_bytes("kept") == b"former"
    assert not storage.exists("new")
    assert [item.path for item in storage.list()] == ["kept"]


def test_a_file_is_replaced_as_a_whole(storage: Storage) -> None:
    storage.write_bytes("a", b"former and longer")
    storage.write_bytes("a", b"new")
    assert storage.read_bytes("a") == b"new"


def test_a_listing_has_what_lies_below_a_folder_in_order(storage: Storage) -> None:
    for path in ("sets/b/2", "sets/a/x/1", "sets/a/0", "journal/1/0.seg"):
        storage.write_bytes(path, path.encode())
    found = list(storage.list("sets/a/"))
    assert [(item.path, item.size) for item in found] == [("sets/a/0", 8), ("sets/a/x/1", 10)]
    assert abs(datetime.now(UTC) - found[0].modified) < timedelta(hours=1)
    assert [item.path for item in storage.list()] == ["journal/1/0.seg", "sets/a/0", "sets/a/x/1", "sets/b/2"]
    assert list(storage.list("nothing/")) == []


def test_what_is_deleted_is_gone_and_may_be_deleted_again(storage: Storage) -> None:
    storage.write_bytes("sets/a/1", b"1")
    storage.delete("sets/a/1")
    storage.delete("sets/a/1")
    assert storage.size("sets/a/1") is None
    storage.write_bytes("sets/a/1", b"2")
    assert storage.read_bytes("sets/a/1") == b"2"


def test_a_missing_file_is_named(storage: Storage) -> None:
    with pytest.raises(NotFound, match=r"sets/a/1"):
        storage.open("sets/a/1")


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "sets/../../x", "", "a\x00b", "a\\b"])
def test_no_path_leads_out_of_the_storage(storage: Storage, path: str) -> None:
    for attempt in (storage.create, storage.open, storage.size, storage.delete):
        with pytest.raises(InvalidRequest, match="no path"):
            attempt(path)


def test_unfinished_writes_of_dead_writers_are_removed(storage: Storage) -> None:
    sink = storage.create("dead")
    sink.write(b"x" * (17 * 1024 * 1024))
    storage.drop_unfinished(datetime.now(UTC) - timedelta(hours=1))
    storage.drop_unfinished(datetime.now(UTC) + timedelta(hours=1))
    with pytest.raises(Exception, match="dead"):
        sink.commit()
    sink.abort()
    assert not storage.exists("dead")
