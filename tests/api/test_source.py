"""Where a request came from."""

import pytest
from django.test import RequestFactory

from vectorstore.api.source import address_of, network_of, source_of
from vectorstore.config.settings import current


@pytest.mark.parametrize(
    ("peer", "source"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1:8080", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]:8080", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("", ""),
        ("unix:", ""),
        ("nonsense\0", ""),
    ],
)
def test_the_peer_is_told_without_port_or_zone(peer: str, source: str) -> None:
    request = RequestFactory().get("/", REMOTE_ADDR=peer)
    assert source_of(request) == source
    assert address_of(request) == (source or None)


def test_what_a_caller_says_of_itself_is_not_believed() -> None:
    assert source_of(RequestFactory().get("/", REMOTE_ADDR="192.0.2.1", HTTP_X_FORWARDED_FOR="10.0.0.1")) == "192.0.2.1"


@pytest.mark.parametrize(
    ("forwarded", "source"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("10.0.0.1, 198.51.100.7", "198.51.100.7"),
        ("10.0.0.1,[2001:db8::1]:443", "2001:db8::1"),
        ("10.0.0.1, unknown", "192.0.2.1"),
        ("", "192.0.2.1"),
    ],
)
def test_behind_a_declared_proxy_its_own_entry_counts(bound: pytest.MonkeyPatch, forwarded: str, source: str) -> None:
    bound.setenv("VECTORSTORE_BEHIND_TLS_PROXY", "true")
    current.cache_clear()
    request = RequestFactory().get("/", REMOTE_ADDR="192.0.2.1", HTTP_X_FORWARDED_FOR=forwarded)
    assert source_of(request) == source


def test_one_subscriber_of_ipv6_is_one_caller() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::2") != network_of("2001:db8:0:1::1")
    assert network_of("192.0.2.1") == "192.0.2.1"
    assert network_of("") == ""
