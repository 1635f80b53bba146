"""Policies of scheduled backups: what is accepted, and for whom."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.support.access import give
from vectorstore.access.actor import Actor
from vectorstore.backup.policy_service import PolicyService
from vectorstore.domain.backup_requests import BackupPolicyChanges, BackupPolicyRequest, RetentionRequest
from vectorstore.domain.errors import AlreadyExists, InvalidRequest, NotFound, PermissionDenied
from vectorstore.models import BackupPolicy
from vectorstore.service.context import Scope

pytestmark = pytest.mark.django_db


def request(name: str = "nightly", **more: Any) -> BackupPolicyRequest:
    return BackupPolicyRequest(**{"name": name, "collections": "docs*", "schedule": "0 3 * * *", **more})


@pytest.fixture
def ann() -> User:
    return User.objects.create_user("ann")


def as_(user: User) -> PolicyService:
    return PolicyService(Scope(actor=Actor.of(user)))


def test_a_policy_is_made_changed_and_deleted() -> None:
    service = PolicyService()
    row = service.create(request(retention=RetentionRequest(last=3, daily=7), timezone="Europe/Berlin"))
    assert row.collections == ["docs*"]
    assert row.retention == {"last": 3, "hourly": 0, "daily": 7, "weekly": 0, "monthly": 0, "window_days": 0}
    service.update("nightly", BackupPolicyChanges(collections=["a", "b"], enabled=False))
    row = service.policy("nightly")
    assert (row.collections, row.enabled, row.schedule, row.timezone) == (
        ["a", "b"], False, "0 3 * * *", "Europe/Berlin",
    )  # fmt: skip
    assert list(service.policies()) == [row]
    service.delete("nightly")
    with pytest.raises(NotFound, match="no backup policy 'nightly'"):
        service.policy("nightly")


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"schedule": "every night"}, "/schedule"),
        ({"schedule": "* * * * * *"}, "/schedule"),
        ({"schedule": "0 0 31 2 *"}, "/schedule"),
        ({"schedule": "0 3 * * " + ",".join("0123456" * 9)}, "/schedule"),
        ({"timezone": "Mars/Olympus"}, "/timezone"),
        ({"timezone": "../etc/passwd"}, "/timezone"),
        ({"timezone": ""}, "/timezone"),
        ({"retention": RetentionRequest(weekly=-1)}, "/retention/weekly"),
        ({"retention": RetentionRequest(last=10**30)}, "/retention/last"),
        ({"drill_every": 10**6}, "/drill_every"),
        ({"collections": []}, "/collections"),
        ({"collections": ["docs", ""]}, "/collections"),
        ({"collections": "[ab]*"}, "/collections"),
        ({"name": ""}, "/name"),
        ({"name": "a/b"}, "/name"),
        ({"name": "x" * 151}, "/name"),
        ({"collections": "a\0"}, "/collections"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_made(wrong: dict[str, Any], pointer: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        PolicyService().create(request(**wrong))
    assert refused.value.errors[0].pointer == pointer
    assert not BackupPolicy.objects.exists()


def test_a_change_that_is_wrong_changes_nothing() -> None:
    PolicyService().create(request())
    with pytest.raises(InvalidRequest):
        PolicyService().update("nightly", BackupPolicyChanges(schedule="never", enabled=False))
    row = BackupPolicy.objects.get()
    assert (row.schedule, row.enabled) == ("0 3 * * *", True)


def test_a_name_is_given_once() -> None:
    PolicyService().create(request())
    with pytest.raises(AlreadyExists):
        PolicyService().create(request(collections="other"))


@pytest.mark.parametrize(
    ("held", "wanted", "allowed"),
    [
        ("docs*", "docs*", True),
        ("docs*", "docs_a*", True),
        ("docs*", "docs_1", True),
        ("*", "*", True),
        ("docs_*", "docs*", False),
        ("?", "*", False),  # as a name, a star matches the pattern of one letter
        ("docs?", "docs*", False),
        ("*s", "*", False),
    ],
)
def test_a_pattern_must_lie_within_what_its_maker_may_back_up(ann: User, held: str, wanted: str, allowed: bool) -> None:
    give(ann, "collection_admin", held)
    if allowed:
        as_(ann).create(request(collections=wanted))
        assert as_(ann).policy("nightly")
        return
    with pytest.raises(PermissionDenied):
        as_(ann).create(request(collections=wanted))
    PolicyService().create(request(collections=wanted))
    with pytest.raises(NotFound):
        as_(ann).policy("nightly")


def test_a_change_gives_no_collections_that_are_not_the_callers(ann: User) -> None:
    give(ann, "collection_admin", "docs*")
    as_(ann).create(request())
    with pytest.raises(PermissionDenied):
        as_(ann).update("nightly", BackupPolicyChanges(collections=["docs*", "other"]))
    assert BackupPolicy.objects.get().collections == ["docs*"]


def test_a_policy_of_others_is_not_there(ann: User) -> None:
    give(ann, "collection_admin", "docs*")
    give(ann, "viewer")
    PolicyService().create(request(collections=["docs", "other"]))
    assert not as_(ann).policies()
    for act in (as_(ann).policy, as_(ann).delete, lambda name: as_(ann).update(name, BackupPolicyChanges())):
        with pytest.raises(NotFound) as hidden:
            act("nightly")
        with pytest.raises(NotFound) as absent:
            act("absent")
        assert hidden.value.detail == absent.value.detail.replace("absent", "nightly")
    assert BackupPolicy.objects.exists()
