import pytest

from tests.backup.made import NARROW
from vectorstore.domain.errors import InvalidRequest
from vectorstore.transfer.mapping import Mapping


def test_a_row_is_renamed_and_what_is_dropped_left_out() -> None:
    mapping = Mapping({"key": "id", "note": "dense"}, ["x"])
    assert mapping.row({"key": 1, "note": 2, "x": 3, "y": 4}) == {"id": 1, "dense": 2, "y": 4}
    assert (mapping.column("id"), mapping.column("y")) == ("key", "y")
    given = {"a": 1}
    assert Mapping({}, []).row(given) == given
    assert Mapping({}, []).row(given) is not given


def test_two_columns_of_a_row_are_never_one_field() -> None:
    with pytest.raises(ValueError, match="two columns are the field 'id'"):
        Mapping({"key": "id"}, []).row({"id": 1, "key": 2})


@pytest.mark.parametrize(
    ("names", "drop", "columns", "pointers"),
    [
        ({"a": "id", "b": "id"}, [], None, ["/mapping/a", "/mapping/b"]),
        ({"a": "id"}, ["a"], None, ["/mapping/a"]),
        ({"a": ""}, [], None, ["/mapping/a"]),
        ({"a": "$x"}, [], None, ["/mapping/a"]),
        ({"a": "id"}, [], ("id", "dense"), ["/mapping/a"]),
        ({"a": "id"}, [], ("a", "id", "dense"), [""]),
        ({}, ["x"], ("id", "dense"), ["/drop"]),
        ({}, [], ("id",), [""]),
        ({}, [], ("id", "dense", "$x"), [""]),
        ({}, ["note"], ("id", "dense", "note"), []),
        ({"a": "free"}, [], ("id", "dense", "a", "$meta"), []),
    ],
)
def test_names_are_looked_at_before_any_row(
    names: dict[str, str], drop: list[str], columns: tuple[str, ...] | None, pointers: list[str]
) -> None:
    mapping = Mapping(names, drop)
    if not pointers:
        mapping.check(NARROW, columns)
        return
    with pytest.raises(InvalidRequest) as caught:
        mapping.check(NARROW, columns)
    assert [error.pointer for error in caught.value.errors] == pointers


def test_a_field_that_the_gateway_fills_needs_no_column() -> None:
    Mapping({}, []).check(NARROW, ("id",), frozenset({"dense"}))
