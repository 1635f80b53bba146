"""Dropping a collection."""

from collections.abc import Callable

import pytest
from django.contrib.admin.models import DELETION, LogEntry
from django.test import Client

from tests.admin.conftest import LIST
from tests.support.engines import RunningEngine
from vectorstore.domain.errors import NotFound
from vectorstore.domain.requests import CollectionChanges
from vectorstore.models import CollectionRecord
from vectorstore.service import AliasService, CollectionService

pytestmark = pytest.mark.django_db


def page_of(record: CollectionRecord) -> str:
    return f"{LIST}{record.pk}/delete/"


def test_page_says_how_many_rows_will_be_lost(browser: Client, record: CollectionRecord) -> None:
    page = browser.get(page_of(record)).content.decode()

    assert "12 rows" in page
    assert "1 index and 1 partition" in page


@pytest.mark.parametrize("typed", ["", "yes", "ADMIN"])
def test_another_name_drops_nothing(browser: Client, record: CollectionRecord, typed: str) -> None:
    answer = browser.post(page_of(record), {"name": typed})

    assert "Nothing was dropped." in answer.content.decode()
    assert CollectionService().describe(record.name).row_count == 12


def test_its_name_drops_it_and_the_log_says_so(browser: Client, record: CollectionRecord) -> None:
    answer = browser.post(page_of(record), {"name": record.name})

    assert answer.status_code == 302
    with pytest.raises(NotFound):
        CollectionService().describe(record.name)
    entry = LogEntry.objects.get()
    assert (entry.action_flag, entry.object_repr) == (DELETION, record.name)
    assert entry.get_change_message() == "Dropped with all its rows."


def test_a_protected_one_is_set_aside(browser: Client, record: CollectionRecord) -> None:
    CollectionService().update(record.name, CollectionChanges(protected=True))

    assert "It is protected" in browser.get(page_of(record)).content.decode()
    answer = browser.post(page_of(record), {"name": record.name})

    assert answer.status_code == 302
    (kept,) = CollectionService().names(f"{record.name}__dropped_")
    assert LogEntry.objects.get().get_change_message() == "Set aside to be dropped later."
    CollectionService().rename(kept, record.name)
    assert CollectionService().load(record.name).row_count == 12
    CollectionService().update(record.name, CollectionChanges(protected=False))


def test_aliases_forbid_it(browser: Client, record: CollectionRecord) -> None:
    alias = f"{record.name}_alias"
    AliasService().create(alias, record.name)

    answer = browser.post(page_of(record), {"name": record.name})
    AliasService().drop(alias)

    assert f"Aliases point to {record.name}" in answer.content.decode()


def test_the_record_of_one_that_is_gone_can_be_removed(browser: Client, lite: RunningEngine) -> None:
    gone = CollectionRecord.objects.create(name="admin_gone", engine_id=17, schema={"fields": []})

    assert "No rows are lost" in browser.get(page_of(gone)).content.decode()
    browser.post(page_of(gone), {"name": "admin_gone"})

    assert not CollectionRecord.objects.filter(pk=gone.pk).exists()
    assert LogEntry.objects.get().object_id == str(gone.pk)


def test_nothing_is_dropped_while_milvus_is_away(browser: Client, milvus_away: CollectionRecord) -> None:
    answer = browser.post(page_of(milvus_away), {"name": milvus_away.name})

    assert answer.status_code == 200
    assert "Milvus cannot be reached" in answer.content.decode()
    assert CollectionRecord.objects.filter(pk=milvus_away.pk).exists()


def test_it_needs_its_own_right(browser_with: Callable[..., Client], record: CollectionRecord) -> None:
    editor = browser_with("editor")

    assert editor.post(page_of(record), {"name": record.name}).status_code == 403
    assert CollectionService().describe(record.name).row_count == 12
