"""One adapter per endpoint and process, made when first needed.

A channel of gRPC does not survive a fork, so a forked child begins with an empty pool.
"""

import os
import threading
from functools import lru_cache
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from vectorstore.adapters.milvus_adapter import MilvusAdapter
from vectorstore.adapters.rpc import Endpoint
from vectorstore.config.settings import Settings, current, variables


class ConnectionPool:
    """Thread-safe. Endpoints that differ in any setting never share a connection."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._adapters: dict[tuple[Endpoint, Path], MilvusAdapter] = {}

    def get(self, endpoint: Endpoint, locks: Path) -> MilvusAdapter:
        """The adapter of ``endpoint``; ``locks`` is the folder for its write locks."""
        key = (endpoint, locks)
        adapter = self._adapters.get(key)
        if adapter is None:
            with self._lock:
                adapter = self._adapters.get(key)
                if adapter is None:
                    adapter = self._adapters[key] = MilvusAdapter(endpoint, locks, current().web_threads)
        return adapter

    def retire(self, endpoint: Endpoint) -> None:
        """Hand this endpoint out no more. Calls under way keep the connection, which closes with the last of them."""
        with self._lock:
            for key in [key for key in self._adapters if key[0] == endpoint]:
                del self._adapters[key]

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            for adapter in self._adapters.values():
                adapter.close()
            self._adapters.clear()

    def forget(self) -> None:
        """Drop the connections of the parent process without touching them."""
        self._lock = threading.Lock()
        self._adapters = {}


pool = ConnectionPool()
os.register_at_fork(after_in_child=pool.forget)


def endpoint_of_environment() -> Endpoint:
    """How to reach the cluster ``default``, by the settings. The PEM files are read once.

    Raises:
        ImproperlyConfigured: a PEM file cannot be read; the message names its variable.
    """
    return _endpoint(current())


@lru_cache(maxsize=4)
def _endpoint(settings: Settings) -> Endpoint:
    return Endpoint(
        host=settings.milvus_host,
        port=settings.milvus_port,
        user=settings.milvus_user,
        password=settings.milvus_password,
        tls=settings.milvus_tls,
        ca_pem=_pem(settings, "milvus_ca_pem_path"),
        client_pem=_pem(settings, "milvus_client_pem_path"),
        client_key=_pem(settings, "milvus_client_key_path"),
        server_name=settings.milvus_server_name,
    )


def _pem(settings: Settings, name: str) -> str:
    path = getattr(settings, name)
    try:
        text = Path(path).read_text(errors="replace") if path else ""
    except OSError:
        text = "unreadable"
    if text and "-----BEGIN " not in text:
        raise ImproperlyConfigured(f"{variables()[name]} should be the path of a readable PEM file.")
    return text


def get_adapter(endpoint: Endpoint) -> MilvusAdapter:
    """The adapter of an endpoint, connected when it is first used."""
    return pool.get(endpoint, _locks(current()))


@lru_cache(maxsize=4)
def _locks(settings: Settings) -> Path:
    return settings.data_dir / "locks"
