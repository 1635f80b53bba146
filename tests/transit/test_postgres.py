"""The connection to PostgreSQL, with a proxy between that keeps what passes."""

from collections.abc import Iterator
from urllib.parse import quote, urlsplit

import environ
import pytest
from django.db import OperationalError
from django.db.utils import ConnectionHandler
from pytest_django import DjangoDbBlocker

from tests.support.certificates import Authority, Pair
from tests.support.postgres import Tls, postgres, server_programs
from tests.support.proxy import Proxy, proxy_to

PASSWORD = "canary-of-postgres-61fe"
ROW_TEXT = "canary-of-the-row-0b9a"


@pytest.fixture(autouse=True)
def _databases_of_our_own(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """These tests never touch the one of the settings, so pytest-django need not guard it."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture(scope="module")
def tls(authority: Authority) -> Tls:
    return Tls(authority.server(), authority.ca, PASSWORD)


def _running(tls: Tls) -> Iterator[int]:
    programs = server_programs()
    if programs is None:
        pytest.skip("There is no PostgreSQL server on this machine.")
    with postgres(programs, tls) as url:
        yield urlsplit(url).port or 0


@pytest.fixture(scope="module")
def server(tls: Tls) -> Iterator[int]:
    yield from _running(tls)


@pytest.fixture
def wire(server: int) -> Iterator[Proxy]:
    with proxy_to(server) as proxy:
        yield proxy


@pytest.fixture
def shown(authority: Authority) -> Pair:
    return authority.client("vectorstore")


def _ask(wire: Proxy, authority: Authority, shown: Pair | None, host: str = "127.0.0.1") -> str:
    """Write a row and read it back, as Django does with this ``DATABASE_URL``."""
    url = f"postgresql://vectorstore:{PASSWORD}@{host}:{wire.port}/postgres?sslmode=verify-full"
    # An empty path would mean the certificate in the home folder of whoever runs this.
    files = (shown.certificate, shown.key) if shown else ("/nonexistent", "/nonexistent")
    for name, path in zip(("sslrootcert", "sslcert", "sslkey"), (authority.ca, *files), strict=True):
        url += f"&{name}={quote(str(path))}"
    connection = ConnectionHandler({"default": environ.Env.db_url_config(url)})["default"]
    try:
        with connection.cursor() as cursor:
            cursor.execute("CREATE TEMPORARY TABLE kept (text text)")
            cursor.execute("INSERT INTO kept VALUES (%s)", [ROW_TEXT])
            cursor.execute("SELECT text FROM kept")
            return str(cursor.fetchone()[0])
    finally:
        connection.close()


def _assert_nothing_in_clear(wire: Proxy) -> None:
    assert wire.sent[8:10] == b"\x16\x03"  # after the request for TLS its handshake, and nothing before
    for secret in (PASSWORD, ROW_TEXT, "INSERT", "vectorstore"):
        assert secret.encode() not in wire.sent + wire.answered


def test_rows_and_the_password_pass_encrypted(wire: Proxy, authority: Authority, shown: Pair) -> None:
    assert _ask(wire, authority, shown) == ROW_TEXT
    _assert_nothing_in_clear(wire)


def test_an_unknown_authority_is_refused(wire: Proxy, stranger: Authority, shown: Pair) -> None:
    with pytest.raises(OperationalError, match="certificate verify failed"):
        _ask(wire, stranger, shown)
    _assert_nothing_in_clear(wire)


def test_a_client_without_a_certificate_is_refused(wire: Proxy, authority: Authority) -> None:
    with pytest.raises(OperationalError, match="valid client certificate"):
        _ask(wire, authority, None)
    _assert_nothing_in_clear(wire)


def test_a_certificate_of_another_user_is_refused(wire: Proxy, authority: Authority) -> None:
    with pytest.raises(OperationalError, match=r"authentication failed|certificate"):
        _ask(wire, authority, authority.client("somebody"))
    _assert_nothing_in_clear(wire)


def test_an_expired_client_certificate_is_refused(wire: Proxy, authority: Authority) -> None:
    with pytest.raises(OperationalError, match="expired"):
        _ask(wire, authority, authority.client("vectorstore", expired=True))


@pytest.mark.parametrize(("unfit", "complaint"), [("expired", "certificate verify failed"), ("name", "does not match")])
def test_an_unfit_certificate_is_refused(authority: Authority, shown: Pair, unfit: str, complaint: str) -> None:
    pair = authority.server(expired=True) if unfit == "expired" else authority.server("postgres.example.org")
    for port in _running(Tls(pair, authority.ca, PASSWORD)):
        with proxy_to(port) as wire:
            with pytest.raises(OperationalError, match=complaint):
                _ask(wire, authority, shown)
            _assert_nothing_in_clear(wire)


def test_a_server_without_encryption_is_told_nothing(authority: Authority, shown: Pair) -> None:
    programs = server_programs()
    if programs is None:
        pytest.skip("There is no PostgreSQL server on this machine.")
    with postgres(programs) as url, proxy_to(urlsplit(url).port or 0) as wire:
        with pytest.raises(OperationalError, match="does not support SSL"):
            _ask(wire, authority, shown)
        assert PASSWORD.encode() not in wire.sent
        assert b"vectorstore" not in wire.sent
