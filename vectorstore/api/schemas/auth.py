"""Bodies of ``auth/``."""

from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

from vectorstore.access.rights import HeldGrant


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    username: str
    password: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshRequest:
    refresh: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CanIRequest:
    """``action`` is one of the product's, such as ``collection.create``."""

    action: str
    collection: str | None = None


class MyGrant(TypedDict):
    id: int
    role: str
    cluster: str
    database: str
    collections: str
    expires_at: datetime | None
    row_filter: bool
    denied_fields: list[str]


class Me(TypedDict):
    """``permissions`` are the actions that the caller may do on anything at all; ``grants`` say on what."""

    username: str
    kind: str
    method: str
    is_superuser: bool
    groups: list[str]
    permissions: list[str]
    grants: list[MyGrant]


class Verdict(TypedDict):
    """``reason`` names the grants that allow it, or what is missing."""

    allowed: bool
    reason: str


def my_grant(grant: HeldGrant) -> MyGrant:
    return {
        "id": grant.id,
        "role": grant.role,
        "cluster": grant.place.cluster,
        "database": grant.place.database,
        "collections": grant.place.collections,
        "expires_at": grant.expires_at,
        "row_filter": grant.rows is not None or grant.unresolved,
        "denied_fields": sorted(grant.denied),
    }
