"""Pages that Django makes: each opens, none carries a script of ours in the page."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from tests.support.engines import RunningEngine
from vectorstore.models import Cluster, CollectionRecord, IndexRecord

pytestmark = pytest.mark.django_db

_MODELS = [
    "auth/user",
    "auth/group",
    "vectorstore/apikey",
    "vectorstore/auditrecord",
    "vectorstore/cluster",
    "vectorstore/grant",
    "vectorstore/serviceaccount",
    "vectorstore/indexrecord",
    "django_celery_beat/periodictask",
    "django_celery_beat/intervalschedule",
    "django_celery_beat/crontabschedule",
    "django_celery_beat/solarschedule",
    "django_celery_beat/clockedschedule",
]
_READ_ONLY = ("vectorstore/auditrecord", "vectorstore/cluster", "vectorstore/indexrecord")


@pytest.mark.parametrize("model", _MODELS)
def test_lists_open(browser: Client, model: str) -> None:
    assert browser.get(f"/admin/{model}/").status_code == 200


@pytest.mark.parametrize("model", [name for name in _MODELS if name not in _READ_ONLY])
def test_forms_open(browser: Client, model: str) -> None:
    assert browser.get(f"/admin/{model}/add/").status_code == 200


def test_index_opens(browser: Client) -> None:
    assert browser.get("/admin/").status_code == 200


def test_login_leads_to_the_index(client: Client, db: None) -> None:
    User.objects.create_superuser("root", password="correct horse battery")

    answer = client.post("/admin/login/", {"username": "root", "password": "correct horse battery"})

    assert answer.headers["Location"] == "/admin/"


def test_user_is_made_by_the_form(browser: Client) -> None:
    sent = {
        "username": "ada",
        "usable_password": "true",
        "password1": "a long passphrase",
        "password2": "a long passphrase",
    }

    answer = browser.post("/admin/auth/user/add/", sent)

    assert answer.status_code == 302
    assert User.objects.get(username="ada").check_password("a long passphrase")


def test_cluster_and_index_are_only_looked_at(browser: Client) -> None:
    cluster = Cluster.objects.create(
        name="default", version="x", capabilities={"index_kinds": ["HNSW"], "users": False}
    )
    collection = CollectionRecord.objects.create(name="admin_some")
    index = IndexRecord.objects.create(collection=collection, field="v", requested="AUTO", kind="HNSW", metric="L2")

    assert "HNSW" in browser.get(f"/admin/vectorstore/cluster/{cluster.pk}/change/").content.decode()
    assert browser.get(f"/admin/vectorstore/indexrecord/{index.pk}/change/").status_code == 200
    for path in ("cluster/add", f"cluster/{cluster.pk}/delete", f"indexrecord/{index.pk}/delete"):
        assert browser.post(f"/admin/vectorstore/{path}/").status_code == 403


def test_tokens_have_no_page(browser: Client) -> None:
    assert browser.get("/admin/token_blacklist/outstandingtoken/").status_code == 404


def test_periodic_task_form_runs_no_script_of_the_page(browser: Client) -> None:
    crontab = CrontabSchedule.objects.create(minute="5", hour="4")
    task = PeriodicTask.objects.create(name="nightly", task="some.task", crontab=crontab)

    page = browser.get(f"/admin/django_celery_beat/periodictask/{task.pk}/change/").content.decode()

    assert "vectorstore/crontab_help.js" in page
    assert "updateCrontabHelp" not in page


def test_history_of_a_collection_opens(browser: Client, lite: RunningEngine, record: CollectionRecord) -> None:
    browser.post(f"/admin/vectorstore/collectionrecord/{record.pk}/do/flush/")

    page = browser.get(f"/admin/vectorstore/collectionrecord/{record.pk}/history/").content.decode()

    assert "Flushed to storage." in page
