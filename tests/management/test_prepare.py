from io import StringIO

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command

from vectorstore.config.settings import current

pytestmark = pytest.mark.django_db


def test_the_administrator_is_made_and_the_demo_can_be_off(bound: pytest.MonkeyPatch) -> None:
    bound.setenv("VECTORSTORE_DEMO", "false")
    current.cache_clear()
    out, err = StringIO(), StringIO()
    call_command("prepare", stdout=out, stderr=err)
    assert get_user_model().objects.filter(username="admin", is_superuser=True).exists()
    assert "'admin'" in out.getvalue()
    assert err.getvalue() == ""


def test_without_milvus_it_goes_on_without_the_demo(bound: pytest.MonkeyPatch) -> None:
    bound.setattr("vectorstore.management.commands.prepare._WAIT_S", 0.5)
    bound.setenv("VECTORSTORE_DEMO", "true")
    bound.setenv("MILVUS_HOST", "127.0.0.1")
    bound.setenv("MILVUS_PORT", "1")
    current.cache_clear()
    err = StringIO()
    call_command("prepare", stdout=StringIO(), stderr=err)
    assert "Going on without the demo" in err.getvalue()
