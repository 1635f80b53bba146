"""Bodies of ``users/``, ``groups/``, ``service-accounts/``, ``grants/``, ``roles/`` and ``api-keys/``."""

from datetime import datetime
from typing import Any, NotRequired, TypedDict

from django.contrib.auth.models import Group, User

from vectorstore.access.roles import ROLES
from vectorstore.models import ApiKey, Grant, ServiceAccount


class UserBody(TypedDict):
    username: str
    groups: list[str]
    attributes: dict[str, Any]
    is_active: bool
    is_superuser: bool
    date_joined: datetime
    last_login: datetime | None


class GroupBody(TypedDict):
    name: str


class ServiceAccountBody(TypedDict):
    name: str
    attributes: dict[str, Any]
    is_active: bool
    created_at: datetime


class GrantBody(TypedDict):
    """Exactly one of ``user``, ``group`` and ``service_account`` is not null."""

    id: int
    user: str | None
    group: str | None
    service_account: str | None
    role: str
    cluster: str
    database: str
    collections: str
    row_filter: dict[str, Any] | None
    denied_fields: list[str]
    valid_from: datetime
    expires_at: datetime | None
    enabled: bool
    reason: str
    created_at: datetime
    created_by: str


class RoleBody(TypedDict):
    name: str
    actions: list[str]


class ScopesBody(TypedDict):
    actions: list[str] | None
    collections: str


class ApiKeyBody(TypedDict):
    """``key`` is there only in the answer that made it."""

    id: int
    name: str
    prefix: str
    user: str | None
    service_account: str | None
    scopes: ScopesBody | None
    cidr: str
    rate_limit: int | None
    expires_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None
    created_at: datetime
    created_by: str
    key: NotRequired[str]


def user_body(user: User) -> UserBody:
    attributes = getattr(user, "attributes", None)
    return {
        "username": user.get_username(),
        "groups": sorted(group.name for group in user.groups.all()),
        "attributes": attributes.values if attributes else {},
        "is_active": user.is_active,
        "is_superuser": user.is_superuser,
        "date_joined": user.date_joined,
        "last_login": user.last_login,
    }


def group_body(group: Group) -> GroupBody:
    return {"name": group.name}


def service_account_body(account: ServiceAccount) -> ServiceAccountBody:
    return {
        "name": account.name,
        "attributes": account.attributes,
        "is_active": account.is_active,
        "created_at": account.created_at,
    }


def grant_body(grant: Grant) -> GrantBody:
    return {
        "id": grant.pk,
        "user": grant.user.get_username() if grant.user else None,
        "group": grant.group.name if grant.group else None,
        "service_account": grant.service_account.name if grant.service_account else None,
        "role": grant.role,
        "cluster": grant.cluster,
        "database": grant.database,
        "collections": grant.collections,
        "row_filter": grant.row_filter,
        "denied_fields": grant.denied_fields,
        "valid_from": grant.valid_from,
        "expires_at": grant.expires_at,
        "enabled": grant.enabled,
        "reason": grant.reason,
        "created_at": grant.created_at,
        "created_by": grant.created_by,
    }


def role_body(name: str) -> RoleBody:
    return {"name": name, "actions": sorted(ROLES[name])}


def api_key_body(key: ApiKey, text: str | None = None) -> ApiKeyBody:
    body: ApiKeyBody = {
        "id": key.pk,
        "name": key.name,
        "prefix": key.prefix,
        "user": key.user.get_username() if key.user else None,
        "service_account": key.service_account.name if key.service_account else None,
        "scopes": key.scopes,
        "cidr": key.cidr,
        "rate_limit": key.rate_limit,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "last_used_at": key.last_used_at,
        "created_at": key.created_at,
        "created_by": key.created_by,
    }
    return body if text is None else {**body, "key": text}
