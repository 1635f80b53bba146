from pathlib import Path

import orjson
import pytest

from tests.transfer.made import BOUNDS
from vectorstore.domain.errors import MalformedRequest
from vectorstore.transfer.readers import Bad, Position
from vectorstore.transfer.readers.json_array import JsonReader


def read(path: Path, text: bytes) -> list[object]:
    path.write_bytes(text)
    return [row for piece in JsonReader(path, BOUNDS).read(Position()) for row in piece.rows]


def test_braces_and_quotes_in_strings_end_nothing(tmp_path: Path) -> None:
    rows = [{"a": '}],{"\\"'}, {"b": {"c": [{"d": "[\\\\"}]}}, {"e": "\\u005d"}]
    assert read(tmp_path / "f", b"\xef\xbb\xbf " + orjson.dumps(rows) + b"\n") == rows
    assert read(tmp_path / "f", b"[]") == []
    assert read(tmp_path / "f", b"[ ] ") == []


def test_it_does_not_matter_where_a_block_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"text": 'a"\\' * n, "list": [n] * n} for n in range(12)]
    for size in (1, 2, 3, 7, 64):
        monkeypatch.setattr("vectorstore.transfer.readers.json_array._READ", size)
        assert read(tmp_path / "f", orjson.dumps(rows)) == rows


def test_an_element_that_is_no_json_is_one_bad_row(tmp_path: Path) -> None:
    found = read(tmp_path / "f", b'[{"a": NaN}, {"a": 1}, 7, "x", {"a": "\xff"}]')
    assert [isinstance(row, Bad) for row in found] == [True, False, False, False, True]
    assert found[1:4] == [{"a": 1}, 7, "x"]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"   ",
        b"{}",
        b'{"rows": []}',
        b"[",
        b"[{}",
        b'[{"a": "b',
        b"[{},]",
        b"[,{}]",
        b"[{}{}]",
        b"[{}] x",
        b"[}]",
        b"[1",
    ],
)
def test_what_is_no_array_is_refused(tmp_path: Path, text: bytes) -> None:
    with pytest.raises(MalformedRequest, match="no JSON array"):
        read(tmp_path / "f", text)
