import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.transfer.made import BOUNDS, csv_file, ndjson, parquet
from vectorstore.domain.collection import Field
from vectorstore.domain.errors import MalformedRequest
from vectorstore.domain.models import DataType
from vectorstore.transfer.readers import Position, open_array, open_rows
from vectorstore.transfer.readers.npy import NpyReader

DENSE = Field("vector", DataType.FLOAT_VECTOR, dimension=4)
BITS = Field("vector", DataType.BINARY_VECTOR, dimension=32)


class Mine:
    """Says so when it is unpickled."""

    unpickled = False

    def __reduce__(self) -> Any:
        return (setattr, (Mine, "unpickled", True))


def test_a_pickle_is_never_loaded(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.array([Mine()], dtype=object), allow_pickle=True)
    with pytest.raises(MalformedRequest):
        NpyReader(path, BOUNDS, DENSE, None)
    path.write_bytes(pickle.dumps(Mine()))
    with pytest.raises(MalformedRequest, match="no NPY"):
        NpyReader(path, BOUNDS, DENSE, None)
    assert not Mine.unpickled


def test_an_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", b"\0" * 10_000_000)
    with pytest.raises(MalformedRequest, match="no NPY"):
        NpyReader(path, BOUNDS, DENSE, None)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(4, np.float32),
        np.zeros((2, 3), np.float32),
        np.zeros((2, 2, 4), np.float32),
        np.zeros((2, 4), np.int64),
        np.zeros((2, 4), np.complex64),
        np.zeros((2, 4), [("a", "<f4")]),
        np.zeros((2, 4), "V2"),
        np.zeros((2, 4), "datetime64[s]"),
        np.zeros((2, 4), "S4"),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_an_array_of_another_kind_is_refused(tmp_path: Path, array: Any) -> None:
    path = tmp_path / "a.npy"
    np.save(path, array)
    with pytest.raises(MalformedRequest):
        NpyReader(path, BOUNDS, DENSE, None)


def test_a_header_that_promises_more_than_there_is_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    text = io.BytesIO()
    np.lib.format.write_array_header_1_0(text, {"descr": "<f4", "fortran_order": False, "shape": (10**12, 4)})
    path.write_bytes(text.getvalue() + b"\0" * 64)
    with pytest.raises(MalformedRequest, match="cannot be read"):
        NpyReader(path, BOUNDS, DENSE, None)
    for header in (b"", b"\x93NUMPY", b"\x93NUMPY\x01\x00\xff\xff{", b"\x93NUMPY\x09\x00"):
        path.write_bytes(header)
        with pytest.raises(MalformedRequest):
            NpyReader(path, BOUNDS, DENSE, None)


@pytest.mark.parametrize("count", [24, 26])
@pytest.mark.parametrize("write", [ndjson, csv_file, parquet])
def test_metadata_has_a_row_for_each_vector(tmp_path: Path, count: int, write: Any) -> None:
    np.save(tmp_path / "a.npy", np.ones((25, 4), np.float32))
    beside = write(tmp_path / "b", [{"id": f"{n}"} for n in range(count)])
    kind = {ndjson: "ndjson", csv_file: "csv", parquet: "parquet"}[write]
    reader = open_array(tmp_path / "a.npy", BOUNDS, DENSE, open_rows(beside, kind, BOUNDS))  # type: ignore[arg-type]
    with pytest.raises(MalformedRequest, match=r"25 rows and its metadata (24|more) rows"):
        list(reader.read(Position()))


def test_bits_and_columns_in_any_order_of_memory(tmp_path: Path) -> None:
    bits = np.arange(48, dtype=np.uint8).reshape(12, 4)
    np.save(tmp_path / "bits.npy", bits)
    found = [
        row
        for piece in NpyReader(tmp_path / "bits.npy", BOUNDS, BITS, None).read(Position())
        for row in piece.rows.column(0).to_pylist()
    ]
    assert found == [row.tobytes() for row in bits]
    floats = np.asfortranarray(np.arange(48, dtype=np.float64).reshape(12, 4))
    np.save(tmp_path / "floats.npy", floats)
    found = [
        row
        for piece in NpyReader(tmp_path / "floats.npy", BOUNDS, DENSE, None).read(Position())
        for row in piece.rows.column(0).to_pylist()
    ]
    assert found == floats.tolist()
