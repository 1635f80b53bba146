"""The whole stack with a certificate of its own."""

import http.client
import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.certificates import Authority
from tests.support.engines import free_port
from tests.support.proxy import proxy_to
from tests.support.stack import PASSWORD, RunningStack, running_stack


@pytest.fixture(scope="module")
def http_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def stack(authority: Authority, http_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    pair = authority.server()
    variables = {
        "VECTORSTORE_TLS_CERTIFICATE": str(pair.certificate),
        "VECTORSTORE_TLS_KEY": str(pair.key),
        "VECTORSTORE_HTTP_PORT": str(http_port),
        "VECTORSTORE_WEB_WORKERS": "1",
        "VECTORSTORE_TASK_WORKERS": "1",
    }
    with running_stack(tmp_path_factory.mktemp("stack"), ca=authority.ca, **variables) as running:
        running.wait_until_ready()
        yield running


def _raw(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(request)
        answer = b""
        while part := connection.recv(65536):
            answer += part
        return answer


def _redirect(port: int, path: str, host: str, method: str = "GET") -> tuple[int, str | None, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request(method, path, headers={"Host": host})
    answer = connection.getresponse()
    try:
        return answer.status, answer.getheader("Location"), answer.read()
    finally:
        connection.close()


def test_a_client_that_knows_the_authority_is_served_and_nobody_can_read_along(
    stack: RunningStack, authority: Authority
) -> None:
    assert stack.token()
    with proxy_to(stack.port) as wire:
        context = ssl.create_default_context(cafile=authority.ca)
        connection = http.client.HTTPSConnection("127.0.0.1", wire.port, timeout=10, context=context)
        body = json.dumps({"username": "admin", "password": PASSWORD})
        connection.request("POST", "/api/v1/auth/token/", body, {"Content-Type": "application/json"})
        assert connection.getresponse().status == 200
        connection.close()
        assert wire.sent.startswith(b"\x16\x03")
        for text in (PASSWORD, "/api/v1/auth/token/"):
            assert text.encode() not in wire.sent + wire.answered


def test_a_client_that_does_not_know_it_sends_nothing(stack: RunningStack, stranger: Authority) -> None:
    context = ssl.create_default_context(cafile=stranger.ca)
    with (
        socket.create_connection(("127.0.0.1", stack.port), timeout=5) as connection,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        context.wrap_socket(connection, server_hostname="127.0.0.1")


def test_plain_http_to_the_tls_port_gets_nothing(stack: RunningStack) -> None:
    answer = _raw(stack.port, b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert b"HTTP/" not in answer
    assert b"status" not in answer


@pytest.mark.parametrize(("version", "served"), [("TLSv1_1", False), ("TLSv1_2", True), ("TLSv1_3", True)])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1:DeprecationWarning")
def test_tls_is_new_enough(stack: RunningStack, authority: Authority, version: str, served: bool) -> None:
    context = ssl.create_default_context(cafile=authority.ca)
    context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    context.set_ciphers("ALL:@SECLEVEL=0")
    with socket.create_connection(("127.0.0.1", stack.port), timeout=5) as connection:
        if served:
            with context.wrap_socket(connection, server_hostname="127.0.0.1") as encrypted:
                assert encrypted.version() == version.replace("_", ".")
        else:
            with pytest.raises(ssl.SSLError):
                context.wrap_socket(connection, server_hostname="127.0.0.1")


def test_browsers_are_told_to_stay_and_cookies_never_travel_in_clear(stack: RunningStack) -> None:
    with stack.opener.open(f"{stack.origin}/admin/login/", timeout=10) as answer:
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
        cookies = answer.headers.get_all("Set-Cookie")
    assert cookies
    assert all("; Secure" in cookie and "SameSite=Lax" in cookie for cookie in cookies)


def test_http_leads_to_https_and_does_nothing_else(stack: RunningStack, http_port: int) -> None:
    there = f"https://localhost:{stack.port}"
    assert _redirect(http_port, "/a/b%20c?q=%C3%A9&x=1", "localhost") == (308, f"{there}/a/b%20c?q=%C3%A9&x=1", b"")
    assert _redirect(http_port, "/livez", f"LOCALHOST:{http_port}", "POST") == (308, f"{there}/livez", b"")
    assert _redirect(http_port, "//evil.example/", "[::1]") == (308, f"https://[::1]:{stack.port}//evil.example/", b"")
    for host in ("evil.example", "localhost.evil.example", "localhost@evil.example", ""):
        assert _redirect(http_port, "/", host) == (400, None, b"")


def test_it_stops_without_a_trace(stack: RunningStack, tmp_path: Path) -> None:
    assert stack.stop() < 30
    assert stack.process.returncode == 0
    assert stack.left_over() == []
