"""Creating a collection through the form."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import ADDITION, LogEntry
from django.test import Client

from tests.admin.conftest import LIST
from tests.support.engines import RunningEngine
from vectorstore.models import CollectionRecord
from vectorstore.service import CollectionService

pytestmark = pytest.mark.django_db

ADD = f"{LIST}add/"


def short(name: str, **values: Any) -> dict[str, Any]:
    rows = {"fields-TOTAL_FORMS": "0", "fields-INITIAL_FORMS": "0"}
    return {"name": name, "schema": "short", "dimension": "8", "index_kind": "AUTO", **rows, **values}


def full(name: str, *fields: dict[str, Any], **values: Any) -> dict[str, Any]:
    sent = short(name, schema="full", dimension="", **values)
    sent["fields-TOTAL_FORMS"] = str(len(fields))
    for number, field in enumerate(fields):
        sent |= {f"fields-{number}-{key}": value for key, value in field.items()}
    return sent


ID = {"name": "id", "type": "INT64", "primary": "on"}
VECTOR = {"name": "vector", "type": "FLOAT_VECTOR", "dimension": "4"}


def test_form_offers_the_kinds_of_the_engine_with_their_parameters(browser: Client, lite: RunningEngine) -> None:
    page = browser.get(ADD).content.decode()

    assert 'value="HNSW"' in page
    assert "param_HNSW_efConstruction" in page
    assert 'value="DISKANN"' not in page  # Milvus Lite has none


def test_short_form_creates_and_logs(browser: Client, new_name: Callable[[], str], dropped: list[str]) -> None:
    dropped.append(name := new_name())

    sent = short(name, metric="IP", description="made by hand", expected_rows="500", make_ids="on", protected="on")
    answer = browser.post(ADD, sent, follow=True)

    view = CollectionService().describe(name)
    assert [str(field.type) for field in view.collection.fields] == ["VARCHAR", "FLOAT_VECTOR"]
    assert (str(view.indexes[0].spec.kind), str(view.indexes[0].spec.metric)) == ("FLAT", "IP")
    assert (view.protected, view.owner, view.collection.auto_id) == (True, "root", True)
    assert f"{name} was created and loaded" in answer.content.decode()
    assert LogEntry.objects.get().action_flag == ADDITION


def test_full_form_creates_each_field_and_the_chosen_index(
    browser: Client, new_name: Callable[[], str], dropped: list[str]
) -> None:
    dropped.append(name := new_name())
    tags = {"name": "tags", "type": "ARRAY", "element_type": "VARCHAR", "max_length": "20", "max_capacity": "8"}
    removed = {"name": "no", "type": "BOOL", "DELETE": "on"}
    blank = {"name": "", "type": "VARCHAR"}

    browser.post(ADD, full(name, ID, removed, VECTOR, blank, tags, index_kind="HNSW", param_HNSW_M="24"))

    view = CollectionService().describe(name)
    assert [field.name for field in view.collection.fields] == ["id", "vector", "tags"]
    assert view.collection.field("tags").max_capacity == 8  # type: ignore[union-attr]
    assert (str(view.indexes[0].spec.kind), view.indexes[0].spec.params["M"]) == ("HNSW", 24)


def errors_of(answer: Any) -> dict[str, str]:
    return {name: " ".join(errors) for name, errors in answer.context["form"].errors.items()}


def test_errors_stand_beside_the_inputs_of_the_collection(browser: Client, lite: RunningEngine) -> None:
    answer = browser.post(ADD, short("9 lives", dimension="99999"))

    errors = errors_of(answer)
    assert "no valid name" in errors["name"]
    assert "1 to 32768" in errors["dimension"]
    assert not CollectionRecord.objects.exists()


def test_errors_stand_beside_the_inputs_of_a_field(
    browser: Client, new_name: Callable[[], str], lite: RunningEngine
) -> None:
    removed = {"name": "no", "type": "BOOL", "DELETE": "on"}
    wrong = {"name": "like", "type": "VARCHAR", "max_length": "70000"}

    answer = browser.post(ADD, full(new_name(), ID, removed, wrong, {**VECTOR, "dimension": ""}))

    rows = answer.context["rows"].forms
    assert "word of the filter language" in rows[2].errors["name"][0]
    assert "65535" in rows[2].errors["max_length"][0]
    assert "1 to 32768" in rows[3].errors["dimension"][0]
    assert "word of the filter language" in answer.content.decode()


def test_what_the_engine_lacks_is_said_beside_its_input(
    browser: Client, new_name: Callable[[], str], lite: RunningEngine
) -> None:
    bits = {"name": "bits", "type": "BINARY_VECTOR", "dimension": "8"}

    answer = browser.post(ADD, full(new_name(), ID, bits))

    assert "the connected engine has no BINARY_VECTOR" in answer.context["rows"].forms[1].errors["type"][0]


def test_errors_of_index_and_metric(browser: Client, new_name: Callable[[], str], lite: RunningEngine) -> None:
    wrong_metric = errors_of(browser.post(ADD, short(new_name(), metric="HAMMING")))
    wrong_parameter = errors_of(browser.post(ADD, short(new_name(), index_kind="HNSW", param_HNSW_M="1")))
    wrong_kind = errors_of(browser.post(ADD, short(new_name(), index_kind="SPARSE_INVERTED_INDEX")))

    assert "is compared by" in wrong_metric["metric"]
    assert "greater than or equal to 2" in wrong_parameter["param_HNSW_M"]
    assert "does not index FLOAT_VECTOR" in wrong_kind["index_kind"]


def test_a_taken_name_is_said_at_the_name(browser: Client, record: CollectionRecord) -> None:
    assert "taken" in errors_of(browser.post(ADD, short(record.name)))["name"]


def test_without_script_a_button_adds_a_field(browser: Client, lite: RunningEngine) -> None:
    answer = browser.post(ADD, full("kept", ID, VECTOR, add_field="1"))

    rows = answer.context["rows"]
    assert len(rows.forms) == 3
    assert rows.forms[0]["name"].value() == "id"
    assert not CollectionRecord.objects.exists()


@pytest.mark.parametrize(("rows", "shards"), [("", 2), ("1000", 1), ("1000000000", 10), ("-4", 2), ("x", 2)])
def test_shards_are_suggested_from_the_expected_rows(
    browser: Client, lite: RunningEngine, rows: str, shards: int
) -> None:
    assert browser.get(f"{ADD}shards/", {"expected_rows": rows}).json() == {"shards": shards}


def test_with_milvus_away_the_form_stays_filled_in(browser: Client, milvus_away: CollectionRecord) -> None:
    answer = browser.post(ADD, short("patience"))

    assert answer.status_code == 200
    assert "Milvus cannot be reached; a collection can be created when it is back." in answer.content.decode()
    assert answer.context["form"]["name"].value() == "patience"


def test_it_needs_its_own_right(browser_with: Callable[..., Client], lite: RunningEngine) -> None:
    viewer = browser_with("viewer")

    assert viewer.get(ADD).status_code == 403
    assert viewer.post(ADD, short("never")).status_code == 403
    assert viewer.get(f"{ADD}shards/").status_code == 403
