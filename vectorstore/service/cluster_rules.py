"""What a cluster on record may look like."""

import re
from ipaddress import IPv6Address
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from vectorstore.adapters.rpc import Endpoint
from vectorstore.domain.errors import InvalidRequest

NAME = re.compile(r"[a-z0-9-]{1,64}")
DEFAULT_PORT = 19530
_HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*\.?")
_MOST_PEM = 65_536


def read_address(uri: str) -> tuple[str, int, bool]:
    """Host, port and whether it is by TLS.

    Raises:
        InvalidRequest: it is not ``http(s)://host:port``; the message never repeats it, for it may hold a password.
    """
    detail = "the uri is http://host:port, or https://host:port for TLS"
    try:
        parts = urlsplit(uri)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise InvalidRequest.at("/uri", detail) from None
    if "@" in parts.netloc:
        raise InvalidRequest.at("/uri", "give user and password by themselves, not in the uri")
    if parts.scheme not in ("http", "https") or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise InvalidRequest.at("/uri", detail)
    if not (_is_ipv6(host) if ":" in host else _HOST.fullmatch(host)) or port == 0:
        raise InvalidRequest.at("/uri", detail)
    return host, DEFAULT_PORT if port is None else port, parts.scheme == "https"


def written(endpoint: Endpoint) -> str:
    """The ``uri`` of an endpoint."""
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    return f"{'https' if endpoint.tls else 'http'}://{host}:{endpoint.port}"


def check(endpoint: Endpoint) -> None:
    """
    Raises:
        InvalidRequest: settings of a connection do not go together, or a PEM text is none.
    """
    if endpoint.password and not endpoint.user:
        raise InvalidRequest.at("/user", "a password comes with its user")
    if len(endpoint.user) > 255 or ":" in endpoint.user:
        raise InvalidRequest.at("/user", "the user has at most 255 characters and no colon")
    if len(endpoint.password) > 1024:
        raise InvalidRequest.at("/password", "the password has at most 1024 characters")
    given = {name: getattr(endpoint, name) for name in ("ca_pem", "client_pem", "client_key", "server_name")}
    for name, text in given.items():
        if text and not endpoint.tls:
            raise InvalidRequest.at(f"/tls/{name}", "it has no effect without TLS: the uri would begin with https://")
        if len(text) > _MOST_PEM:
            raise InvalidRequest.at(f"/tls/{name}", f"it has at most {_MOST_PEM} characters")
    if endpoint.server_name and not _HOST.fullmatch(endpoint.server_name):
        raise InvalidRequest.at("/tls/server_name", "it is the name of a host")
    if endpoint.ca_pem:
        _certificates(endpoint.ca_pem, "/tls/ca_pem")
    if bool(endpoint.client_pem) != bool(endpoint.client_key):
        raise InvalidRequest.at("/tls/client_key", "client_pem and client_key come together")
    if endpoint.client_pem and not endpoint.ca_pem:
        raise InvalidRequest.at("/tls/ca_pem", "a client certificate comes with the authority of the server's")
    if endpoint.client_pem:
        _check_pair(_certificates(endpoint.client_pem, "/tls/client_pem")[0], endpoint.client_key)


def _is_ipv6(host: str) -> bool:
    try:
        return not IPv6Address(host).scope_id
    except ValueError:
        return False


def _certificates(text: str, pointer: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(text.encode())
    except ValueError:
        raise InvalidRequest.at(pointer, "it is a certificate as PEM text") from None


def _check_pair(certificate: x509.Certificate, key: str) -> None:
    try:
        private = load_pem_private_key(key.encode(), None)
    except (ValueError, TypeError):
        raise InvalidRequest.at("/tls/client_key", "it is an unencrypted private key as PEM text") from None
    as_bytes = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if private.public_key().public_bytes(*as_bytes) != certificate.public_key().public_bytes(*as_bytes):
        raise InvalidRequest.at("/tls/client_key", "it is not the key of client_pem")
