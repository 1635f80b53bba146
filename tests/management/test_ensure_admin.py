from io import StringIO

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.core.management import call_command

from vectorstore.config.settings import current

pytestmark = pytest.mark.django_db


def _ensure() -> str:
    out = StringIO()
    call_command("ensure_admin", stdout=out)
    return out.getvalue()


def test_the_given_password_is_used_and_not_printed(bound: pytest.MonkeyPatch) -> None:
    bound.setenv("VECTORSTORE_ADMIN_PASSWORD", "given-for-the-test-1")
    current.cache_clear()
    assert "given-for-the-test-1" not in _ensure()
    user = authenticate(username="admin", password="given-for-the-test-1")
    assert user is not None
    assert user.is_superuser


def test_a_random_password_is_printed_once(bound: pytest.MonkeyPatch) -> None:
    bound.delenv("VECTORSTORE_ADMIN_PASSWORD", raising=False)
    current.cache_clear()
    password = _ensure().splitlines()[0].rsplit(" ", 1)[1]
    assert authenticate(username="admin", password=password) is not None
    assert _ensure() == ""
    assert authenticate(username="admin", password=password) is not None


def test_an_administrator_of_another_name_is_enough() -> None:
    users = get_user_model().objects
    users.create_superuser("root", password="x")
    _ensure()
    assert not users.filter(username="admin").exists()
