"""The search playground."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from tests.admin.conftest import LIST
from tests.support.engines import RunningEngine
from vectorstore.models import CollectionRecord
from vectorstore.service import CollectionService

pytestmark = pytest.mark.django_db

SEARCH = f"{LIST}search/"


def search(browser: Client, record: CollectionRecord, **values: Any) -> Any:
    return browser.get(SEARCH, {"collection": record.name, **values})


def ids(answer: Any) -> list[str]:
    return [hit.id for hit in answer.context["results"]]


def test_by_stored_row_finds_its_neighbours_without_it(browser: Client, record: CollectionRecord) -> None:
    answer = search(browser, record, by="id", id="5", top_k="2")

    assert sorted(ids(answer)) == ["4", "6"]
    assert "title 4" in answer.content.decode()


def test_by_vector(browser: Client, record: CollectionRecord) -> None:
    answer = search(browser, record, by="vector", vector="[7.0, 1.0]", top_k="1")

    assert ids(answer) == ["7"]
    assert answer.context["results"][0].bar == 100


def test_each_result_links_to_more_like_it_with_the_same_filter(browser: Client, record: CollectionRecord) -> None:
    answer = search(browser, record, by="vector", vector="[7, 1]", filter="id < 7", top_k="3")

    first = answer.context["results"][0]
    assert first.id == "6"
    assert sorted(ids(browser.get(first.more))) == ["3", "4", "5"]


def test_columns_are_chosen(browser: Client, record: CollectionRecord) -> None:
    answer = search(browser, record, by="id", id="5", chosen="1")

    assert "title 4" not in answer.content.decode()


@pytest.mark.parametrize(
    ("values", "name", "said"),
    [
        ({"by": "vector", "vector": "[1, 2"}, "vector", "no JSON"),
        ({"by": "vector", "vector": "[1]"}, "vector", "1 dimensions, the field has 2"),
        ({"by": "vector", "vector": "7"}, "vector", "list of numbers"),
        ({"by": "id", "id": "999"}, "id", "no row of that id"),
        ({"by": "id", "id": "x"}, "id", "integer"),
        ({"by": "id", "id": "1", "filter": "title =="}, "filter", "column"),
        ({"by": "id", "id": "1", "top_k": "0"}, "top_k", "greater than or equal to 1"),
        ({"by": "id", "id": "1", "top_k": "100000"}, "top_k", "less than or equal to"),
        ({"by": "id", "id": "1", "columns": "nope"}, "columns", "nope"),
    ],
)
def test_errors_stand_beside_their_input(
    browser: Client, record: CollectionRecord, values: dict[str, str], name: str, said: str
) -> None:
    answer = search(browser, record, **values)

    assert answer.status_code == 200
    assert said in " ".join(answer.context["form"].errors[name])
    assert answer.context["results"] is None


def test_a_released_collection_is_an_error_on_the_page(browser: Client, record: CollectionRecord) -> None:
    CollectionService().release(record.name)

    answer = search(browser, record, by="id", id="1")

    assert "not loaded" in " ".join(answer.context["form"].non_field_errors())


def test_text_is_offered_only_with_an_embedding(browser: Client, record: CollectionRecord) -> None:
    answer = search(browser, record, text="anything")

    assert [way for way, _ in answer.context["form"].fields["by"].choices] == ["id", "vector"]
    assert "has no embedding" in answer.content.decode()


def test_hostile_values_are_escaped(browser: Client, record: CollectionRecord) -> None:
    page = search(browser, record, by="id", id='"><script>alert(1)</script>').content.decode()

    assert "<script>alert" not in page


def test_the_default_collection_is_chosen_where_none_is_named(browser: Client, record: CollectionRecord) -> None:
    assert browser.get(SEARCH).context["record"] is not None
    assert browser.get(SEARCH, {"collection": "no_such"}).context["record"] is None


def test_without_collections_the_page_says_what_to_do(browser: Client, lite: RunningEngine) -> None:
    assert "There is nothing to search yet" in browser.get(SEARCH).content.decode()


def test_without_milvus_there_is_a_banner(browser: Client, milvus_away: CollectionRecord) -> None:
    answer = search(browser, milvus_away, by="id", id="1")

    assert answer.status_code == 200
    assert "Milvus cannot be reached; search when it is back." in answer.content.decode()


def test_it_needs_the_right_to_search(browser_with: Callable[..., Client], record: CollectionRecord) -> None:
    assert search(browser_with("security_admin"), record).status_code == 403
    assert search(browser_with("viewer"), record).status_code == 200
