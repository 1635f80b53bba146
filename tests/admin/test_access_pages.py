"""Grants, keys, service accounts and the audit log in the console."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.support.access import give
from vectorstore.audit import log
from vectorstore.models import ApiKey, AuditRecord, Grant, ServiceAccount

pytestmark = pytest.mark.django_db

GRANTS, KEYS = "/admin/vectorstore/grant/", "/admin/vectorstore/apikey/"
ACCOUNTS, AUDIT = "/admin/vectorstore/serviceaccount/", "/admin/vectorstore/auditrecord/"


def a_grant(user: User, **values: str) -> dict[str, str]:
    made = {
        "user": str(user.pk),
        "role": "viewer",
        "cluster": "default",
        "database": "default",
        "collections": "docs*",
        "valid_from_0": "2026-01-01",
        "valid_from_1": "00:00:00",
        "reason": "asked for",
    }
    return made | values


def test_a_right_is_given_by_the_form_and_recorded(browser: Client) -> None:
    ada = User.objects.create_user("ada")
    values = {"filter_field": "tenant", "filter_op": "in", "filter_values": "a, b", "denied": "price"}
    answer = browser.post(f"{GRANTS}add/", a_grant(ada, **values))
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    grant = Grant.objects.get()
    assert grant.row_filter == {"field": "tenant", "op": "in", "value": ["a", "b"]}
    assert (grant.denied_fields, grant.created_by) == (["price"], "root")
    assert AuditRecord.objects.filter(action="grant.manage", outcome="ok").count() == 1
    page = browser.get(GRANTS).content.decode()
    assert "rows by tenant in a, b; without price" in page


def test_what_is_wrong_is_told_beside_its_field(browser: Client) -> None:
    ada = User.objects.create_user("ada")
    answer = browser.post(f"{GRANTS}add/", a_grant(ada, filter_field="a b", filter_op="eq", filter_values="x"))
    assert answer.status_code == 200
    assert "filter_field" in answer.context["adminform"].form.errors
    answer = browser.post(f"{GRANTS}add/", a_grant(ada, collections="no spaces"))
    assert "collections" in answer.context["adminform"].form.errors
    assert not Grant.objects.exists()


def test_who_holds_less_gives_nothing_more(browser_with: Callable[..., Client]) -> None:
    officer = browser_with("security_admin")
    ada = User.objects.create_user("ada")
    answer = officer.post(f"{GRANTS}add/", a_grant(ada))
    assert answer.status_code == 200
    assert "You cannot give this" in answer.content.decode()
    assert not Grant.objects.filter(user=ada).exists()


def test_rights_are_switched_off_and_taken_away(browser: Client) -> None:
    grant = give(User.objects.create_user("ada"), "viewer")
    browser.post(GRANTS, {"action": "disable_selected", "_selected_action": [grant.pk]})
    grant.refresh_from_db()
    assert not grant.enabled
    assert browser.post(f"{GRANTS}{grant.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not Grant.objects.exists()


def test_a_key_is_shown_once_and_revoked(browser: Client) -> None:
    sent = {"name": "laptop", "actions": "vector.search", "collections": "docs*"}
    page = browser.post(f"{KEYS}add/", sent, follow=True).content.decode()
    key = ApiKey.objects.get()
    assert f"vs_{key.prefix}_" in page
    assert key.scopes == {"actions": ["vector.search"], "collections": "docs*"}
    assert f"vs_{key.prefix}_" not in browser.get(KEYS).content.decode()
    browser.post(KEYS, {"action": "revoke_selected", "_selected_action": [key.pk]})
    key.refresh_from_db()
    assert key.revoked_at is not None


def test_a_key_that_cannot_be_made_is_told(browser: Client) -> None:
    page = browser.post(f"{KEYS}add/", {"name": "k", "actions": "fly", "collections": "*"}, follow=True)
    assert "there is no action" in page.content.decode()
    assert not ApiKey.objects.exists()


def test_a_service_account_is_made_and_changed(browser: Client) -> None:
    sent = {"name": "loader", "attributes": '{"tenants": ["a"]}', "is_active": "on"}
    assert browser.post(f"{ACCOUNTS}add/", sent).status_code == 302
    account = ServiceAccount.objects.get()
    assert account.attributes == {"tenants": ["a"]}
    browser.post(f"{ACCOUNTS}{account.pk}/change/", {"attributes": '{"tenants": ["b"]}'})
    account.refresh_from_db()
    assert (account.attributes, account.is_active) == ({"tenants": ["b"]}, False)
    page = browser.post(f"{ACCOUNTS}add/", {**sent, "name": "a b"}, follow=True).content.decode()
    assert "a name has 1 to 150" in page


def test_the_log_is_shown_verified_and_exported_and_never_changed(browser: Client) -> None:
    browser.post(f"{ACCOUNTS}add/", {"name": "loader", "attributes": "{}", "is_active": "on"})
    log.flush()
    record = AuditRecord.objects.latest("seq")
    assert "grant.manage" in browser.get(AUDIT).content.decode()
    assert browser.get(f"{AUDIT}{record.pk}/change/").status_code == 200
    assert browser.post(f"{AUDIT}{record.pk}/change/", {"actor": "x"}).status_code == 403
    assert browser.post(f"{AUDIT}{record.pk}/delete/", {"post": "yes"}).status_code == 403
    page = browser.post(f"{AUDIT}verify/", follow=True).content.decode()
    assert "The audit log is intact" in page
    lines = b"".join(browser.get(f"{AUDIT}export/?action=grant.manage").streaming_content).decode().splitlines()
    assert lines[0].startswith("seq,ts,event_id")
    assert len(lines) == 1 + AuditRecord.objects.filter(action="grant.manage").count()


def test_an_exported_cell_is_no_formula(browser: Client) -> None:
    Client().post("/admin/login/", {"username": "=cmd()", "password": "x"})
    lines = b"".join(browser.get(f"{AUDIT}export/").streaming_content).decode()
    assert "'=cmd()" in lines


def test_each_page_is_for_those_with_its_right(browser_with: Callable[..., Client]) -> None:
    viewer, officer = browser_with("viewer"), browser_with("security_admin")
    for page in (GRANTS, ACCOUNTS, AUDIT):
        assert viewer.get(page).status_code == 403
        assert officer.get(page).status_code == 200
    assert viewer.get(KEYS).status_code == 200
    assert browser_with().get(KEYS).status_code == 403
    assert viewer.get(f"{AUDIT}export/").status_code == 403
    assert viewer.post(f"{AUDIT}verify/").status_code == 403
