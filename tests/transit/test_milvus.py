"""The connection to Milvus, with a proxy between that keeps what passes."""

import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.support.certificates import Authority, Pair
from tests.support.engines import RunningEngine, milvus_server
from tests.support.faulty_milvus import serving, version
from tests.support.proxy import Proxy, proxy_to
from vectorstore.adapters.connection_pool import ConnectionPool
from vectorstore.adapters.milvus_adapter import MilvusAdapter
from vectorstore.adapters.read_calls import RowQuery
from vectorstore.adapters.rpc import Endpoint
from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.errors import EngineUnavailable
from vectorstore.domain.filters import ids_in, serialise
from vectorstore.domain.models import Consistency, DataType, IndexKind, IndexSpec, Metric
from vectorstore.domain.rows import read_rows

ROW_TEXT = "canary-of-the-row-7c1d"
KEY = "canary-of-the-key-93ab"
AT_ONCE_S = 2.0


def _with_client(pair: Pair) -> dict[str, str]:
    return {"client_pem": pair.certificate.read_text(), "client_key": pair.key.read_text()}


def _server_options(authority: Authority, mode: int) -> tuple[str, ...]:
    pair = authority.server()
    files = ("--server-pem-path", pair.certificate, "--server-key-path", pair.key, "--ca-pem-path", authority.ca)
    return ("--tls-mode", str(mode), *(str(part) for part in files))


@pytest.fixture(scope="module")
def client(authority: Authority) -> dict[str, str]:
    return _with_client(authority.client("gateway"))


@pytest.fixture(scope="module", params=[1, 2], ids=["one-way", "mutual"])
def engine(request: pytest.FixtureRequest, authority: Authority, client: dict[str, str]) -> Iterator[RunningEngine]:
    """Milvus with a certificate; in its second mode it asks for the client's as well."""
    tls = {"tls": True, "ca_pem": authority.ca.read_text(), **(client if request.param == 2 else {})}
    with milvus_server(options=_server_options(authority, request.param), tls=tls) as running:
        yield running


@pytest.fixture
def wire(engine: RunningEngine) -> Iterator[Proxy]:
    with proxy_to(engine.port) as proxy:
        yield proxy


def _reach(wire: Proxy, engine: RunningEngine, **changes: Any) -> MilvusAdapter:
    settings = {"user": engine.user, "password": engine.password, **engine.tls, **changes}
    return MilvusAdapter(Endpoint("127.0.0.1", wire.port, **settings), engine.folder)


def _assert_refused(adapter: MilvusAdapter, hint: str) -> None:
    began = time.monotonic()
    with pytest.raises(EngineUnavailable) as refusal:
        adapter.list_collections("default")
    assert time.monotonic() - began < AT_ONCE_S
    assert hint in refusal.value.detail
    assert "SSL" not in refusal.value.detail
    assert "127.0.0.1" not in refusal.value.detail
    adapter.close()


def _assert_nothing_in_clear(wire: Proxy, engine: RunningEngine) -> None:
    assert wire.sent.startswith(b"\x16\x03")  # a TLS handshake
    for secret in (ROW_TEXT, KEY, engine.password, "authorization", "milvus.proto"):
        assert secret.encode() not in wire.sent
        assert secret.encode() not in wire.answered


def test_rows_and_passwords_pass_encrypted(wire: Proxy, engine: RunningEngine) -> None:
    adapter = _reach(wire, engine)
    fields = (
        Field("id", DataType.VARCHAR, primary=True, max_length=64),
        Field("vector", DataType.FLOAT_VECTOR, dimension=4),
        Field("text", DataType.VARCHAR, max_length=64),
    )
    collection = Collection(name=f"t_{secrets.token_hex(6)}", fields=fields)
    adapter.create_collection("default", collection)
    adapter.create_index("default", collection.name, IndexSpec("vector", IndexKind.FLAT, Metric.L2))
    adapter.load_collection("default", collection.name)
    adapter.insert(
        "default", collection, read_rows([{"id": KEY, "vector": [1, 2, 3, 4], "text": ROW_TEXT}], collection)
    )
    expression = serialise(ids_in(collection.primary, [KEY]))
    query = RowQuery(expression=expression, output_fields=["text"], consistency=Consistency.STRONG)
    assert adapter.query("default", collection, query)[0]["text"] == ROW_TEXT
    adapter.close()
    _assert_nothing_in_clear(wire, engine)


def test_an_unknown_authority_is_refused(wire: Proxy, engine: RunningEngine, stranger: Authority) -> None:
    _assert_refused(_reach(wire, engine, ca_pem=stranger.ca.read_text()), "check the certificate settings")
    _assert_nothing_in_clear(wire, engine)


def test_without_an_authority_of_ours_the_public_ones_count(wire: Proxy, engine: RunningEngine) -> None:
    _assert_refused(_reach(wire, engine, ca_pem=""), "check the certificate settings")
    _assert_nothing_in_clear(wire, engine)


def test_another_name_is_refused(wire: Proxy, engine: RunningEngine) -> None:
    _assert_refused(_reach(wire, engine, server_name="milvus.example.org"), "check the certificate settings")
    _assert_nothing_in_clear(wire, engine)
    _reach(wire, engine, server_name="localhost").list_collections("default")


def test_a_client_that_encrypts_nothing_gets_nothing(wire: Proxy, engine: RunningEngine) -> None:
    plain = {"tls": False, "ca_pem": "", "client_pem": "", "client_key": "", "password": "of-no-use"}
    _assert_refused(_reach(wire, engine, **plain), "cannot be reached")


@pytest.mark.parametrize("engine", [2], indirect=True, ids=["mutual"])
def test_milvus_refuses_who_has_no_valid_certificate(
    wire: Proxy, engine: RunningEngine, authority: Authority, stranger: Authority
) -> None:
    for shown in (
        {"client_pem": "", "client_key": ""},
        _with_client(stranger.client("gateway")),
        _with_client(authority.client("gateway", expired=True)),
    ):
        _assert_refused(_reach(wire, engine, **shown), "check the certificate settings")
    _assert_nothing_in_clear(wire, engine)


@pytest.mark.parametrize("engine", [2], indirect=True, ids=["mutual"])
def test_a_connection_is_never_lent_to_other_settings(engine: RunningEngine, client: dict[str, str]) -> None:
    pool = ConnectionPool()
    good = Endpoint("127.0.0.1", engine.port, engine.user, engine.password, **engine.tls)
    pool.get(good, engine.folder).list_collections("default")
    bare = Endpoint("127.0.0.1", engine.port, engine.user, engine.password, tls=True, ca_pem=good.ca_pem)
    plain = Endpoint("127.0.0.1", engine.port, engine.user, engine.password)
    for endpoint in (bare, plain):
        with pytest.raises(EngineUnavailable):
            pool.get(endpoint, engine.folder).list_collections("default")
    pool.get(good, engine.folder).list_collections("default")
    pool.close()


def test_an_expired_certificate_is_refused(authority: Authority, tmp_path: Path) -> None:
    pair = authority.server(expired=True)
    tls = grpc.ssl_server_credentials([(pair.key.read_bytes(), pair.certificate.read_bytes())])
    with serving([version()], tls) as (milvus, port), proxy_to(port) as wire:
        endpoint = Endpoint("127.0.0.1", wire.port, "root", KEY, tls=True, ca_pem=authority.ca.read_text())
        _assert_refused(MilvusAdapter(endpoint, tmp_path), "check the certificate settings")
        assert milvus.calls == []
        assert KEY.encode() not in wire.sent
