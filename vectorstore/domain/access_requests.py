"""What callers ask for about access and clusters, as the REST contract names it; see `requests`."""

from dataclasses import dataclass
from dataclasses import field as made_by
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantRequest:
    """Give ``role`` to exactly one of ``user``, ``group`` and ``service_account``, on collections of a database.

    ``cluster`` and ``database`` are a name or ``*``; ``collections`` is a pattern with ``*`` and ``?``.
    """

    role: str
    user: str | None = None
    group: str | None = None
    service_account: str | None = None
    cluster: str = "default"
    database: str = "default"
    collections: str = "*"
    row_filter: dict[str, Any] | None = None
    denied_fields: list[str] = made_by(default_factory=list)
    valid_from: datetime | None = None
    expires_at: datetime | None = None
    enabled: bool = True
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantChanges:
    """PATCH of a grant: what is None stays as it is. What it gives and where never changes: give another."""

    expires_at: datetime | None = None
    enabled: bool | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRequest:
    """``attributes`` are what row filters name as ``$user.<attribute>``: values or lists of values."""

    username: str
    password: str
    groups: list[str] = made_by(default_factory=list)
    attributes: dict[str, Any] = made_by(default_factory=dict)
    is_active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class UserChanges:
    """PATCH of a user: what is None stays as it is."""

    password: str | None = None
    groups: list[str] | None = None
    attributes: dict[str, Any] | None = None
    is_active: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRequest:
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAccountRequest:
    name: str
    attributes: dict[str, Any] = made_by(default_factory=dict)
    is_active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAccountChanges:
    """PATCH of a service account: what is None stays as it is."""

    attributes: dict[str, Any] | None = None
    is_active: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyScopesRequest:
    """``actions`` left out leaves all of the owner's; ``collections`` is a pattern with ``*`` and ``?``."""

    actions: list[str] | None = None
    collections: str = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyRequest:
    """A key for ``service_account`` or ``user``, or, with neither, for the caller.

    ``expires_at`` is at most 365 days away (default: 90 days); ``rate_limit`` is in requests a minute.
    """

    name: str
    service_account: str | None = None
    user: str | None = None
    expires_at: datetime | None = None
    scopes: KeyScopesRequest | None = None
    cidr: str = ""
    rate_limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterTls:
    """PEM texts, and the name in Milvus's certificate where it is not the host's. What is None stays as it is."""

    ca_pem: str | None = None
    client_pem: str | None = None
    client_key: str | None = made_by(default=None, repr=False)
    server_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterRequest:
    """``uri`` is ``http://host:port``, or ``https://host:port`` for TLS."""

    name: str
    uri: str
    user: str = ""
    password: str = made_by(default="", repr=False)
    tls: ClusterTls | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterChanges:
    """PATCH of a cluster: what is None stays as it is."""

    uri: str | None = None
    user: str | None = None
    password: str | None = made_by(default=None, repr=False)
    tls: ClusterTls | None = None
