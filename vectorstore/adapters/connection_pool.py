"""One adapter per endpoint and process, made when first needed.

A channel of gRPC does not survive a fork, so a forked child begins with an empty pool.
"""

import os
import threading
from pathlib import Path

from vectorstore.adapters.milvus_adapter import MilvusAdapter
from vectorstore.adapters.rpc import Endpoint
from vectorstore.config.settings import current
from vectorstore.domain.errors import NotFound


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
                    adapter = self._adapters[key] = MilvusAdapter(endpoint, locks)
        return adapter

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


def endpoint_of(cluster: str) -> Endpoint:
    """How to reach a cluster; ``default`` is the one of the environment.

    Raises:
        NotFound: there is no cluster of that name.
    """
    if cluster != "default":
        raise NotFound(f"There is no cluster {cluster[:64]!r}.")
    settings = current()
    return Endpoint(
        host=settings.milvus_host,
        port=settings.milvus_port,
        user=settings.milvus_user,
        password=settings.milvus_password,
        tls=settings.milvus_tls,
        ca_pem=settings.milvus_ca_pem_path,
        client_pem=settings.milvus_client_pem_path,
        client_key=settings.milvus_client_key_path,
        server_name=settings.milvus_server_name,
    )


def get_adapter(cluster: str = "default") -> MilvusAdapter:
    """The adapter of a cluster, connected when it is first used."""
    return pool.get(endpoint_of(cluster), current().data_dir / "locks")
