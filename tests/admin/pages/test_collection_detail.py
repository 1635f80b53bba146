"""The page of one collection."""

from collections.abc import Callable

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from tests.admin.conftest import LIST
from tests.conftest import Caches
from tests.support.engines import RunningEngine
from vectorstore.domain.requests import SearchRequest
from vectorstore.models import CollectionRecord
from vectorstore.service import CollectionService, SearchService

pytestmark = pytest.mark.django_db

KEPT = {"cache_enabled": "on", "cache_ttl_s": "0"}
"""What the form sends where the cache stays as it is."""


def page_of(record: CollectionRecord) -> str:
    return f"{LIST}{record.pk}/change/"


def test_page_shows_schema_counts_and_index(browser: Client, record: CollectionRecord) -> None:
    page = browser.get(page_of(record)).content.decode()

    for text in ("FLOAT_VECTOR", "2 dimensions", "1,000 bytes", "primary key", "HNSW", "12", "_default"):
        assert text in page


def test_description_and_protection_are_changed_through_the_service(browser: Client, record: CollectionRecord) -> None:
    answer = browser.post(page_of(record), KEPT | {"description": "what it is for", "protected": "on"}, follow=True)

    view = CollectionService().describe(record.name)
    assert (view.protected, view.collection.description) == (True, "what it is for")
    assert view.generation == record.generation + 1
    assert "was changed: description and protected" in answer.content.decode()
    assert LogEntry.objects.get().get_change_message() == "Changed description and protected."


def test_a_form_sent_without_changes_moves_nothing(browser: Client, record: CollectionRecord) -> None:
    answer = browser.post(page_of(record), KEPT | {"description": ""}, follow=True)

    assert "Nothing was changed." in answer.content.decode()
    assert CollectionService().describe(record.name).generation == record.generation
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize(("action", "state"), [("release", "not_loaded"), ("load", "loaded"), ("flush", "loaded")])
def test_buttons_act_are_reported_and_logged(
    browser: Client, record: CollectionRecord, action: str, state: str
) -> None:
    answer = browser.post(f"{LIST}{record.pk}/do/{action}/", follow=True)

    assert f"{record.name} was " in answer.content.decode()
    assert CollectionService().describe(record.name).load_state == state
    assert LogEntry.objects.filter(object_id=str(record.pk)).count() == 1


def test_the_cache_is_turned_off_shown_and_purged(browser: Client, record: CollectionRecord, cached: Caches) -> None:
    request = SearchRequest(vector=[0.0, 1.0])
    assert [SearchService().search(record.name, request).cache for _ in range(2)] == ["miss", "hit"]
    page = browser.get(page_of(record)).content.decode()
    assert "answers are kept for 60 s; 50 % of 2 searches were answered by it" in page

    answer = browser.post(f"{LIST}{record.pk}/do/purge_cache/", follow=True)
    assert f"{record.name} was taken out of the cache." in answer.content.decode()
    assert SearchService().search(record.name, request).cache == "miss"

    browser.post(page_of(record), {"cache_ttl_s": "5"})
    record.refresh_from_db()
    assert (record.cache_enabled, record.cache_ttl_s) == (False, 5)
    assert SearchService().search(record.name, request).cache == "bypass"


def test_buttons_take_no_get_and_no_other_action(browser: Client, record: CollectionRecord) -> None:
    assert browser.get(f"{LIST}{record.pk}/do/release/").status_code == 405
    assert browser.post(f"{LIST}{record.pk}/do/truncate/").status_code == 404
    assert CollectionService().describe(record.name).load_state == "loaded"


def test_buttons_need_the_token_against_forgery(browser: Client, record: CollectionRecord) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = browser.cookies

    assert strict.post(f"{LIST}{record.pk}/do/release/").status_code == 403


def test_page_without_milvus_shows_the_record(browser: Client, milvus_away: CollectionRecord) -> None:
    answer = browser.get(page_of(milvus_away))

    page = answer.content.decode()
    assert answer.status_code == 200
    assert "Milvus cannot be reached" in page
    assert "FLOAT_VECTOR" in page
    assert "2 dimensions" in page


def test_saving_without_milvus_is_a_message(browser: Client, milvus_away: CollectionRecord) -> None:
    answer = browser.post(page_of(milvus_away), KEPT | {"description": "x"}, follow=True)

    assert f"{milvus_away.name} was not changed: Milvus cannot be reached." in answer.content.decode()


def test_page_of_a_collection_that_is_gone_offers_to_remove_the_record(browser: Client, lite: RunningEngine) -> None:
    gone = CollectionRecord.objects.create(name="admin_gone", engine_id=17, schema={"fields": []})

    assert "Remove the record" in browser.get(page_of(gone)).content.decode()


@pytest.mark.parametrize("key", ["0", "-1", "x", "9" * 30, "1.5"])
def test_keys_that_are_none_are_not_found(browser: Client, lite: RunningEngine, key: str) -> None:
    assert browser.get(f"{LIST}{key}/change/").status_code == 404


def test_rights_decide_what_may_be_done(browser_with: Callable[..., Client], record: CollectionRecord) -> None:
    viewer = browser_with("viewer")

    page = viewer.get(page_of(record)).content.decode()

    assert "Release" not in page
    assert "Drop…" not in page
    assert viewer.post(page_of(record), {"description": "x"}).status_code == 403
    assert viewer.post(f"{LIST}{record.pk}/do/release/").status_code == 403
    assert browser_with().get(page_of(record)).status_code == 403
    loader = browser_with("collection_admin")
    assert loader.post(f"{LIST}{record.pk}/do/release/").status_code == 302
