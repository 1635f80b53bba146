"""One command makes an installation ready, with Milvus or without."""

from io import StringIO

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command

from tests.support.engines import RunningEngine
from vectorstore.config.settings import current
from vectorstore.models import Cluster

pytestmark = pytest.mark.django_db


def test_the_administrator_is_made_the_engine_asked_and_the_demo_can_be_off(
    lite: RunningEngine, bound: pytest.MonkeyPatch
) -> None:
    bound.setenv("VECTORSTORE_DEMO", "false")
    current.cache_clear()
    out, err = StringIO(), StringIO()
    call_command("prepare", stdout=out, stderr=err)
    assert get_user_model().objects.filter(username="admin", is_superuser=True).exists()
    assert "'admin'" in out.getvalue()
    assert "Milvus is milvus_lite" in out.getvalue()
    assert err.getvalue() == ""


def test_what_the_engine_can_do_is_on_record(lite: RunningEngine, bound: pytest.MonkeyPatch) -> None:
    from vectorstore.service import engines

    bound.setenv("VECTORSTORE_DEMO", "false")
    current.cache_clear()
    engines._known.clear()
    call_command("prepare", stdout=StringIO(), stderr=StringIO())
    record = Cluster.objects.get(name="default")
    assert record.version.startswith("milvus_lite")
    assert "HNSW" in record.capabilities["index_kinds"]
    engines._known.clear()
    call_command("prepare", stdout=StringIO(), stderr=StringIO())
    assert Cluster.objects.get(name="default").probed_at == record.probed_at


def test_without_milvus_it_goes_on(bound: pytest.MonkeyPatch) -> None:
    bound.setattr("vectorstore.management.commands.prepare._WAIT_S", 0.5)
    bound.setenv("VECTORSTORE_DEMO", "true")
    bound.setenv("MILVUS_HOST", "127.0.0.1")
    bound.setenv("MILVUS_PORT", "1")
    current.cache_clear()
    err = StringIO()
    call_command("prepare", stdout=StringIO(), stderr=err)
    assert "Going on without Milvus or the demo" in err.getvalue()
