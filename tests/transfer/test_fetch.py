"""What may be fetched by URL, and from where; the resolver is a parameter, the server a real one on loopback."""

import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support.certificates import Authority
from vectorstore.config.settings import Settings, load
from vectorstore.domain.errors import InvalidRequest, PayloadTooLarge
from vectorstore.transfer.fetch import Target, check_url, download, fetch, is_public, public_addresses, resolve

HOSTS = "files.example.org, [2001:db8::1], 127.0.0.1"


def settings(**more: str) -> Settings:
    return load({"VECTORSTORE_IMPORT_HOSTS": HOSTS, **more})


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.9.1", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",  # noqa: S104
        "169.254.169.254", "100.64.0.1", "192.0.0.8", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1",
        "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
        "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "100::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:7f00:1", "::127.0.0.1",
        "64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2002:a9fe:a9fe::1",
        "2001:0:4136:e378:8000:63bf:80ff:fffe", "", "localhost", "127.1", "0x7f000001", "2130706433",
    ],
)  # fmt: skip
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert not is_public(address)
    with pytest.raises(InvalidRequest, match="not public"):
        public_addresses(Target("files.example.org", 443, "/"), lambda host, port: ["93.184.216.34", address])


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "8.8.8.8", "2606:2800:220:1::1", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_an_address_of_the_internet_is_taken(address: str) -> None:
    assert is_public(address)
    assert public_addresses(Target("files.example.org", 443, "/"), lambda host, port: [address]) == [address]


def test_names_of_this_machine_resolve_to_what_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="not public"):
        public_addresses(Target("localhost", 443, "/"), resolve)


@pytest.mark.parametrize(
    "url",
    [
        "http://files.example.org/a.csv",
        "ftp://files.example.org/a.csv",
        "file:///etc/passwd",
        "gopher://files.example.org/",
        "//files.example.org/a.csv",
        "https:///a.csv",
        "https://",
        "",
        "https://example.org/a.csv",
        "https://evil.files.example.org/",
        "https://files.example.org.evil.org/",
        "https://files.example.org@evil.org/",
        "https://me:secret@files.example.org/",
        "https://evil.org#@files.example.org/",
        "https://evil.org\\@files.example.org/",
        "https://files.example.org /",
        "https://files.example.org\r\nX: y/",
        "https://files.example.org/\r\nHost: evil",
        "https://files.example.org:99999/",
        "https://files.example.org:x/",
        "https://[::1/",
        "https://127.0.0.2/",
        "https://2130706433/",
        "https://ｆiles.example.org/",
        "https://files.example.org/" + "a" * 5000,
    ],
)
def test_a_url_that_is_not_allowed_is_refused_before_anybody_is_asked(url: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_url(url, settings())
    assert caught.value.errors[0].pointer == "/url"


def test_without_hosts_nothing_is_fetched(tmp_path: Path) -> None:
    asked: list[str] = []

    def resolver(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["93.184.216.34"]

    with pytest.raises(InvalidRequest, match="are off"):
        fetch("https://files.example.org/a.csv", tmp_path / "f", load({}), resolver=resolver)
    with pytest.raises(InvalidRequest, match="none of those"):
        fetch("https://other.example.org/a.csv", tmp_path / "f", settings(), resolver=resolver)
    assert asked == []


def test_the_host_is_compared_as_names_are() -> None:
    assert check_url("https://FILES.Example.org./a/b?c=d", settings()) == Target("files.example.org", 443, "/a/b?c=d")
    assert check_url("https://files.example.org:8443", settings()) == Target("files.example.org", 8443, "/")


def test_a_host_without_an_address_and_one_that_rebinds(tmp_path: Path) -> None:
    answers = iter([["93.184.216.34"], ["127.0.0.1"]])

    def failing(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    for resolver in (failing, lambda host, port: []):
        with pytest.raises(InvalidRequest, match="has no address"):
            fetch("https://files.example.org/a", tmp_path / "f", settings(), resolver=resolver)
    target = Target("files.example.org", 443, "/")
    assert public_addresses(target, lambda host, port: next(answers)) == ["93.184.216.34"]
    with pytest.raises(InvalidRequest, match="not public"):  # asked again it would be refused; it is asked once
        public_addresses(target, lambda host, port: next(answers))


class Files(BaseHTTPRequestHandler):
    seen: list[tuple[str, str]] = []

    def do_GET(self) -> None:
        self.seen.append((self.headers["Host"], self.path))
        if self.path.startswith("/redirect"):
            self.send_response(302)
            self.send_header("Location", "http://169.254.169.254/latest/meta-data/")
            self.end_headers()
        elif self.path == "/endless":
            self.send_response(200)
            self.end_headers()
            for _ in range(1000):
                self.wfile.write(b"x" * 10_000)
        elif self.path in ("/short", "/announced"):
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            self.wfile.write(b"x" * 10)
        elif self.path == "/dripping":
            self.send_response(200)
            self.end_headers()
            for _ in range(900):
                self.wfile.write(b"x")
                time.sleep(0.02)
        elif self.path == "/missing":
            self.send_error(404)
        else:
            self.send_response(200)
            self.send_header("Content-Length", "11")
            self.end_headers()
            self.wfile.write(b"id,a\r\n1,2\r\n")

    def log_message(self, *args: Any) -> None:
        """Nothing is to be printed."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def server(authority: Authority) -> Iterator[ThreadingHTTPServer]:
    pair = authority.server("files.example.org")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    made = ThreadingHTTPServer(("127.0.0.1", 0), Files)
    made.handle_error = lambda *args: None  # type: ignore[method-assign]  # clients that hang up are what is tested
    made.socket = context.wrap_socket(made.socket, server_side=True)
    thread = threading.Thread(target=made.serve_forever, args=(0.01,))
    thread.start()
    Files.seen.clear()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def get(
    server: ThreadingHTTPServer, authority: Authority, path: str, into: Path, host: str = "files.example.org"
) -> int:
    context = ssl.create_default_context(cafile=str(authority.ca))
    target = Target(host, server.server_address[1], path)
    return download(target, ["127.0.0.1"], into, 1000, context=context)


def test_the_address_is_spoken_to_and_the_name_told_and_checked(
    server: ThreadingHTTPServer, authority: Authority, tmp_path: Path
) -> None:
    assert get(server, authority, "/a.csv?x=1", tmp_path / "f") == 11
    assert (tmp_path / "f").read_bytes() == b"id,a\r\n1,2\r\n"
    assert Files.seen == [(f"files.example.org:{server.server_address[1]}", "/a.csv?x=1")]


def test_a_server_that_gives_a_byte_now_and_then_is_left(
    server: ThreadingHTTPServer, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vectorstore.transfer.fetch._WHOLE_FILE_S", 0.1)
    with pytest.raises(InvalidRequest, match="stopped before the end"):
        get(server, authority, "/dripping", tmp_path / "f")
    assert [path for path in tmp_path.iterdir() if path.is_file()] == []


def test_a_certificate_of_another_name_or_authority_is_refused(
    server: ThreadingHTTPServer, authority: Authority, tmp_path: Path
) -> None:
    with pytest.raises(InvalidRequest, match="not trusted"):
        get(server, authority, "/a.csv", tmp_path / "f", host="other.example.org")
    with pytest.raises(InvalidRequest, match="not trusted"):
        download(Target("files.example.org", server.server_address[1], "/"), ["127.0.0.1"], tmp_path / "f", 1000)
    assert Files.seen == []


@pytest.mark.parametrize(
    ("path", "kind", "says"),
    [
        ("/redirect", InvalidRequest, "redirects are not followed"),
        ("/missing", InvalidRequest, "answered 404"),
        ("/announced", PayloadTooLarge, "limit of 1000 bytes"),
        ("/endless", PayloadTooLarge, "limit of 1000 bytes"),
    ],
)
def test_what_is_not_given_or_too_large_leaves_nothing(
    server: ThreadingHTTPServer, authority: Authority, tmp_path: Path, path: str, kind: type[Exception], says: str
) -> None:
    folder = tmp_path / "into"
    folder.mkdir()
    with pytest.raises(kind, match=says):
        get(server, authority, path, folder / "f")
    assert list(folder.iterdir()) == []
    assert [seen for _, seen in Files.seen] == [path]


def test_a_file_that_ends_too_early_is_no_file(
    server: ThreadingHTTPServer, authority: Authority, tmp_path: Path
) -> None:
    context = ssl.create_default_context(cafile=str(authority.ca))
    target = Target("files.example.org", server.server_address[1], "/short")
    with pytest.raises(InvalidRequest, match="before the end"):
        download(target, ["127.0.0.1"], tmp_path / "f", 10**9, context=context)
    assert not (tmp_path / "f").exists()


def test_nobody_listening_is_told_without_the_address(tmp_path: Path, authority: Authority) -> None:
    with pytest.raises(InvalidRequest, match="did not answer") as caught:
        download(Target("files.example.org", 1, "/"), ["127.0.0.1"], tmp_path / "f", 1000)
    assert "127.0.0.1" not in caught.value.detail
