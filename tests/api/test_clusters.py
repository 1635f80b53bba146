"""``clusters/``: other Milvus servers beside the one of the environment."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.api.client import Api, assert_problem
from tests.support.access import give
from tests.support.certificates import Authority
from tests.support.engines import RunningEngine, milvus_lite
from vectorstore.audit import log
from vectorstore.config.encryption import decrypt
from vectorstore.models import AuditRecord, Cluster, CollectionRecord
from vectorstore.service import cluster_endpoints

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "canary-of-the-cluster-a83e"
SECOND = "?cluster=second"


@pytest.fixture(scope="module")
def second_server() -> Iterator[RunningEngine]:
    with milvus_lite() as engine:
        yield engine


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    """Clusters of an earlier test have the names of clusters of this one."""
    for name in list(cluster_endpoints._remembered):
        cluster_endpoints.forget(name)


@pytest.fixture
def root(lite_api: Api) -> Api:
    return lite_api


@pytest.fixture
def second(root: Api, second_server: RunningEngine) -> str:
    body = {"name": "second", "uri": f"http://127.0.0.1:{second_server.port}", "user": "u", "password": PASSWORD}
    made = root.post("clusters/", body)
    assert made.status_code == 201, made.content
    return "second"


@pytest.fixture
def pem(tmp_path: Path) -> dict[str, str]:
    authority = Authority(tmp_path)
    client = authority.client("gateway")
    return {
        "ca_pem": authority.ca.read_text(),
        "client_pem": client.certificate.read_text(),
        "client_key": client.key.read_text(),
    }


def _closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _recorded() -> str:
    log.flush()
    return json.dumps(list(AuditRecord.objects.values()), default=str)


def test_default_is_the_environments_and_stays_so(root: Api, lite: RunningEngine) -> None:
    shown = root.get("clusters/default/").json()
    assert shown["uri"] == f"http://127.0.0.1:{lite.port}"
    assert [item["name"] for item in root.get("clusters/").json()["results"]] == ["default"]
    assert_problem(root.patch("clusters/default/", {"uri": "http://elsewhere:1"}), 409, "conflict")
    assert_problem(root.delete("clusters/default/"), 409, "conflict")
    assert_problem(root.post("clusters/", {"name": "default", "uri": "http://elsewhere:1"}), 409, "already_exists")
    assert root.post("clusters/default/test/").json()["reachable"] is True


def test_collections_of_two_clusters_do_not_meet(root: Api, second: str, new_name: Callable[[], str]) -> None:
    name = new_name()
    for where, x in (("", 1), (SECOND, 2)):
        assert root.post(f"collections/{where}", {"name": name, "dimension": 2, "metric": "L2"}).status_code == 201
        rows = [{"id": f"row-{x}", "vector": [x, 0]}]
        assert root.post(f"collections/{name}/vectors/{where}", {"vectors": rows}).status_code == 201
    for where, found in (("", "row-1"), (SECOND, "row-2")):
        answer = root.post(f"collections/{name}/search/{where}", {"vector": [9, 0], "top_k": 5}).json()
        assert [item["id"] for item in answer["results"]] == [found]
    assert root.delete(f"collections/{name}/{SECOND}").status_code == 204
    assert root.post(f"collections/{name}/vectors/count/", {}).json() == {"count": 1}
    root.delete(f"collections/{name}/")
    assert_problem(root.get("collections/?cluster=third"), 404, "not_found")


def test_a_test_tells_version_and_abilities(root: Api, second: str) -> None:
    root.get(f"collections/{SECOND}")  # by now it has been asked what it can do
    answer = root.post("clusters/second/test/").json()
    assert answer["reachable"] is True
    assert answer["version"].startswith("milvus_lite")
    assert "FLAT" in answer["capabilities"]["index_kinds"]
    assert root.get("clusters/second/").json()["version"] == answer["version"]


def test_a_test_of_what_does_not_answer_takes_no_longer_than_five_seconds(root: Api) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()  # connections are taken and nothing is ever said
        root.post("clusters/", {"name": "silent", "uri": f"http://127.0.0.1:{silent.getsockname()[1]}"})
        began = time.monotonic()
        answer = root.post("clusters/silent/test/").json()
        assert time.monotonic() - began < 5
    assert answer["reachable"] is False
    assert answer["detail"]
    root.post("clusters/", {"name": "closed", "uri": f"http://127.0.0.1:{_closed_port()}"})
    assert root.post("clusters/closed/test/").json() == {
        "reachable": False,
        "version": "",
        "capabilities": None,
        "detail": "Milvus cannot be reached.",
    }


def test_secrets_are_kept_encrypted_and_told_to_nobody(
    root: Api, pem: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    body = {"name": "tls", "uri": "https://milvus.invalid:19530", "user": "u", "password": PASSWORD, "tls": pem}
    with caplog.at_level("DEBUG"):
        answers = [root.post("clusters/", body), root.get("clusters/tls/"), root.get("clusters/")]
        answers += [root.patch("clusters/tls/", {"password": f"{PASSWORD}2"}), root.post("clusters/tls/test/")]
        answers.append(root.patch("clusters/tls/", {"password": PASSWORD, "tls": {"client_key": "no key"}}))
    key_lines = [line for line in pem["client_key"].splitlines() if "-----" not in line]
    record = Cluster.objects.get(name="tls")
    assert decrypt(record.password) == f"{PASSWORD}2"
    assert decrypt(record.client_key) == pem["client_key"]
    told = "".join(answer.content.decode() for answer in answers) + _recorded() + caplog.text
    kept = f"{record.password} {record.client_key} {record.uri}"
    for secret in (PASSWORD, *key_lines):
        assert secret not in told
        assert secret not in kept
    assert "password" not in answers[1].json()
    assert "client_key" not in answers[1].json()["tls"]
    assert answers[1].json()["tls"]["ca_pem"] == pem["ca_pem"]


def test_a_change_leaves_what_it_does_not_give(root: Api, pem: dict[str, str]) -> None:
    body = {"name": "kept", "uri": "https://one.invalid:1", "user": "u", "password": PASSWORD, "tls": pem}
    root.post("clusters/", body)
    changed = root.patch(
        "clusters/kept/", {"uri": "https://two.invalid:2", "password": PASSWORD, "tls": {"server_name": "milvus"}}
    )
    assert changed.json()["uri"] == "https://two.invalid:2"
    assert changed.json()["user"] == "u"
    assert changed.json()["tls"] == {
        "ca_pem": pem["ca_pem"],
        "client_pem": pem["client_pem"],
        "server_name": "milvus",
    }
    record = Cluster.objects.get(name="kept")
    assert (decrypt(record.password), decrypt(record.client_key)) == (PASSWORD, pem["client_key"])


def test_a_changed_address_is_used_at_once(root: Api, second: str, second_server: RunningEngine) -> None:
    assert root.get(f"collections/{SECOND}").status_code == 200
    root.patch("clusters/second/", {"uri": f"http://127.0.0.1:{_closed_port()}", "password": PASSWORD})
    assert_problem(root.get(f"collections/{SECOND}"), 503, "engine_unavailable")
    root.patch("clusters/second/", {"uri": f"http://127.0.0.1:{second_server.port}", "password": PASSWORD})
    assert root.get(f"collections/{SECOND}").status_code == 200


def test_an_address_that_another_process_changed_is_used_within_five_seconds(root: Api, second: str) -> None:
    assert root.get(f"collections/{SECOND}").status_code == 200
    Cluster.objects.filter(name="second").update(uri=f"http://127.0.0.1:{_closed_port()}")
    ends = time.monotonic() + 5
    while root.get(f"collections/{SECOND}").status_code == 200:
        assert time.monotonic() < ends
        time.sleep(0.2)


def test_a_deleted_cluster_is_gone_with_its_records(root: Api, second: str, new_name: Callable[[], str]) -> None:
    name = new_name()
    assert root.post(f"collections/{SECOND}", {"name": name, "dimension": 2, "metric": "L2"}).status_code == 201
    assert CollectionRecord.objects.filter(cluster="second", name=name).exists()
    assert root.delete("clusters/second/").status_code == 204
    assert not CollectionRecord.objects.filter(cluster="second").exists()
    assert_problem(root.get(f"collections/{SECOND}"), 404, "not_found")
    assert_problem(root.get("clusters/second/"), 404, "not_found")
    assert_problem(root.delete("clusters/second/"), 404, "not_found")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"name": "Second"}, "/name"),
        ({"name": "a_b"}, "/name"),
        ({"name": ""}, "/name"),
        ({"name": "x" * 65}, "/name"),
        ({"uri": "milvus:19530"}, "/uri"),
        ({"uri": "ftp://milvus:19530"}, "/uri"),
        ({"uri": "http://"}, "/uri"),
        ({"uri": "http://u:canary@milvus:19530"}, "/uri"),
        ({"uri": "http://milvus:0"}, "/uri"),
        ({"uri": "http://milvus:65536"}, "/uri"),
        ({"uri": "http://milvus:1/path"}, "/uri"),
        ({"uri": "http://milvus:1?token=canary"}, "/uri"),
        ({"uri": "http://a b:1"}, "/uri"),
        ({"uri": "http://[fe80::1%25eth0]:1"}, "/uri"),
        ({"uri": "http://[::1:1"}, "/uri"),
        ({"password": "p"}, "/user"),
        ({"user": "a:b", "password": "p"}, "/user"),
        ({"uri": "http://milvus:1", "tls": {"ca_pem": "x"}}, "/tls/ca_pem"),
        ({"tls": {"ca_pem": "x"}}, "/tls/ca_pem"),
        ({"tls": {"server_name": "a b"}}, "/tls/server_name"),
        ({"tls": {"client_pem": "x"}}, "/tls/client_key"),
        ({"tls": {"client_pem": "x", "client_key": "x"}}, "/tls/ca_pem"),
        ({"user": "nul\0"}, "/user"),
    ],
)
def test_what_is_wrong_is_named(root: Api, change: dict[str, Any], pointer: str) -> None:
    problem = assert_problem(
        root.post("clusters/", {"name": "new", "uri": "https://milvus:1"} | change), 422, "invalid"
    )
    assert [item["pointer"] for item in problem["errors"]] == [pointer]
    assert "canary" not in json.dumps(problem) + _recorded()
    assert not Cluster.objects.exclude(uri="").exists()


def test_a_client_certificate_comes_with_its_key(root: Api, pem: dict[str, str], tmp_path: Path) -> None:
    other = Authority(tmp_path / "other").client("gateway")
    body = {"name": "new", "uri": "https://milvus:1", "tls": pem | {"client_key": other.key.read_text()}}
    problem = assert_problem(root.post("clusters/", body), 422, "invalid")
    assert problem["errors"][0]["pointer"] == "/tls/client_key"


def test_ipv6_is_written_as_it_is_given(root: Api) -> None:
    made = root.post("clusters/", {"name": "six", "uri": "http://[::1]:19531/"})
    assert made.json()["uri"] == "http://[::1]:19531"
    assert root.post("clusters/six/test/").json()["reachable"] is False


def test_one_address_has_one_name(root: Api, lite: RunningEngine, second: str, second_server: RunningEngine) -> None:
    for port in (lite.port, second_server.port):
        assert_problem(root.post("clusters/", {"name": "again", "uri": f"http://127.0.0.1:{port}"}), 409, "conflict")
    assert_problem(root.post("clusters/", {"name": "second", "uri": "http://milvus:1"}), 409, "already_exists")


def test_who_manages_no_clusters_learns_nothing(
    root: Api, second: str, user: User, client_of: Callable[[User], Api]
) -> None:
    give(user, "collection_admin")
    caller = client_of(user)
    refused = [
        caller.get("clusters/"),
        caller.get("clusters/second/"),
        caller.post("clusters/", {"name": "new", "uri": "http://milvus:1"}),
        caller.patch("clusters/second/", {"user": "v"}),
        caller.patch("clusters/default/", {"user": "v"}),
        caller.delete("clusters/second/"),
        caller.post("clusters/second/test/"),
    ]
    for answer in refused:
        assert_problem(answer, 403, "permission_denied")
    assert Cluster.objects.get(name="second").user == "u"


def test_changes_are_recorded_before_and_after(root: Api, second: str, second_server: RunningEngine) -> None:
    log.flush()
    records = AuditRecord.objects.filter(action="cluster.manage").order_by("seq")
    assert [record.phase for record in records] == ["intent", "outcome"]
    assert records[1].parameters == {
        "create": "cluster",
        "cluster": "second",
        "uri": f"http://127.0.0.1:{second_server.port}",
        "what": ["uri", "user", "password"],
    }


def test_a_kept_password_does_not_follow_to_another_address(root: Api) -> None:
    made = {"name": "second", "uri": f"http://127.0.0.1:{_closed_port()}", "user": "root", "password": "kept-password"}
    assert root.post("clusters/", made).status_code == 201
    moved = f"http://127.0.0.1:{_closed_port()}"
    problem = assert_problem(root.patch("clusters/second/", {"uri": moved}), 422, "invalid")
    assert problem["errors"][0]["pointer"] == "/password"
    assert root.get("clusters/second/").json()["uri"] == made["uri"]
    assert root.patch("clusters/second/", {"uri": moved, "password": "kept-password"}).json()["uri"] == moved
