"""One gRPC channel to one Milvus, and the way every call goes through it.

pymilvus gives the generated messages and stubs; its client is not used, because it repeats writes by itself,
builds messages value by value and shares channels between clients whose TLS settings differ.
"""

import base64
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import grpc
from pymilvus.grpc_gen import milvus_pb2_grpc

from vectorstore.adapters.errors import check_status
from vectorstore.adapters.gate import Gate
from vectorstore.adapters.retry_mechanism import CallKind, CallStats, Guards, run

_OPTIONS: list[tuple[str, Any]] = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.enable_retries", 0),  # retry_mechanism owns retries
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 2_000),  # what one attempt may take: TCP, TLS and HTTP/2 over a slow network
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.use_local_subchannel_pool", 1),  # two channels to one address never share a connection
]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Every setting of a connection; the pool is keyed by all of them.

    ``ca_pem``, ``client_pem`` and ``client_key`` are PEM text. Without ``ca_pem`` the authorities that gRPC ships
    are trusted.
    """

    host: str
    port: int = 19530
    user: str = ""
    password: str = ""
    tls: bool = False
    ca_pem: str = ""
    client_pem: str = ""
    client_key: str = ""
    server_name: str = ""

    def __repr__(self) -> str:
        return f"Endpoint({self.host}:{self.port}, user={self.user!r}, tls={self.tls})"


class Rpc:
    """Thread-safe; one per endpoint and process. With a ``gate`` every call for a collection goes through it."""

    gate: Gate | None = None

    def __init__(self, endpoint: Endpoint, threads: int) -> None:
        self.guards = Guards(threads)
        self._channel = _open(endpoint)
        self._stub = milvus_pb2_grpc.MilvusServiceStub(self._channel)
        self._metadata: list[tuple[str, str]] = []
        if endpoint.user:
            token = base64.b64encode(f"{endpoint.user}:{endpoint.password}".encode()).decode()
            self._metadata.append(("authorization", token))

    def call(
        self,
        name: str,
        request: Any,
        kind: CallKind,
        *,
        timeout: float | None = None,
        stats: CallStats | None = None,
        alone: bool = False,
    ) -> Any:
        """Call ``name`` of Milvus's service; the answer has a good status. ``alone``: within ``Rpc.alone``.

        Raises:
            VectorStoreError: the translated failure.
        """
        method = getattr(self._stub, name)
        database = getattr(request, "db_name", "")
        metadata = [*self._metadata, ("dbname", database)] if database else self._metadata

        def attempt(seconds: float) -> Any:
            answer = method(request, timeout=seconds, metadata=metadata)
            status = getattr(answer, "status", answer)
            check_status(status, name)
            return answer

        collection = "" if self.gate is None or alone else getattr(request, "collection_name", "")
        with self.gate.through(database, collection) if self.gate and collection else nullcontext():
            return run(attempt, kind, name, self.guards, timeout, stats)

    def alone(self, database: str, *names: str) -> AbstractContextManager[None]:
        """Where there is a gate, nobody else calls for those collections meanwhile."""
        return self.gate.alone(database, *names) if self.gate else nullcontext()

    def close(self) -> None:
        self._channel.close()


def _open(endpoint: Endpoint) -> grpc.Channel:
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    target = f"{host}:{endpoint.port}"
    if not endpoint.tls:
        return grpc.insecure_channel(target, options=_OPTIONS)
    credentials = grpc.ssl_channel_credentials(
        root_certificates=endpoint.ca_pem.encode() or None,
        private_key=endpoint.client_key.encode() or None,
        certificate_chain=endpoint.client_pem.encode() or None,
    )
    options = list(_OPTIONS)
    if endpoint.server_name:
        options.append(("grpc.ssl_target_name_override", endpoint.server_name))
    return grpc.secure_channel(target, credentials, options=options)
