"""Secrets that callers send are found nowhere afterwards: not in answers, logs, records, tables or Redis."""

import io
import json
import logging
from collections.abc import Callable, Iterator

import pytest
import redis
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client

from project.celery import app
from tests.api.client import Api
from tests.support.engines import free_port
from vectorstore.audit import log
from vectorstore.config.settings import current

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD, OTHER, WRONG = "canary-of-a-password-1", "canary-of-a-password-2", "canary-of-a-guess-3"
CLUSTER, KEY_PEM = "canary-of-a-cluster-4", "canary-of-a-private-key-5"
FILTERED, ROW = "canary-of-a-literal-6", "canary-of-a-row-7"


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """Everything that is logged, down to DEBUG, by our own code and by the libraries."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield text
    root.setLevel(level)
    root.removeHandler(handler)


def test_no_secret_is_found_anywhere_afterwards(
    lite_api: Api,
    anonymous: Api,
    new_name: Callable[[], str],
    logged: io.StringIO,
    redis_url: str,
) -> None:
    answers, name = [], new_name()

    def ask(client: Api, method: str, path: str, body: object = None) -> dict[str, str]:
        answer = client(method, path, body)
        answers.append(answer.content.decode())
        return json.loads(answer.content or b"{}")

    ask(lite_api, "POST", "users/", {"username": "ada", "password": PASSWORD})
    ask(lite_api, "PATCH", "users/ada/", {"password": OTHER})
    ask(lite_api, "POST", "users/", {"username": "a b", "password": PASSWORD})
    pair = ask(anonymous, "POST", "auth/token/", {"username": "ada", "password": OTHER})
    ask(anonymous, "POST", "auth/token/", {"username": "ada", "password": WRONG})
    ask(anonymous, "POST", "auth/token/", {"username": "ada", "password": [WRONG]})
    answers.pop()  # a body of the wrong shape: what is wrong is named by its place
    fresh = ask(anonymous, "POST", "auth/token/refresh/", {"refresh": pair["refresh"]})
    key = ask(lite_api, "POST", "api-keys/", {"name": "laptop"})["key"]
    given = answers[-1]
    tls = {"client_key": KEY_PEM, "ca_pem": "", "client_pem": ""}
    away = f"http://127.0.0.1:{free_port()}"
    made = {"name": "second", "uri": away, "user": "root", "password": CLUSTER}
    ask(lite_api, "POST", "clusters/", made)
    ask(lite_api, "POST", "clusters/", {**made, "name": "third", "tls": tls})
    ask(lite_api, "PATCH", "clusters/second/", {"password": CLUSTER})
    ask(lite_api, "GET", "clusters/")
    ask(lite_api, "POST", "clusters/second/test/")
    ask(lite_api, "GET", "collections/?cluster=second")
    ask(lite_api, "POST", "collections/", {"name": name, "dimension": 4, "metric": "L2"})
    rows = [{"id": ROW, "vector": [1, 0, 0, 0], "section": ROW}]
    ask(lite_api, "POST", f"collections/{name}/vectors/", {"vectors": rows})
    search = {"vector": [1, 0, 0, 0], "filter": f"section == '{FILTERED}'"}
    ask(lite_api, "POST", f"collections/{name}/search/", search)
    ask(lite_api, "DELETE", f"collections/{name}/")
    Client().post("/admin/login/", {"username": "ada", "password": WRONG})
    log.flush()
    app.conf.task_always_eager = False
    try:
        with app.connection(current().redis_url) as broker:
            app.send_task("vectorstore.tasks.purge_idempotency", connection=broker)
    finally:
        app.conf.task_always_eager = True

    secrets = [PASSWORD, OTHER, WRONG, CLUSTER, KEY_PEM, key.rsplit("_", 1)[1]]
    tokens = [token for two in (pair, fresh) for token in two.values()]
    kept = {
        "answers": "".join(answers).replace(given, "").replace(json.dumps(pair), ""),
        "log": logged.getvalue(),
        "tables": _tables(),
        "redis": _redis(redis_url),
    }
    for place, text in kept.items():
        found = [secret for secret in secrets if secret in text]
        assert found == [], f"{place} has {found}"
    for place in ("log", "tables", "redis"):
        assert not [token for token in tokens if token in kept[place]], place
        assert FILTERED not in kept[place], place
        assert ROW not in kept[place], place


def _tables() -> str:
    """Every column of every table, as text."""
    out = io.StringIO()
    call_command("dumpdata", stdout=out, use_base_manager=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM vectorstore_auditrecord")
        return out.getvalue() + str(cursor.fetchall())


def _redis(url: str) -> str:
    with redis.Redis.from_url(url) as client:
        found = [str(key) for key in client.scan_iter()]
        for key in client.scan_iter():
            kind = client.type(key)
            if kind == b"string":
                found.append(str(client.get(key)))
            elif kind == b"list":
                found.append(str(client.lrange(key, 0, -1)))
            elif kind == b"hash":
                found.append(str(client.hgetall(key)))
        return "".join(found)


def test_a_password_survives_in_nothing_but_its_hash(lite_api: Api) -> None:
    lite_api.post("users/", {"username": "ada", "password": PASSWORD})
    user = User.objects.get(username="ada")
    assert user.check_password(PASSWORD)
    assert PASSWORD not in user.password
