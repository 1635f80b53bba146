"""What all readers have in common: every row once, in bounded pieces, from any piece on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.transfer.made import BOUNDS, WRITE, ndjson, simple
from vectorstore.domain.collection import Field
from vectorstore.domain.errors import InvalidRequest, PayloadTooLarge
from vectorstore.domain.models import DataType
from vectorstore.transfer.columns import plain_rows
from vectorstore.transfer.readers import Bounds, Piece, Position, Reader, format_of, open_array, open_rows

VECTOR = Field("vector", DataType.FLOAT_VECTOR, dimension=8)


def rows_of(pieces: list[Piece]) -> list[dict[str, Any]]:
    return [
        each for piece in pieces for each in (piece.rows if isinstance(piece.rows, list) else plain_rows(piece.rows))
    ]


def _npy(path: Path, rows: list[dict[str, Any]]) -> Reader:
    array = path.with_suffix(".npy")
    np.save(array, np.array([row["vector"] for row in rows], np.float16))
    beside = ndjson(path, [{"id": row["id"], "n": row["n"]} for row in rows])
    return open_array(array, BOUNDS, VECTOR, open_rows(beside, "ndjson", BOUNDS))


def _rows(kind: Any) -> Callable[[Path, list[dict[str, Any]]], Reader]:
    return lambda path, rows: open_rows(WRITE[kind](path, rows), kind, BOUNDS)


@pytest.fixture(params=["parquet", "ndjson", "json", "csv", "npy"])
def reader(request: pytest.FixtureRequest, tmp_path: Path) -> Reader:
    make = _npy if request.param == "npy" else _rows(request.param)
    return make(tmp_path / "file", [simple(number) for number in range(35)])


def test_every_row_comes_once_in_pieces_of_bounded_size(reader: Reader) -> None:
    pieces = list(reader.read(Position()))
    assert [str(row["n"]) for row in rows_of(pieces)] == [str(number) for number in range(35)]
    assert all(1 <= piece.size <= BOUNDS.piece for piece in pieces)
    assert [piece.first for piece in pieces] == [0, *(piece.next.row for piece in pieces[:-1])]
    assert pieces[-1].next.row == 35


def test_reading_begins_again_after_any_piece(reader: Reader) -> None:
    pieces = list(reader.read(Position()))
    for number, piece in enumerate(pieces):
        rest = list(reader.read(piece.next))
        assert [each.first for each in rest] == [each.first for each in pieces[number + 1 :]]
        assert [row["n"] for row in rows_of(rest)] == [row["n"] for row in rows_of(pieces[number + 1 :])]


@pytest.mark.parametrize("kind", ["parquet", "ndjson", "json", "csv"])
def test_a_file_with_too_many_rows_is_refused(tmp_path: Path, kind: Any) -> None:
    path = WRITE[kind](tmp_path / "file", [simple(number) for number in range(20)])
    with pytest.raises(PayloadTooLarge, match=r"(19|20) rows"):
        list(open_rows(path, kind, Bounds(piece=10, rows=19, size=10_000)).read(Position()))


@pytest.mark.parametrize("kind", ["ndjson", "json", "csv"])
def test_a_row_longer_than_the_limit_is_refused_before_it_is_held(
    tmp_path: Path, kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("lines", "json_array", "csv_text"):
        monkeypatch.setattr(f"vectorstore.transfer.readers.{module}.MAX_ROW_BYTES", 50_000)
    path = WRITE[kind](tmp_path / "file", [simple(0), simple(1, text="x" * 2_000_000)])
    with pytest.raises(PayloadTooLarge, match="more than"):
        list(open_rows(path, kind, BOUNDS).read(Position()))


def test_the_format_is_told_by_the_name() -> None:
    assert [format_of(name) for name in ("a.PARQUET", "b.jsonl", "c.csv", "d.npy")] == [
        "parquet",
        "ndjson",
        "csv",
        "npy",
    ]
    with pytest.raises(InvalidRequest, match="give the format"):
        format_of("rows.xlsx")
