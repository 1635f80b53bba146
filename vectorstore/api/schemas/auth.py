"""Bodies of ``auth/``."""

from dataclasses import dataclass
from typing import TypedDict


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


class Me(TypedDict):
    """``permissions`` are the actions that the caller may do."""

    username: str
    is_superuser: bool
    groups: list[str]
    permissions: list[str]


class Verdict(TypedDict):
    allowed: bool
    reason: str
