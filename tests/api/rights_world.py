"""Who asks and what is asked about: the callers of the rights matrix as the database holds them, and their places."""

import dataclasses
import re
import secrets
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Group, User
from django.utils import timezone

from tests.access import rights_model as model
from tests.access.rights_model import Caller, Held, Scopes
from tests.api.client import Api
from tests.api.rights_cases import FAR, Case, Place
from tests.support.access import give
from tests.support.backups import set_row
from tests.support.profiles import a_profile
from vectorstore.access import api_keys
from vectorstore.access.actor import KeyScopes
from vectorstore.api import tokens
from vectorstore.models import (
    ApiKey,
    Backup,
    BackupPolicy,
    Cluster,
    Grant,
    Job,
    RestorePoint,
    SearchProfile,
    ServiceAccount,
    UserAttributes,
)
from vectorstore.service import CollectionService, catalogue
from vectorstore.service.context import Scope

PASSWORD = "correct horse battery staple"
TENANT = {"field": "tenant", "op": "in", "value": ["$user.tenants"]}
CALLERS = (
    Caller("anonymous", known=False),
    Caller("stranger"),
    *(Caller(f"{role} of {on}", (Held(role, on),)) for role in model.ROLES for on in ("docs*", "*")),
    Caller("superuser", superuser=True),
    Caller(
        "narrow key",
        (Held("collection_admin"),),
        scopes=Scopes(actions=frozenset({"vector.search"}), collections="m_*"),
    ),
    Caller("expired", (Held("cluster_admin", active=False),)),
    Caller("disabled", (Held("cluster_admin", active=False),)),
    Caller("not yet valid", (Held("cluster_admin", active=False),)),
    Caller("another tenant", (Held("collection_admin", "other_*"),)),
    Caller("another database", (Held("cluster_admin", database="elsewhere"),)),
    Caller("member of a group", (Held("editor", "docs*"),)),
    Caller("viewer of rows", (Held("viewer", "docs*", rows=True),)),
    Caller("viewer without fields", (Held("viewer", denied=True),)),
    Caller("editor of rows", (Held("editor", rows=True),)),
    Caller("editor without fields", (Held("editor", "docs*", denied=True),)),
    Caller("collection_admin of rows", (Held("collection_admin", rows=True),)),
    Caller("viewer and editor", (Held("viewer"), Held("editor", "docs*"))),
)
PREFIXES = ("docs_", "m_")
_KINDS = (
    User,
    Group,
    ServiceAccount,
    Grant,
    UserAttributes,
    Cluster,
    Job,
    Backup,
    BackupPolicy,
    RestorePoint,
    SearchProfile,
)

_kept: dict[tuple[int, str], str] = {}
"""The shared collection of each engine and prefix: no test changes it."""


def client_for(caller: Caller) -> Api:
    """The caller as the database holds it, and its way in."""
    if not caller.known:
        return Api()
    account = User.objects.create_user(f"u-{secrets.token_hex(4)}", is_superuser=caller.superuser)
    UserAttributes.objects.create(user=account, values={"tenants": ["a"]})
    owner: User | Group | ServiceAccount = account
    if caller.name == "member of a group":
        owner = Group.objects.create(name=account.username)
        account.groups.add(owner)
    elif caller.scopes:
        owner = ServiceAccount.objects.create(name=account.username, attributes={"tenants": ["a"]})
    for held in caller.grants:
        values: dict[str, Any] = {"database": held.database}
        now, moment = timezone.now(), timedelta(minutes=1)
        if not held.active:
            values |= {
                "expired": {"expires_at": now - moment},
                "disabled": {"enabled": False},
                "not yet valid": {"valid_from": now + moment},
            }[caller.name]
        if held.rows:
            values["row_filter"] = TENANT
        if held.denied:
            values["denied_fields"] = ["secret"]
        give(owner, held.role, held.collections, **values)
    if not caller.scopes:
        return Api(tokens.issue(account)["access"])
    scopes = KeyScopes(caller.scopes.actions, caller.scopes.collections)
    _, text = api_keys.make("narrow", owner, scopes=scopes, by="tests")
    api = Api()
    api.headers = {"Authorization": f"Api-Key {text}"}
    return api


class World:
    """What requests are about, made and looked at by a superuser."""

    def __init__(self, root: Api, port: int) -> None:
        self.root = root
        self.port = port
        catalogue.forget(Scope())  # the database that the last test's knowledge came from is gone
        self.shared = {prefix: self._place(prefix, self._kept(prefix)) for prefix in PREFIXES}

    def own(self, case: Case, prefix: str) -> Place:
        """A place that the request may use up."""
        shared = self.shared[prefix]
        if case.method == "GET":
            return shared
        if case.wears:
            name = self._collection(prefix)
        else:
            name = shared.collection
        place = self._place(prefix, name)
        if case.before:
            method, url = case.before.split(" ")
            if "indexes" in url:
                self.root.post(f"collections/{name}/release/")
            assert self.root(method, url.format(name=name)).status_code < 300
        return place

    def again(self, prefix: str) -> Place:
        """The shared place with new names for what is made."""
        return dataclasses.replace(self.shared[prefix], new=f"{prefix}{secrets.token_hex(6)}")

    def clear(self) -> None:
        kept = {place.collection for place in self.shared.values()}
        aliases = self.root.get("aliases/?page_size=1000").json()["results"]
        for alias in aliases:
            if alias["collection"] not in kept or alias["alias"] != f"{alias['collection']}_alias":
                self.root.delete(f"aliases/{alias['alias']}/")
        for name in self._names():
            if name not in kept:
                self.root.delete(f"collections/{name}/")
        for item in self.root.get("databases/?page_size=1000").json()["results"]:
            if item["name"].startswith(PREFIXES):
                self.root.delete(f"databases/{item['name']}/")

    def state(self) -> dict[str, Any]:
        """Everything that a refused request might have changed."""
        found: dict[str, Any] = {}
        for name in self._names():
            item = self.root.get(f"collections/{name}/").json()
            rows = self.root.post(f"collections/{name}/vectors/query/", {"filter": "id != ''"}).json()["results"]
            parts = self.root.get(f"collections/{name}/partitions/").json()
            found |= {f"{name}.{member}": value for member, value in item.items()}
            found |= {f"{name}.rows": sorted(rows, key=lambda row: row["id"]), f"{name}.partitions": parts}
        return found | {
            "aliases": self.root.get("aliases/?page_size=1000").json()["results"],
            "databases": self.root.get("databases/?page_size=1000").json()["results"],
            **{kind.__name__: list(kind.objects.order_by("pk").values()) for kind in _KINDS},
            "keys": list(ApiKey.objects.order_by("pk").values("pk", "name", "revoked_at", "expires_at")),
        }

    def _names(self) -> list[str]:
        return [name for name in CollectionService().names() if re.match("(far_)?(docs|m)_", name)]

    def _kept(self, prefix: str) -> str:
        if (self.port, prefix) not in _kept:
            _kept[self.port, prefix] = self._collection(prefix)
        return _kept[self.port, prefix]

    def _collection(self, prefix: str) -> str:
        name = f"{prefix}{secrets.token_hex(6)}"
        fields = [
            {"name": "id", "type": "VARCHAR", "max_length": 64, "primary": True},
            {"name": "vector", "type": "FLOAT_VECTOR", "dimension": 4},
        ]
        index = {"type": "FLAT", "metric": "L2"}
        rows = [{"id": name, "vector": [0, 1, 0, 0], "tenant": "a", "secret": "s"} for name in ("a", "b")]
        for url, body in (
            ("collections/", {"name": name, "fields": fields, "index": index}),
            (f"collections/{name}/vectors/", {"vectors": rows}),
            (f"collections/{name}/partitions/", {"name": "spring"}),
            ("aliases/", {"alias": f"{name}_alias", "collection": name}),
        ):
            answer = self.root.post(url, body)
            assert answer.status_code == 201, answer.content
        return name

    def _place(self, prefix: str, collection: str) -> Place:
        mark = secrets.token_hex(4)
        rich = User.objects.create_user(f"rich-{mark}")
        plain = User.objects.create_user(f"plain-{mark}", password=PASSWORD)
        service = ServiceAccount.objects.create(name=f"service-{mark}")
        job = {"kind": "any", "collection": collection, "actor_kind": "user", "actor_id": rich.pk}
        return Place(
            collection=collection,
            alias=f"{collection}_alias",
            prefix=prefix,
            new=f"{prefix}{secrets.token_hex(6)}",
            user=plain.username,
            rich=rich.username,
            rich_on=f"{prefix}rich",
            group=Group.objects.create(name=f"group-{mark}").name,
            service=service.name,
            grant=give(rich, "viewer", f"{prefix}rich").pk,
            key=api_keys.make("kept", service, by="tests")[0].pk,
            refresh=tokens.issue(plain)["refresh"],
            password=PASSWORD,
            job=Job.objects.create(**job).pk,
            failed=Job.objects.create(**job, state="failed").pk,
            backup=set_row(collection).set_id,
            wide=set_row(collection, FAR).set_id,
            policy=BackupPolicy.objects.create(name=f"p-{mark}", collections=[collection], schedule="0 3 * * *").name,
            broad=BackupPolicy.objects.create(name=f"w-{mark}", collections=["*"], schedule="0 3 * * *").name,
            profile=a_profile(collection).pk,
            cluster=Cluster.objects.create(name=f"c-{mark}", uri=f"http://c-{mark}:19530").name,
        )


def prefixes_for(caller: Caller) -> tuple[str, ...]:
    """Where only some collections are granted, one place inside and one outside; else either says it all."""
    return PREFIXES if caller.scopes or any(held.collections == "docs*" for held in caller.grants) else PREFIXES[:1]
