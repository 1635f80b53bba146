from pathlib import Path

import pytest

from tests.transfer.made import BOUNDS
from vectorstore.domain.errors import MalformedRequest
from vectorstore.transfer.readers import Bad, Position
from vectorstore.transfer.readers.csv_text import CsvReader, cells


def read(path: Path, text: bytes) -> list[object]:
    path.write_bytes(text)
    return [row for piece in CsvReader(path, BOUNDS).read(Position()) for row in piece.rows]


@pytest.mark.parametrize(
    ("record", "found"),
    [
        ("a,b", ["a", "b"]),
        ("", [None]),
        (",", [None, None]),
        ('"",x', ["", "x"]),
        ('"a,""b""\r\nc",d', ['a,"b"\r\nc', "d"]),
        ("a,", ["a", None]),
        (" a , b ", [" a ", " b "]),
    ],
)
def test_cells_by_rfc_4180(record: str, found: list[str | None]) -> None:
    assert cells(record) == found


@pytest.mark.parametrize("record", ['a"b', '"a"b,c', '"a'])
def test_a_quote_out_of_place_is_no_cell(record: str) -> None:
    with pytest.raises(ValueError, match="quote is wrong in cell 1"):
        cells(record)


def test_ends_of_lines_of_both_kinds_and_a_mark_at_the_beginning(tmp_path: Path) -> None:
    assert read(tmp_path / "f", b'\xef\xbb\xbfa,b\r\n1,"x\ny"\n\r\n"",2') == [
        {"a": "1", "b": "x\ny"},
        {"a": "", "b": "2"},
    ]


def test_a_row_that_cannot_be_read_is_one_bad_row(tmp_path: Path) -> None:
    found = read(tmp_path / "f", b'a,b\n1\n1,2\n1,\xff\n1,2,3\n1,x"y"\n')
    assert [row.reason if isinstance(row, Bad) else row for row in found] == [
        "the row has 1 cells, the header 2",
        {"a": "1", "b": "2"},
        "the row cannot be read: it is not UTF-8",
        "the row has 3 cells, the header 2",
        "the row cannot be read: a quote is wrong in cell 2",
    ]


@pytest.mark.parametrize("text", [b"", b"a,a\n", b"a,,b\n", b"\xff\n", b'"a\n'])
def test_a_header_that_is_none_is_refused(tmp_path: Path, text: bytes) -> None:
    with pytest.raises(MalformedRequest, match="header"):
        read(tmp_path / "f", text)
