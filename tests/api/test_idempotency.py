"""A write that is repeated with its Idempotency-Key happens once."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from tests.api.client import Api, assert_problem
from vectorstore.models import IdempotencyRecord
from vectorstore.service import idempotency_service
from vectorstore.service.idempotency_service import StillRunning, once


@pytest.fixture
def minted(lite_api: Api) -> Any:
    """A collection whose ids the gateway makes, so that a second insert would show."""
    lite_api.delete("collections/idempotent/")
    assert lite_api.post("collections/", {"name": "idempotent", "dimension": 2, "auto_id": True}).status_code == 201
    yield "collections/idempotent/vectors/"
    lite_api.delete("collections/idempotent/")


ROWS = {"vectors": [{"vector": [1, 2]}, {"vector": [3, 4]}]}


def count(api: Api, path: str) -> int:
    return int(api.post(f"{path}count/", {}).json()["count"])


def test_the_same_key_and_body_give_the_first_answer_again(lite_api: Api, minted: str) -> None:
    first = lite_api.post(minted, ROWS, Idempotency_Key="one")
    again = lite_api.post(minted, ROWS, Idempotency_Key="one")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first
    assert count(lite_api, minted) == 2
    assert lite_api.post(minted, ROWS, Idempotency_Key="two").json() != first.json()
    assert count(lite_api, minted) == 4


def test_another_body_under_the_key_is_refused(lite_api: Api, minted: str) -> None:
    lite_api.post(minted, ROWS, Idempotency_Key="one")
    other = lite_api.post(minted, {"vectors": [{"vector": [9, 9]}]}, Idempotency_Key="one")
    assert_problem(other, 422, "idempotency_mismatch")
    assert count(lite_api, minted) == 2


def test_a_refused_write_may_be_tried_again_under_its_key(lite_api: Api, minted: str) -> None:
    assert lite_api.post("collections/nowhere/vectors/", ROWS, Idempotency_Key="one").status_code == 404
    assert lite_api.post("collections/nowhere/vectors/", ROWS, Idempotency_Key="one").status_code == 404
    assert not IdempotencyRecord.objects.exists()


def test_keys_of_other_callers_and_operations_are_other_keys(lite_api: Api, minted: str, client_of: Any) -> None:
    other = client_of(User.objects.create_superuser("other"))
    for api in (lite_api, other):
        assert "Idempotency-Replayed" not in api.post(minted, ROWS, Idempotency_Key="one")
    deleted = lite_api.post(f"{minted}delete/", {"filter": 'id != ""'}, Idempotency_Key="one")
    assert deleted.json() == {"deleted": 4}
    assert lite_api.post(f"{minted}delete/", {"filter": 'id != ""'}, Idempotency_Key="one").json() == {"deleted": 4}


@pytest.mark.parametrize("key", ["a b", "x" * 256, "é"])
def test_a_key_that_is_no_key_is_malformed(lite_api: Api, minted: str, key: str) -> None:
    assert_problem(lite_api.post(minted, ROWS, Idempotency_Key=key), 400, "malformed")


@pytest.mark.django_db(transaction=True)
def test_a_request_that_is_still_running_is_a_conflict() -> None:
    inside, leave = threading.Event(), threading.Event()

    def slow() -> tuple[int, bytes]:
        inside.set()
        leave.wait(10)
        return 201, b"{}"

    def work() -> None:
        from django.db import connection

        once("me", "k", b"body", slow)
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    inside.wait(10)
    with pytest.raises(StillRunning):
        once("me", "k", b"body", slow)
    leave.set()
    thread.join()
    assert once("me", "k", b"body", slow) == (201, b"{}", True)


def test_answers_are_kept_for_a_day(db: None) -> None:
    once("me", "k", b"", lambda: (200, b"old"))
    IdempotencyRecord.objects.update(created_at=timezone.now() - timedelta(hours=25))
    once("me", "other", b"", lambda: (200, b"young"))
    assert idempotency_service.purge() == 1
    assert once("me", "k", b"", lambda: (200, b"new")) == (200, b"new", False)
