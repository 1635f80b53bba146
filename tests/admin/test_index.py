"""Indexes in the admin: their recall is measured from the list."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.support.access import give
from vectorstore.domain.models import Metric
from vectorstore.domain.requests import CollectionSpec
from vectorstore.models import IndexRecord, Job
from vectorstore.service import CollectionService

pytestmark = pytest.mark.django_db(transaction=True)
LIST = "/admin/vectorstore/indexrecord/"


@pytest.fixture
def index(lite: object) -> Iterator[IndexRecord]:
    name = "measured_in_admin"
    CollectionService().create(CollectionSpec(name=name, dimension=4, metric=Metric.L2))
    yield IndexRecord.objects.select_related("collection").get(collection__name=name)
    CollectionService().drop(name)


def chosen(index: IndexRecord) -> dict[str, object]:
    return {"action": "measure_selected", "_selected_action": [index.pk]}


def test_measuring_is_a_job_for_each_chosen_index(browser: Client, index: IndexRecord) -> None:
    answer = browser.post(LIST, chosen(index), follow=True)
    job = Job.objects.get(kind="measure_recall")
    assert job.params == {"collection": index.collection.name, "field": "vector"}
    assert f"is measured by job {job.pk}" in answer.content.decode()


def test_who_may_only_look_is_offered_nothing(client: Client, index: IndexRecord) -> None:
    viewer = User.objects.create_user("viewer", is_staff=True)
    give(viewer, "viewer", index.collection.name)
    client.force_login(viewer)
    assert "Measure recall" not in client.get(LIST).content.decode()
    client.post(LIST, chosen(index))
    assert not Job.objects.exists()
