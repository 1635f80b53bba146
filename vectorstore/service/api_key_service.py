"""API keys: made, listed, revoked."""

import ipaddress
import re
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.utils import timezone

from vectorstore.access import api_keys
from vectorstore.access.actor import SERVICE_ACCOUNT, USER, KeyScopes
from vectorstore.access.delegation import grants_of, lacking
from vectorstore.access.roles import ACTIONS
from vectorstore.domain.access_requests import ApiKeyRequest, KeyScopesRequest
from vectorstore.domain.errors import InvalidRequest, NotFound, PermissionDenied
from vectorstore.models import ApiKey, ServiceAccount
from vectorstore.service.operation import Service
from vectorstore.service.plain_text import refuse_nul

_PATTERN = re.compile(r"[A-Za-z0-9_*?]{1,255}")


class ApiKeyService(Service):
    def list(self) -> QuerySet[ApiKey]:
        """The caller's own keys; all keys where it may manage them."""
        with self.listing("apikey.own"):
            return self._in_reach()

    def reachable(self) -> "QuerySet[ApiKey]":
        """As ``list``, for a page that shows several; the page's own request is what is recorded."""
        return self._in_reach()

    def get(self, key_id: int) -> ApiKey:
        """Raises NotFound: there is none, or it is out of the caller's reach."""
        return self._find(key_id)

    def _find(self, key_id: int) -> ApiKey:
        found = self._in_reach().filter(pk=key_id).first()
        if found is None:
            absent = "There is no such API key."
            if ApiKey.objects.filter(pk=key_id).exists():
                self.hidden("apikey.manage", "", absent)
            raise NotFound(absent)
        return found

    def _in_reach(self) -> QuerySet[ApiKey]:
        rows = ApiKey.objects.select_related("user", "service_account")
        if self.rights.decide("apikey.manage").allowed:
            return rows
        actor = self.scope.actor
        if actor.kind not in (USER, SERVICE_ACCOUNT) or not self.rights.decide("apikey.own").allowed:
            return rows.none()
        return rows.filter(Q(user_id=actor.id) if actor.kind == USER else Q(service_account_id=actor.id))

    def create(self, request: ApiKeyRequest) -> tuple[ApiKey, str]:
        """A key and its text, which is shown this once.

        Raises:
            InvalidRequest: a value is wrong.
            PermissionDenied: the owner holds more than the caller, or the caller came with a key of few scopes.
        """
        refuse_nul(request)
        actor = self.scope.actor
        own = (
            request.user in (None, actor.name if actor.kind == USER else None)
            and request.service_account in (None, actor.name if actor.kind == SERVICE_ACCOUNT else None)
            and (request.user is None or request.service_account is None)
        )
        with self.operation("apikey.own" if own else "apikey.manage") as act:
            act.parameters = {"create": "API key", "name": request.name[:150]}
            if actor.scopes is not None:
                raise PermissionDenied("A key with scopes makes no keys.")
            owner = self._owner(request)
            act.parameters = {**act.parameters, "owner": str(owner)}
            if not own:
                self._refuse_stronger(owner)
            if not 1 <= len(request.name) <= 150:
                raise InvalidRequest.at("/name", "the name has 1 to 150 characters")
            key, text = api_keys.make(
                request.name,
                owner,
                expires_at=_expiry(request.expires_at),
                scopes=_scopes(request.scopes),
                cidr=_cidr(request.cidr),
                rate_limit=_limit(request.rate_limit),
                by=self.scope.actor.name,
            )
            act.parameters = {**act.parameters, "key": key.pk, "prefix": key.prefix}
            return key, text

    def revoke(self, key_id: int) -> None:
        """The key is refused from now on.

        Raises:
            NotFound: there is none, or it is out of the caller's reach.
        """
        with self.operation("apikey.own") as act:
            key = self._find(key_id)
            act.parameters = {"revoke": "API key", "key": key.pk, "prefix": key.prefix}
            api_keys.revoke(key)

    def _owner(self, request: ApiKeyRequest) -> User | ServiceAccount:
        if request.user is not None and request.service_account is not None:
            raise InvalidRequest.at("", "give user or service_account, not both")
        actor = self.scope.actor
        found: User | ServiceAccount | None
        if request.service_account is not None or (request.user is None and actor.kind == SERVICE_ACCOUNT):
            wanted = Q(name=request.service_account) if request.service_account is not None else Q(pk=actor.id)
            found = ServiceAccount.objects.filter(wanted).first()
            pointer = "/service_account"
        else:
            wanted = Q(username=request.user) if request.user is not None else Q(pk=actor.user_id)
            found = User.objects.filter(wanted).first()
            pointer = "/user"
        if found is None:
            raise InvalidRequest.at(pointer, f"there is no {pointer[1:].replace('_', ' ')} of that name")
        return found

    def _refuse_stronger(self, owner: User | ServiceAccount) -> None:
        """A key gives whoever holds it what its owner may do."""
        if self.scope.actor.superuser:
            return
        lacks = "it is a superuser" if isinstance(owner, User) and owner.is_superuser else ""
        for grant in grants_of(owner):
            lacks = lacks or lacking(self.rights, grant)
        if lacks:
            raise PermissionDenied(f"The owner of the key holds more than you do: {lacks}.")


def _expiry(asked: datetime | None) -> datetime | None:
    if asked is None:
        return None
    if timezone.is_naive(asked):
        raise InvalidRequest.at("/expires_at", "give the time with its offset, such as 2030-01-31T00:00:00Z")
    if not timezone.now() < asked <= timezone.now() + timedelta(days=365):
        raise InvalidRequest.at("/expires_at", "a key expires in the future and within 365 days")
    return asked


def _scopes(asked: KeyScopesRequest | None) -> KeyScopes | None:
    if asked is None:
        return None
    if asked.actions is not None and not asked.actions:
        detail = "name at least one action, or leave actions out for all of the owner's"
        raise InvalidRequest.at("/scopes/actions", detail)
    unknown = sorted(set(asked.actions or ()) - ACTIONS)
    if unknown:
        raise InvalidRequest.at("/scopes/actions", f"there is no action {unknown[0][:64]!r}")
    if not _PATTERN.fullmatch(asked.collections):
        raise InvalidRequest.at("/scopes/collections", "collections is a name, or a pattern with * and ?")
    return KeyScopes(None if asked.actions is None else frozenset(asked.actions), asked.collections)


def _cidr(asked: str) -> str:
    if not asked:
        return ""
    try:
        return str(ipaddress.ip_network(asked, strict=False))
    except ValueError:
        raise InvalidRequest.at("/cidr", "cidr is a network such as 10.0.0.0/8 or 2001:db8::/32") from None


def _limit(asked: int | None) -> int | None:
    if asked is not None and not 1 <= asked <= 1_000_000_000:
        raise InvalidRequest.at("/rate_limit", "rate_limit is 1 to 1000000000 requests a minute")
    return asked
