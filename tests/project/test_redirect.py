from typing import Any

import pytest

from project.redirect import application
from vectorstore.config.settings import current


def _ask(host: str | None, path: str = "/", query: str = "") -> tuple[str, str | None]:
    told: list[Any] = []
    environ = {"PATH_INFO": path, "QUERY_STRING": query} | ({} if host is None else {"HTTP_HOST": host})
    assert b"".join(application(environ, lambda status, headers: told.extend([status, dict(headers)]))) == b""
    return told[0], told[1].get("Location")


@pytest.fixture
def port(bound: pytest.MonkeyPatch) -> None:
    bound.setenv("PORT", "8443")
    current.cache_clear()


def test_it_leads_to_the_same_path_and_query(port: None) -> None:
    assert _ask("localhost:80", "/a b/\xc3\xa9", "q=%20&x") == (
        "308 Permanent Redirect",
        "https://localhost:8443/a%20b/%C3%A9?q=%20&x",
    )


def test_the_port_of_https_need_not_be_named(bound: pytest.MonkeyPatch) -> None:
    bound.setenv("PORT", "443")
    current.cache_clear()
    assert _ask("localhost")[1] == "https://localhost/"


def test_what_could_end_the_header_is_escaped(port: None) -> None:
    location = _ask("localhost", "/\r\nSet-Cookie: a=b")[1]
    assert location == "https://localhost:8443/%0D%0ASet-Cookie:%20a=b"


@pytest.mark.parametrize("host", [None, "", "evil.example", "localhost.evil.example", "a@localhost", "localhost/x"])
def test_other_names_are_refused(port: None, host: str | None) -> None:
    assert _ask(host) == ("400 Bad Request", None)
