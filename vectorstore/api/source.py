"""Where a request came from."""

import ipaddress
import re
from functools import lru_cache

from django.http import HttpRequest

from vectorstore.config.settings import current

_WITH_PORT = re.compile(r"\[([^\]]*)\](?::\d+)?|([^:]*):\d+")


def source_of(request: HttpRequest) -> str:
    """The caller's address; empty where there is none (a Unix socket).

    Behind a declared TLS proxy it is the last of ``X-Forwarded-For``, which the proxy itself appended: those before
    it are the caller's own claims.
    """
    peer = str(request.META.get("REMOTE_ADDR") or "")
    if current().behind_tls_proxy:
        last = str(request.META.get("HTTP_X_FORWARDED_FOR") or "").rpartition(",")[2]
        return _address(last) or _address(peer)
    return _address(peer)


def address_of(request: HttpRequest) -> str | None:
    """As ``source_of``, for columns of addresses: None where there is none."""
    return source_of(request) or None


def network_of(source: str) -> str:
    """What is counted as one caller: an IPv4 address, or the /64 that one subscriber of IPv6 has."""
    if ":" not in source:
        return source
    return str(ipaddress.ip_network((source, 64), strict=False))


@lru_cache(maxsize=10_000)
def _address(text: str) -> str:
    """The address in ``text`` without its port or zone, IPv4 as such; empty if it is none."""
    text = text.strip()
    found = _WITH_PORT.fullmatch(text)
    if found:
        text = found[1] or found[2] or ""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return str(address)
