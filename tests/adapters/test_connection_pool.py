"""Connections are shared by equal endpoints only, and never with a forked child."""

import dataclasses
import gc
import os
import time
import weakref
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from django.core.exceptions import ImproperlyConfigured

from tests.support.certificates import Authority
from tests.support.faulty_milvus import FaultyMilvus, serving, version
from vectorstore.adapters.connection_pool import ConnectionPool, endpoint_of_environment, pool
from vectorstore.adapters.rpc import Endpoint
from vectorstore.config.settings import current
from vectorstore.domain.errors import EngineUnavailable

PLAIN = Endpoint("127.0.0.1", 1)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


@pytest.fixture
def mutual(authority: Authority) -> Iterator[tuple[FaultyMilvus, Endpoint]]:
    """A server that asks for a certificate, and how to reach it with one."""
    server, client = authority.server(), authority.client("gateway")
    pair = (server.key.read_bytes(), server.certificate.read_bytes())
    tls = grpc.ssl_server_credentials([pair], authority.ca.read_bytes(), require_client_auth=True)
    with serving([version()], tls) as (milvus, port):
        yield (
            milvus,
            Endpoint(
                "127.0.0.1",
                port,
                tls=True,
                ca_pem=authority.ca.read_text(),
                client_pem=client.certificate.read_text(),
                client_key=client.key.read_text(),
            ),
        )


def test_equal_endpoints_share_an_adapter_and_any_difference_parts_them(tmp_path: Path) -> None:
    mine = ConnectionPool()
    first = mine.get(PLAIN, tmp_path)
    assert mine.get(Endpoint("127.0.0.1", 1), tmp_path) is first
    for change in ({"user": "u"}, {"password": "p"}, {"port": 2}, {"tls": True}, {"host": "localhost"}):
        assert mine.get(dataclasses.replace(PLAIN, **change), tmp_path) is not first
    mine.close()
    assert mine.get(PLAIN, tmp_path) is not first


def test_a_connection_is_never_lent_to_other_settings_for_the_same_address(
    mutual: tuple[FaultyMilvus, Endpoint], tmp_path: Path
) -> None:
    milvus, good = mutual
    mine = ConnectionPool()
    assert mine.get(good, tmp_path).version() == "v2.6.0"
    others = (
        dataclasses.replace(good, client_pem="", client_key=""),
        dataclasses.replace(good, ca_pem=Authority(tmp_path / "stranger").ca.read_text()),
        dataclasses.replace(good, server_name="milvus.example.org"),
        Endpoint("127.0.0.1", good.port),
    )
    for other in others:
        began = time.monotonic()
        with pytest.raises(EngineUnavailable):
            mine.get(other, tmp_path).version()
        assert time.monotonic() - began < 2.5
    assert milvus.calls == ["GetVersion"]
    assert mine.get(good, tmp_path).version() == "v2.6.0"
    mine.close()


def test_a_retired_endpoint_serves_who_has_it_and_nobody_else(tmp_path: Path) -> None:
    with serving([version()]) as (_, port):
        mine, endpoint = ConnectionPool(), Endpoint("127.0.0.1", port)
        held = mine.get(endpoint, tmp_path)
        mine.retire(endpoint)
        assert mine.get(endpoint, tmp_path) is not held
        assert held.version() == "v2.6.0"
        gone = weakref.ref(held)
        del held
        gc.collect()
        assert gone() is None
        mine.close()


def test_a_forked_child_starts_with_an_empty_pool(tmp_path: Path) -> None:
    before = pool.get(PLAIN, tmp_path)
    child = os.fork()
    if child == 0:
        os._exit(0 if pool.get(PLAIN, tmp_path) is not before else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert pool.get(PLAIN, tmp_path) is before


def test_an_endpoint_shows_no_secret() -> None:
    shown = repr(Endpoint("h", 1, user="u", password="secret", client_key="secret"))
    assert "secret" not in shown


def test_the_endpoint_of_the_environment_holds_what_the_files_hold(
    authority: Authority, bound: pytest.MonkeyPatch
) -> None:
    client = authority.client("gateway")
    bound.setenv("MILVUS_TLS", "true")
    for name, path in (("CA_PEM", authority.ca), ("CLIENT_PEM", client.certificate), ("CLIENT_KEY", client.key)):
        bound.setenv(f"MILVUS_{name}_PATH", str(path))
    current.cache_clear()
    endpoint = endpoint_of_environment()
    assert endpoint.ca_pem == authority.ca.read_text()
    assert endpoint.client_pem == client.certificate.read_text()
    assert endpoint.client_key == client.key.read_text()


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_without_a_certificate_is_named_by_its_variable(
    content: str | None, tmp_path: Path, bound: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ca.pem"
    path.write_text("-----BEGIN CERTIFICATE-----")
    bound.setenv("MILVUS_TLS", "true")
    bound.setenv("MILVUS_CA_PEM_PATH", str(path))
    current.cache_clear()
    current()
    path.unlink()
    if content is not None:
        path.write_text(content)
    with pytest.raises(ImproperlyConfigured, match="MILVUS_CA_PEM_PATH should be the path of a readable PEM file"):
        endpoint_of_environment()
