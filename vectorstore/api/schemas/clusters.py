"""Bodies of ``clusters/``."""

from datetime import datetime
from typing import Any, TypedDict

from vectorstore.service.cluster_service import ClusterInfo


class ClusterTlsBody(TypedDict):
    ca_pem: str
    client_pem: str
    server_name: str


class ClusterBody(TypedDict):
    """``version`` is that of the last time the engine was asked; empty if it never was."""

    name: str
    uri: str
    user: str
    tls: ClusterTlsBody
    version: str
    probed_at: datetime | None


class ClusterAnswerBody(TypedDict):
    """``capabilities`` are null while they are being found out."""

    reachable: bool
    version: str
    capabilities: dict[str, Any] | None
    detail: str


def cluster_body(cluster: ClusterInfo) -> ClusterBody:
    return {
        "name": cluster.name,
        "uri": cluster.uri,
        "user": cluster.user,
        "tls": {"ca_pem": cluster.ca_pem, "client_pem": cluster.client_pem, "server_name": cluster.server_name},
        "version": cluster.version,
        "probed_at": cluster.probed_at,
    }
