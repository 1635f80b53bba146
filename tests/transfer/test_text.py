import pytest

from tests.backup.made import EVERYTHING
from vectorstore.transfer.text import read_cell, read_cells, read_json


def field(name: str):  # type: ignore[no-untyped-def]
    found = EVERYTHING.field(name)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("yes", "TRUE", True),
        ("yes", "0", False),
        ("tiny", " -7 ", -7),
        ("id", "9223372036854775807", "9223372036854775807"),
        ("double", "1e-3", 0.001),
        ("double", ".5", 0.5),
        ("text", " as it is ", " as it is "),
        ("json", "null", None),
        ("tags", '["a"]', ["a"]),
        ("dense", "[1,2,3]", [1, 2, 3]),
        ("bits", "/wE=", "/wE="),
        ("sparse", '{"3": 0.5}', {"3": 0.5}),
    ],
)
def test_cells_by_the_type_of_their_field(name: str, text: str, value: object) -> None:
    assert read_cell(text, field(name)) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("yes", "yes"),
        ("tiny", "1.0"),
        ("tiny", "1_000"),
        ("tiny", "٣"),
        ("tiny", "9" * 5000),
        ("double", "nan"),
        ("double", "inf"),
        ("double", "1_0"),
        ("double", "0x1p3"),
        ("json", "{"),
        ("json", "NaN"),
        ("dense", "[1,"),
        ("tags", "a,b"),
    ],
)
def test_what_is_no_such_value_is_told(name: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"the (value|text) is no"):
        read_cell(text, field(name))


def test_an_empty_cell_is_null_and_for_a_text_that_takes_none_the_empty_string() -> None:
    from tests.transfer.test_checking import FULL

    assert read_cells({"id": "1"}, FULL) == ({"id": "1", "text": ""}, [])
    assert read_cells({"id": "1"}, EVERYTHING) == ({"id": "1"}, [])


def test_sparse_vectors_of_columns() -> None:
    good = {"sparse": {"indices": [1, 5], "weights": [0.5, 1.0]}}
    assert read_json(good, EVERYTHING) == ({"sparse": {1: 0.5, 5: 1.0}}, [])
    assert read_json({"sparse": [(1, 0.5)]}, EVERYTHING) == ({"sparse": {1: 0.5}}, [])
    for wrong in ({"indices": [1], "weights": []}, {"indices": [1, 1], "weights": [1.0, 2.0]}):
        assert read_json({"sparse": wrong}, EVERYTHING)[1][0][0] == "sparse"
