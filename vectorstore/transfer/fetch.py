"""Files by URL: over HTTPS, from hosts that are allowed by name, at public addresses, without a way around either.

The name is resolved once, every address it has must be public, and the connection goes to one of those addresses:
a name that resolves otherwise the next time leads nowhere else. Redirects are not followed.
"""

import http.client
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from vectorstore.config.settings import Settings
from vectorstore.domain.errors import InvalidRequest, PayloadTooLarge
from vectorstore.transfer.folders import whole_file

Resolve = Callable[[str, int], Sequence[str]]
"""The addresses of a host, as text."""

_TIMEOUT_S = 30.0
_WHOLE_FILE_S = 6 * 3600.0
"""After which a server that gives a byte now and then is left."""

_BLOCK = 1024 * 1024
_LONGEST = 4096
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_SPECIAL = tuple(map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "64:ff9b:1::/48")))
"""Not of the internet, and not known as such to every version of Python."""


class Target(NamedTuple):
    host: str
    port: int
    path: str


def resolve(host: str, port: int) -> list[str]:
    """By the machine's resolver."""
    return [str(item[4][0]) for item in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def check_url(url: str, settings: Settings, pointer: str = "/url") -> Target:
    """What ``url`` names, without asking anybody.

    Raises:
        InvalidRequest: imports by URL are off, or it is not https, or its host is not allowed.
    """
    if not settings.import_hosts:
        raise InvalidRequest.at(pointer, "imports by URL are off: VECTORSTORE_IMPORT_HOSTS names no host")
    plain = url.isascii() and url.isprintable() and not set(url) & set(" \\") and len(url) <= _LONGEST
    try:
        parts = urlsplit(url) if plain else SplitResult("", "", "", "", "")
        host, port = (parts.hostname or "").rstrip("."), parts.port or 443
    except ValueError:
        raise InvalidRequest.at(pointer, "this is no URL") from None
    if parts.scheme != "https" or not host or "@" in parts.netloc:
        raise InvalidRequest.at(pointer, "the URL begins with https:// and a host, and holds no user or password")
    if host not in {name.lower().rstrip(".") for name in settings.import_hosts}:
        raise InvalidRequest.at(pointer, "the host is none of those that VECTORSTORE_IMPORT_HOSTS allows")
    path = parts.path or "/"
    return Target(host, port, f"{path}?{parts.query}" if parts.query else path)


def public_addresses(target: Target, resolver: Resolve = resolve, pointer: str = "/url") -> list[str]:
    """The addresses of the target's host.

    Raises:
        InvalidRequest: it has none, or one of them is not public.
    """
    try:
        found = list(dict.fromkeys(resolver(target.host, target.port)))
    except (OSError, UnicodeError):
        found = []
    if not found:
        raise InvalidRequest.at(pointer, "the host has no address")
    if not all(is_public(address) for address in found):
        raise InvalidRequest.at(pointer, "the host has an address that is not public")
    return found


def is_public(text: str) -> bool:
    """Whether an address is one of the internet's, also where IPv6 carries one of IPv4."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(str(address.ipv4_mapped))
        if address in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)))
        if address.sixtofour is not None or address.teredo is not None:
            return False
    special = any(address.version == network.version and address in network for network in _SPECIAL)
    return address.is_global and not (address.is_multicast or address.is_reserved or special)


def fetch(
    url: str,
    into: Path,
    settings: Settings,
    *,
    resolver: Resolve = resolve,
    check: Callable[[], None] = lambda: None,
    context: ssl.SSLContext | None = None,
    pointer: str = "/url",
) -> int:
    """Save what is at ``url`` as the file ``into``; returns its size. ``check`` is called between blocks.

    Raises:
        InvalidRequest: a rule forbids it, or the server does not give it.
        PayloadTooLarge: it is larger than VECTORSTORE_MAX_UPLOAD_BYTES.
        DiskFull: there is no room for it.
    """
    target = check_url(url, settings, pointer)
    addresses = public_addresses(target, resolver, pointer)
    return download(target, addresses, into, settings.max_upload_bytes, check, context, pointer)


def download(
    target: Target,
    addresses: Sequence[str],
    into: Path,
    limit: int,
    check: Callable[[], None] = lambda: None,
    context: ssl.SSLContext | None = None,
    pointer: str = "/url",
) -> int:
    """Save the target's file, from one of ``addresses``: they are the only ones that are spoken to."""
    trusted = context or ssl.create_default_context()
    try:
        with closing(_Connection(target, addresses, trusted)) as connection:
            connection.request("GET", target.path, headers={"Accept-Encoding": "identity"})
            answer = connection.getresponse()
            if answer.status != 200:
                raise InvalidRequest.at(
                    pointer,
                    f"the server answered {answer.status}; redirects are not followed"
                    if 300 <= answer.status < 400
                    else f"the server answered {answer.status}",
                )
            if (answer.length or 0) > limit:
                raise _too_large(limit)
            return _save(answer, into, limit, check)
    except ssl.SSLError:
        raise InvalidRequest.at(pointer, "the server's certificate is not trusted, or it speaks no TLS") from None
    except (http.client.HTTPException, TimeoutError, ConnectionError, socket.gaierror):
        raise InvalidRequest.at(pointer, "the server did not answer, or stopped before the end of the file") from None


def _save(answer: http.client.HTTPResponse, into: Path, limit: int, check: Callable[[], None]) -> int:
    announced, size, began = answer.length, 0, time.monotonic()
    with whole_file(into) as file:
        while block := answer.read1(_BLOCK):
            check()
            if time.monotonic() - began > _WHOLE_FILE_S:
                raise TimeoutError
            size += len(block)
            if size > limit:
                raise _too_large(limit)
            file.write(block)
        if announced is not None and size != announced:
            raise http.client.IncompleteRead(b"")
    return size


def _too_large(limit: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"The file is larger than the limit of {limit} bytes (VECTORSTORE_MAX_UPLOAD_BYTES).")


class _Connection(http.client.HTTPSConnection):
    """Goes to one of the given addresses; the name is only told to the server, and checked in its certificate."""

    def __init__(self, target: Target, addresses: Sequence[str], context: ssl.SSLContext) -> None:
        super().__init__(target.host, target.port, timeout=_TIMEOUT_S, context=context)
        self._addresses, self._trusted = addresses, context

    def connect(self) -> None:
        failure: OSError = ConnectionError("no address")
        began = time.monotonic()
        for address in self._addresses:
            if time.monotonic() - began > _TIMEOUT_S:
                break
            try:
                plain = socket.create_connection((address, self.port), _TIMEOUT_S)
            except OSError as error:
                failure = error
                continue
            try:
                self.sock = self._trusted.wrap_socket(plain, server_hostname=self.host)
            except BaseException:
                plain.close()
                raise
            return
        raise ConnectionError("none of the addresses answers") from failure
