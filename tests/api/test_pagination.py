"""Lists in pages."""

from typing import Any

import pytest
from django.test import RequestFactory
from rest_framework.exceptions import NotFound
from rest_framework.request import Request

from vectorstore.api.pagination import Pages, refined
from vectorstore.domain.errors import InvalidRequest

ROWS = [("beta", 2), ("Alpha", None), ("gamma", 1), ("alphabet", 2)]
ORDERING = {"name": lambda row: row[0].lower(), "rows": lambda row: row[1]}


def _request(**query: Any) -> Request:
    return Request(RequestFactory().get("/api/v1/things/", query))


def _names(**query: Any) -> list[str]:
    return [row[0] for row in refined(ROWS, _request(**query), lambda row: row[0], ORDERING)]


def _texts(numbers: list[int]) -> list[str]:
    return [str(number) for number in numbers]


def test_the_first_key_is_the_default_order() -> None:
    assert _names() == ["Alpha", "alphabet", "beta", "gamma"]


def test_search_finds_a_part_of_the_text_in_any_case() -> None:
    assert _names(search="ALPHA") == ["Alpha", "alphabet"]


@pytest.mark.parametrize(
    ("ordering", "names"),
    [
        ("-name", ["gamma", "beta", "alphabet", "Alpha"]),
        ("rows,name", ["gamma", "alphabet", "beta", "Alpha"]),
        ("-rows,-name", ["beta", "alphabet", "gamma", "Alpha"]),
    ],
)
def test_ordering_takes_several_keys_and_puts_the_valueless_last(ordering: str, names: list[str]) -> None:
    assert _names(ordering=ordering) == names


@pytest.mark.parametrize("ordering", ["color", "name,", "--name", "-"])
def test_an_unknown_order_is_refused_naming_those_there_are(ordering: str) -> None:
    with pytest.raises(InvalidRequest, match="name, rows"):
        _names(ordering=ordering)


def test_pages_link_to_their_neighbours() -> None:
    page = Pages().envelope(range(25), _request(page=2, page_size=10), _texts)
    assert page == {
        "count": 25,
        "next": "http://testserver/api/v1/things/?page=3&page_size=10",
        "previous": "http://testserver/api/v1/things/?page_size=10",
        "results": [str(number) for number in range(10, 20)],
    }


def test_only_the_rows_of_the_page_are_rendered_and_those_gone_are_left_out() -> None:
    seen: list[int] = []

    def render(numbers: list[int]) -> list[int]:
        seen.extend(numbers)
        return [number for number in numbers if number != 1]

    assert Pages().envelope(range(1000), _request(page_size=3), render)["results"] == [0, 2]
    assert seen == [0, 1, 2]


def test_an_empty_list_is_one_empty_page() -> None:
    assert Pages().envelope([], _request(), _texts) == {"count": 0, "next": None, "previous": None, "results": []}


def test_a_page_past_the_end_is_not_found() -> None:
    with pytest.raises(NotFound):
        Pages().envelope(range(10), _request(page=2), _texts)


@pytest.mark.parametrize("name", ["page", "page_size"])
@pytest.mark.parametrize("value", ["0", "-1", "x", "1.5", "last", "9" * 5000, "²"])
def test_a_page_that_is_no_positive_integer_is_refused(name: str, value: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Pages().envelope(range(10), _request(**{name: value}), _texts)
    assert caught.value.errors[0].pointer == f"?{name}"


def test_a_page_has_at_most_a_thousand_rows() -> None:
    assert len(Pages().envelope(range(2000), _request(page_size=1000), _texts)["results"]) == 1000
    with pytest.raises(InvalidRequest, match="1 to 1000"):
        Pages().envelope(range(2000), _request(page_size=1001), str)
