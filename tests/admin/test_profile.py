"""Pages of profiles and of slow queries."""

from collections.abc import Callable

import pytest
from django.test import Client

from tests.support.profiles import a_profile

pytestmark = pytest.mark.django_db

LIST = "/admin/vectorstore/searchprofile/"


def test_the_list_shows_and_filters_profiles(browser: Client) -> None:
    assert "There are no profiles yet" in browser.get(LIST).content.decode()
    a_profile("docs", took_ms=1234.5)
    a_profile("shop", kept_for="sample", kind="query")
    page = browser.get(LIST).content.decode()
    assert "1,234.5" in page
    assert "shop" in page
    assert "docs" not in browser.get(f"{LIST}?kept_for__exact=sample").content.decode().split("result_list")[1]


def test_an_opened_profile_shows_its_stages_as_a_bar_and_what_to_change(browser: Client) -> None:
    profile = a_profile(
        stages={"milvus": 225.0, "plan": 75.0},
        plan={"consistency": "Strong", "params": {"ef": 64}},
        request={"filter": "price < ?", "top_k": 10},
        batch=3,
    )
    page = browser.get(f"{LIST}{profile.pk}/change/").content.decode()
    assert 'aria-label="plan 25 %, milvus 75 %"' in page
    assert 'class="vs-stage vs-stage-milvus" x="250.00" y="0" width="750.00"' in page
    assert "200 ms" in page
    assert "price &lt; ?" in page
    assert "3 requests in one call" in page
    assert browser.post(f"{LIST}{profile.pk}/change/").status_code == 405
    assert browser.get(f"{LIST}987654321/change/").status_code == 404


def test_slow_queries_come_by_shape_and_can_be_left_to_one_collection(browser: Client) -> None:
    assert "Nothing was slow" in browser.get(f"{LIST}slow/").content.decode()
    for _ in range(3):
        a_profile("docs", shape={"kind": "search", "filter": "price < ?"}, took_ms=400.0)
    a_profile("shop", shape_hash="b", kind="query", plan={"consistency": "Strong"})
    page = browser.get(f"{LIST}slow/").content.decode()
    assert "price &lt; ?" in page
    assert "1,200" in page
    assert "Strong consistency waits" in page
    assert page.index("search of") < page.index("query of")
    assert "search of" not in browser.get(f"{LIST}slow/?collection=shop").content.decode()


def test_pages_are_for_those_who_may_see_profiles(browser_with: Callable[..., Client]) -> None:
    profile = a_profile("docs")
    for path in ("", "slow/", f"{profile.pk}/change/"):
        assert browser_with("collection_admin").get(LIST + path).status_code == 200
        assert browser_with("viewer").get(LIST + path).status_code in (403, 404)
