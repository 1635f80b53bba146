"""The list of collections."""

from collections.abc import Callable

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from tests.admin.conftest import LIST
from tests.support.engines import RunningEngine
from vectorstore.models import CollectionRecord
from vectorstore.service import CollectionService

pytestmark = pytest.mark.django_db


def test_list_shows_the_live_state(browser: Client, record: CollectionRecord) -> None:
    page = browser.get(LIST).content.decode()

    assert record.name in page
    assert "HNSW · L2" in page
    assert "loaded" in page
    assert "12" in page


def test_list_adopts_collections_made_elsewhere(browser: Client, record: CollectionRecord) -> None:
    CollectionRecord.objects.all().delete()

    page = browser.get(LIST).content.decode()

    assert record.name in page
    assert CollectionRecord.objects.get(name=record.name).adopted


def test_list_marks_collections_that_are_gone(browser: Client, lite: RunningEngine) -> None:
    CollectionRecord.objects.create(name="admin_gone", engine_id=17, schema={"fields": []})

    assert "gone from Milvus" in browser.get(LIST).content.decode()


def test_list_without_milvus_shows_what_was_recorded_under_a_banner(
    browser: Client, milvus_away: CollectionRecord
) -> None:
    answer = browser.get(LIST)

    page = answer.content.decode()
    assert answer.status_code == 200
    assert "Milvus cannot be reached; what is shown is what was recorded." in page
    assert milvus_away.name in page
    assert "unknown" in page
    assert "HNSW · L2" in page


def test_search_and_filters_narrow_the_list(browser: Client, record: CollectionRecord) -> None:
    assert record.name in browser.get(LIST, {"q": record.name[:10]}).content.decode()
    assert record.name not in browser.get(LIST, {"q": "no such name"}).content.decode()
    assert record.name not in browser.get(LIST, {"protected__exact": "1"}).content.decode()
    assert record.name in browser.get(LIST, {"adopted__exact": "0"}).content.decode()


@pytest.mark.parametrize(
    ("action", "said"), [("release_selected", "released"), ("load_selected", "loaded"), ("flush_selected", "flushed")]
)
def test_actions_on_the_selected_ones_are_done_and_logged(
    browser: Client, record: CollectionRecord, action: str, said: str
) -> None:
    answer = browser.post(LIST, {"action": action, "_selected_action": [record.pk]}, follow=True)

    assert f"{record.name} was {said}" in answer.content.decode()
    assert said in LogEntry.objects.get(object_id=str(record.pk)).get_change_message().lower()


def test_there_is_no_action_that_deletes_many_at_once(browser: Client, record: CollectionRecord) -> None:
    browser.post(LIST, {"action": "delete_selected", "_selected_action": [record.pk], "post": "yes"})

    assert CollectionService().describe(record.name).row_count == 12


def test_an_action_with_milvus_away_is_a_message(browser: Client, milvus_away: CollectionRecord) -> None:
    answer = browser.post(LIST, {"action": "flush_selected", "_selected_action": [milvus_away.pk]}, follow=True)

    assert answer.status_code == 200
    assert f"{milvus_away.name} was not flushed to storage: Milvus cannot be reached." in answer.content.decode()
    assert not LogEntry.objects.exists()


def test_list_needs_the_right_to_view(
    browser_with: Callable[..., Client], record: CollectionRecord, client: Client
) -> None:
    assert browser_with().get(LIST).status_code == 403
    assert browser_with("security_admin").get(LIST).status_code == 403
    assert browser_with("viewer").get(LIST).status_code == 200
    assert client.get(LIST).status_code == 302


def test_actions_need_their_own_right(browser_with: Callable[..., Client], record: CollectionRecord) -> None:
    viewer = browser_with("viewer")

    viewer.post(LIST, {"action": "release_selected", "_selected_action": [record.pk]})

    assert CollectionService().describe(record.name).load_state == "loaded"
