"""Parts come back bit for bit, end where they should, and say what is in them."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.backup.made import EVERYTHING, KEYS, everything
from vectorstore.backup.manifest import File
from vectorstore.backup.parts import PartWriter, read_part
from vectorstore.backup.storage import Storage
from vectorstore.backup.storage_local import LocalStorage
from vectorstore.domain.arrow import arrow_schema
from vectorstore.domain.errors import BackupDamaged, NotFound

SCHEMA = arrow_schema(EVERYTHING)


def _written(storage: Storage, *batches: pa.RecordBatch, **options: Any) -> tuple[File, ...]:
    with PartWriter(storage, "sets/a/part", batches[0].schema, "id", **options) as parts:
        for rows in batches:
            parts.write(rows)
        return parts.close()


@pytest.mark.parametrize("encrypted", [False, True])
def test_every_type_comes_back_bit_for_bit(storage: Storage, scratch: Path, encrypted: bool) -> None:
    keys = KEYS if encrypted else None
    (file,) = _written(storage, everything(4), everything(3, 4), encrypt=KEYS.first if encrypted else None)
    found = pa.Table.from_batches(read_part(storage, file, keys, scratch))
    assert found.schema == SCHEMA
    assert found.equals(pa.Table.from_batches([everything(7)]))
    stored = storage.read_bytes(file.path)
    assert (file.size, file.sha256) == (len(stored), hashlib.sha256(stored).hexdigest())
    assert file.rows == 7
    assert stored.startswith(b"VSBACK01" if encrypted else b"PAR1")


def test_a_part_names_its_first_and_last_key_in_manifest_and_footer(local: LocalStorage) -> None:
    (file,) = _written(local, everything(4, 10), everything(4))
    assert (file.first_key, file.last_key) == (0, 13)
    with pq.ParquetFile(local.root / file.path) as parquet:
        about = parquet.metadata.metadata
    assert about[b"vectorstore.rows"] == b"8"
    assert (about[b"vectorstore.first_key"], about[b"vectorstore.last_key"]) == (b"0", b"13")


def test_the_manifest_shows_no_key_of_an_encrypted_part(local: LocalStorage) -> None:
    (file,) = _written(local, everything(4), encrypt=KEYS.first)
    assert (file.first_key, file.last_key) == (None, None)


def test_floats_are_split_into_byte_streams_and_nothing_has_a_dictionary(local: LocalStorage) -> None:
    (file,) = _written(local, everything(4))
    with pq.ParquetFile(local.root / file.path) as parquet:
        columns = [parquet.metadata.row_group(0).column(index) for index in range(parquet.metadata.num_columns)]
    split = {column.path_in_schema.split(".")[0] for column in columns if "BYTE_STREAM_SPLIT" in column.encodings}
    assert split == {"single", "double", "dense", "half", "brain", "sparse"}
    assert not any("DICTIONARY" in encoding for column in columns for encoding in column.encodings)
    assert {column.compression for column in columns} == {"ZSTD"}


def test_a_part_ends_at_its_rows(local: LocalStorage, scratch: Path) -> None:
    files = _written(local, everything(5), everything(7, 5), max_rows=4)
    assert [file.rows for file in files] == [4, 4, 4]
    assert [file.path[-18:] for file in files] == ["part-00000.parquet", "part-00001.parquet", "part-00002.parquet"]
    found = [rows for file in files for rows in read_part(local, file, None, scratch)]
    assert pa.Table.from_batches(found).equals(pa.Table.from_batches([everything(12)]))


def test_a_part_ends_at_about_its_bytes(local: LocalStorage) -> None:
    vectors = np.random.default_rng(1).random((60_000, 256), np.float32)
    columns = [pa.array(np.arange(60_000)), pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), 256)]
    rows = pa.RecordBatch.from_arrays(columns, names=["id", "v"])
    cut = [rows.slice(at, 5000) for at in range(0, 60_000, 5000)]
    files = _written(local, *cut, max_bytes=20_000_000)
    assert sum(file.rows for file in files) == 60_000
    assert len(files) == 2
    assert all(file.size < 40_000_000 for file in files)


def test_no_rows_make_no_file(local: LocalStorage) -> None:
    assert _written(local, everything(3).slice(0, 0)) == ()
    assert list(local.list()) == []


def test_a_part_that_was_not_finished_is_not_there(storage: Storage) -> None:
    with PartWriter(storage, "part", SCHEMA, "id", max_rows=2) as parts:
        parts.write(everything(5))
    assert [item.path for item in storage.list()] == ["part-00000.parquet", "part-00001.parquet"]


def test_what_is_no_part_is_named(local: LocalStorage, scratch: Path) -> None:
    local.write_bytes("part", b"PAR1 is how it begins")
    with pytest.raises(BackupDamaged, match="part cannot be read"):
        list(read_part(local, File("part", 21, ""), None, scratch))
    with pytest.raises(NotFound, match="gone"):
        list(read_part(local, File("gone", 21, ""), None, scratch))


def test_a_part_with_other_rows_than_the_manifest_says_is_named(local: LocalStorage, scratch: Path) -> None:
    (file,) = _written(local, everything(4))
    with pytest.raises(BackupDamaged, match="has 4 rows; the manifest says 5"):
        list(read_part(local, File(file.path, file.size, file.sha256, 5), None, scratch))
