from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.transfer.made import BOUNDS, parquet, simple
from vectorstore.domain.errors import MalformedRequest, PayloadTooLarge
from vectorstore.transfer.readers import Bounds, Position
from vectorstore.transfer.readers.parquet import ParquetReader, text_sizes


def test_a_footer_that_promises_too_much_is_refused_before_any_data(tmp_path: Path) -> None:
    path = tmp_path / "bomb.parquet"
    zeros = pa.table({"id": pa.array(np.zeros(2_000_000, np.int64))})
    pq.write_table(zeros, path, compression="zstd", use_dictionary=False)
    assert path.stat().st_size < 200_000
    with pytest.raises(PayloadTooLarge, match="unpacked"):
        ParquetReader(path, Bounds(piece=10, rows=10_000_000, size=1_000_000))
    with pytest.raises(PayloadTooLarge, match="2000000 rows"):
        ParquetReader(path, Bounds(piece=10, rows=1_000_000, size=10**9))


def test_a_text_repeated_by_a_dictionary_unfolds_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "bomb.parquet"
    text = pa.array(["x" * 1_000_000])
    packed = pa.DictionaryArray.from_arrays(pa.array(np.zeros(5_000, np.int32)), text)
    nested = pa.ListArray.from_arrays(pa.array(np.arange(5_001, dtype=np.int32)), packed)
    limit = 4_000_000
    pq.write_table(pa.table({"a": packed, "b": nested}), path, store_schema=False, dictionary_pagesize_limit=limit)
    assert path.stat().st_size < 1_000_000
    reader = ParquetReader(path, Bounds(piece=5_000, rows=10_000, size=10**9))
    begun = pa.total_allocated_bytes()
    pieces = reader.read(Position())
    first = next(pieces)
    assert first.size == 16
    assert pa.total_allocated_bytes() - begun < 100_000_000
    assert len(first.rows.column(0).to_pylist()[0]) == 1_000_000
    pieces.close()  # type: ignore[attr-defined]


def test_one_text_that_is_too_long_is_refused(tmp_path: Path) -> None:
    path = parquet(tmp_path / "f", [{"a": "x"}, {"a": "y" * 17_000_000}])
    with pytest.raises(PayloadTooLarge, match="row 1 of the file"):
        list(ParquetReader(path, Bounds(piece=10, rows=10, size=10**9)).read(Position()))


def test_rows_of_endless_lists_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "f"
    pq.write_table(pa.table({"a": pa.array([np.zeros(3_000_000, np.int8)])}), path)
    with pytest.raises(PayloadTooLarge, match="bytes each"):
        list(ParquetReader(path, Bounds(piece=10, rows=10, size=10**9)).read(Position()))


def test_a_file_cut_at_any_place_is_refused(tmp_path: Path) -> None:
    whole = parquet(tmp_path / "whole", [simple(number) for number in range(50)]).read_bytes()
    path = tmp_path / "cut"
    for size in range(0, len(whole), 97):
        path.write_bytes(whole[:size])
        with pytest.raises(MalformedRequest, match="no Parquet"):
            list(ParquetReader(path, BOUNDS).read(Position()))


def test_a_file_with_a_changed_byte_never_gives_more_than_it_has(tmp_path: Path) -> None:
    whole = parquet(tmp_path / "whole", [simple(number) for number in range(50)]).read_bytes()
    path = tmp_path / "changed"
    for place in range(0, len(whole), 53):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x5A]) + whole[place + 1 :])
        try:
            rows = sum(piece.size for piece in ParquetReader(path, BOUNDS).read(Position()))
        except (MalformedRequest, PayloadTooLarge):
            continue
        assert rows <= 1000


def test_text_is_measured_wherever_it_is() -> None:
    column = pa.array(
        [{"a": ["xx", "y"], "b": 1, "c": [("k", "vvv")]}, None, {"a": None, "b": 2, "c": []}],
        pa.struct([("a", pa.list_(pa.string())), ("b", pa.int8()), ("c", pa.map_(pa.string(), pa.string()))]),
    )
    assert text_sizes(column).tolist() == [7, 0, 0]
    assert text_sizes(column.slice(1)).tolist() == [0, 0]
