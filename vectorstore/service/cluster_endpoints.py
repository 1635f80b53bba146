"""From a cluster's name to how it is reached: ``default`` by the environment, the others by their record."""

import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from vectorstore.adapters.connection_pool import endpoint_of_environment, pool
from vectorstore.adapters.rpc import Endpoint
from vectorstore.config.encryption import decrypt
from vectorstore.domain.errors import EngineUnavailable, NotFound
from vectorstore.models import Cluster

DEFAULT = "default"
_REMEMBERED_S = 4.0
"""Another process may have changed the record: what it says is in use everywhere within five seconds."""


@dataclass(frozen=True, slots=True)
class _Remembered:
    endpoint: Endpoint
    read_at: float


_remembered: dict[str, _Remembered] = {}


def endpoint_of(cluster: str) -> Endpoint:
    """How to reach a cluster.

    Raises:
        NotFound: there is no cluster of that name.
        EngineUnavailable: its secrets cannot be decrypted.
    """
    if cluster == DEFAULT:
        return endpoint_of_environment()
    known = _remembered.get(cluster)
    if known is not None and time.monotonic() - known.read_at < _REMEMBERED_S:
        return known.endpoint
    record = Cluster.objects.filter(name=cluster[:64]).exclude(uri="").first()
    if record is None or record.name != cluster:
        forget(cluster)
        raise NotFound(f"There is no cluster {cluster[:64]!r}.")
    endpoint = endpoint_on_record(record)
    if known is not None and known.endpoint != endpoint:
        pool.retire(known.endpoint)
    _remembered[cluster] = _Remembered(endpoint, time.monotonic())
    return endpoint


def forget(cluster: str) -> None:
    """The next call reads the record anew; the connection by the old one is no longer handed out."""
    known = _remembered.pop(cluster, None)
    if known is not None:
        pool.retire(known.endpoint)


def endpoint_on_record(record: Cluster) -> Endpoint:
    """The endpoint that a record describes.

    Raises:
        EngineUnavailable: its secrets cannot be decrypted.
    """
    address = urlsplit(record.uri)
    try:
        password, client_key = decrypt(record.password), decrypt(record.client_key)
    except ImproperlyConfigured:
        raise EngineUnavailable(
            f"The kept secrets of cluster {record.name!r} cannot be decrypted; put it on record anew."
        ) from None
    return Endpoint(
        host=address.hostname or "",
        port=address.port or 19530,
        user=record.user,
        password=password,
        tls=address.scheme == "https",
        ca_pem=record.ca_pem,
        client_pem=record.client_pem,
        client_key=client_key,
        server_name=record.server_name,
    )
