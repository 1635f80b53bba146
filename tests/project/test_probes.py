import json

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client

from tests.support.engines import RunningEngine
from vectorstore.config.settings import current
from vectorstore.models import AuditRecord

pytestmark = pytest.mark.django_db(transaction=True)


def test_livez_asks_nobody(client: Client, bound: pytest.MonkeyPatch) -> None:
    bound.setenv("MILVUS_PORT", "1")
    bound.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    current.cache_clear()
    assert client.get("/livez").json() == {"status": "ok"}


def test_readyz_names_components_and_tells_strangers_no_more(client: Client, lite: RunningEngine) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    components = {"database": "ok", "redis": "ok", "milvus": "ok", "audit": "ok"}
    assert answer.json() == {"status": "ok", "components": components}
    assert not AuditRecord.objects.exists()


def test_readyz_is_not_ready_while_the_audit_log_cannot_be_written(client: Client, lite: RunningEngine) -> None:
    with connection.schema_editor() as editor:
        editor.execute("ALTER TABLE vectorstore_auditrecord RENAME TO away")
    try:
        answer = client.get("/readyz")
    finally:
        with connection.schema_editor() as editor:
            editor.execute("ALTER TABLE away RENAME TO vectorstore_auditrecord")
    assert answer.status_code == 503
    assert answer.json()["components"]["audit"] == "fail"


def test_readyz_stays_ready_without_milvus(client: Client, lite: RunningEngine, bound: pytest.MonkeyPatch) -> None:
    bound.setenv("MILVUS_PORT", "1")
    current.cache_clear()
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["components"]["milvus"] == "warn"


def test_healthz_is_for_those_who_have_signed_in(client: Client, lite: RunningEngine) -> None:
    assert client.get("/healthz").status_code == 401
    client.force_login(get_user_model().objects.create_user("ann"))
    answer = client.get("/healthz")
    assert answer.status_code == 200
    milvus = json.loads(answer.content)["components"]["milvus"]
    assert milvus["status"] == "ok"
    assert milvus["version"]
    assert milvus["latency_ms"] > 0


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
def test_probes_are_for_reading(client: Client, path: str) -> None:
    assert client.post(path).status_code == 405


def test_metrics_without_a_token_are_for_this_machine(client: Client) -> None:
    assert b"vectorstore_http_request_seconds" in client.get("/metrics").content
    assert client.get("/metrics", REMOTE_ADDR="::1").status_code == 200
    assert client.get("/metrics", REMOTE_ADDR="10.0.0.9").status_code == 401
    assert client.get("/metrics", REMOTE_ADDR="").status_code == 401
    assert client.get("/metrics", headers={"X-Forwarded-For": "10.0.0.9"}).status_code == 401


def test_metrics_with_a_token_are_for_its_holders(client: Client, bound: pytest.MonkeyPatch) -> None:
    bound.setenv("VECTORSTORE_METRICS_TOKEN", "metrics-token-of-the-test")
    current.cache_clear()
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 401
    headers = {"Authorization": "Bearer metrics-token-of-the-test"}
    assert client.get("/metrics", REMOTE_ADDR="10.0.0.9", headers=headers).status_code == 200
