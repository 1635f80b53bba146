"""Every route × every kind of caller equals the reference model in ``tests/access/rights_model.py``.

The routes come from the OpenAPI document and from the URL configuration; one that ``rights_cases`` leaves out fails.
"""

import dataclasses
import json
import re
import secrets
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.urls import URLPattern, URLResolver
from django.utils import timezone

from tests.access import rights_model as model
from tests.access.rights_model import Caller, Held, Scopes
from tests.api.client import BASE, Api
from tests.api.rights_cases import CASES, Case, Place
from tests.support.access import give
from tests.support.engines import RunningEngine
from vectorstore.access import api_keys, roles
from vectorstore.access.actor import KeyScopes
from vectorstore.api import tokens, urls
from vectorstore.api.openapi import document
from vectorstore.audit import log
from vectorstore.config.settings import current
from vectorstore.models import ApiKey, AuditRecord, Grant, ServiceAccount, UserAttributes
from vectorstore.service import catalogue
from vectorstore.service.context import Scope

PASSWORD = "correct horse battery staple"
TENANT = {"field": "tenant", "op": "in", "value": ["$user.tenants"]}
OUTSIDE = {"schema/", "docs/"}
"""Pages about the API; they hold nothing of anybody."""

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
        for item in self.root.get("collections/?page_size=1000").json()["results"]:
            if re.match("(far_)?(docs|m)_", item["name"]) and item["name"] not in kept:
                self.root.delete(f"collections/{item['name']}/")
        for item in self.root.get("databases/?page_size=1000").json()["results"]:
            if item["name"].startswith(PREFIXES):
                self.root.delete(f"databases/{item['name']}/")

    def state(self) -> dict[str, Any]:
        """Everything that a refused request might have changed."""
        found: dict[str, Any] = {}
        for item in self.root.get("collections/?page_size=1000").json()["results"]:
            if re.match("(far_)?(docs|m)_", item["name"]):
                name = item["name"]
                rows = self.root.post(f"collections/{name}/vectors/query/", {"filter": "id != ''"}).json()["results"]
                parts = self.root.get(f"collections/{name}/partitions/").json()
                found |= {f"{name}.{member}": value for member, value in item.items()}
                found |= {f"{name}.rows": sorted(rows, key=lambda row: row["id"]), f"{name}.partitions": parts}
        return found | {
            "aliases": self.root.get("aliases/?page_size=1000").json()["results"],
            "databases": self.root.get("databases/?page_size=1000").json()["results"],
            **{
                kind.__name__: list(kind.objects.order_by("pk").values())
                for kind in (User, Group, ServiceAccount, Grant, UserAttributes)
            },
            "keys": list(ApiKey.objects.order_by("pk").values("pk", "name", "revoked_at", "expires_at")),
        }

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
        )


@pytest.fixture
def world(
    lite: RunningEngine, bound: pytest.MonkeyPatch, admin: User, client_of: Callable[[User], Api]
) -> Iterator[World]:
    bound.setenv("VECTORSTORE_RATE_LIMIT", "100000000")
    current.cache_clear()
    found = World(client_of(admin), lite.port)
    yield found
    found.clear()


def test_the_model_has_the_actions_and_roles_of_the_product() -> None:
    assert set(roles.ACTIONS) == model.ACTIONS
    assert {name: set(actions) for name, actions in roles.ROLES.items()} == model.ROLES


def served() -> set[tuple[str, str]]:
    """Every method and path that the URL configuration has below ``/api/``."""
    return set(_served(urls.urlpatterns, ""))


def _served(patterns: list[URLPattern | URLResolver], before: str) -> Iterator[tuple[str, str]]:
    for pattern in patterns:
        path = before + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            yield from _served(pattern.url_patterns, path)
            continue
        view = getattr(pattern.callback, "view_class", None) or getattr(pattern.callback, "cls", None)
        names = ("get", "post", "put", "patch", "delete")
        yield from ((name.upper(), path) for name in names if path not in OUTSIDE and hasattr(view, name))


def test_every_route_is_described_served_and_in_the_model() -> None:
    described = {
        (method.upper(), path.removeprefix("/api/"))
        for path, methods in document()["paths"].items()
        for method in methods
    }
    assert described == served()
    known = {(case.method, f"v1/{case.path}") for case in CASES}
    assert described - known == set(), "a route that tests/api/rights_cases.py leaves out"
    assert known - described == set(), "a case without its route"


def test_the_pages_about_the_api_are_open_to_all(anonymous: Api) -> None:
    for page in OUTSIDE:
        assert anonymous.get(f"/api/{page}").status_code == 200


def expected(case: Case, caller: Caller, at: Place) -> int:
    """The status by the model."""
    if case.public:
        return case.ok
    if not caller.known:
        return 401
    return case.need(at).refusal(caller) or case.ok


def label(case: Case, at: Place) -> str:
    return f"{case.method} {case.url(at)} {json.dumps(case.body(at))}"


by_caller = pytest.mark.parametrize("caller", CALLERS, ids=lambda caller: caller.name)
by_known_caller = pytest.mark.parametrize("caller", CALLERS[1:], ids=lambda caller: caller.name)


def refused_of(world: World, caller: Caller) -> Iterator[tuple[Case, Place]]:
    """The cases that the model refuses to a known caller, each with the shared place."""
    for prefix in PREFIXES:
        for case in CASES:
            at = world.again(prefix)
            if not case.public and case.need(at).refusal(caller) is not None:
                yield case, at


@by_caller
def test_every_route_answers_the_caller_as_the_model_says(world: World, caller: Caller) -> None:
    api = client_for(caller)
    wrong: list[str] = []
    allowed: list[tuple[Case, str]] = []

    def ask(case: Case, at: Place) -> None:
        answer = api(case.method, case.url(at), case.body(at))
        status = expected(case, caller, at)
        if answer.status_code != status:
            wrong.append(f"{label(case, at)}: {answer.status_code} {answer.content[:200]!r}, by the model {status}")

    before = world.state()
    for prefix in PREFIXES:
        for case in CASES:
            at = world.again(prefix)
            if expected(case, caller, at) == case.ok:
                allowed.append((case, prefix))
            else:
                ask(case, at)
    after = world.state()
    changed = [kind for kind in before | after if before.get(kind) != after.get(kind)]
    assert changed == [], f"a refused request changed {changed[0]}: {before.get(changed[0])}, {after.get(changed[0])}"
    worn: set[int] = set()
    for case, prefix in allowed:  # one place for each is enough to wear out
        if not (case.wears and id(case) in worn):
            worn.add(id(case))
            ask(case, world.own(case, prefix))
    assert wrong == [], "\n".join(wrong)


@by_known_caller
def test_every_attempt_that_rights_deny_is_recorded_as_denied(world: World, caller: Caller) -> None:
    api = client_for(caller)
    denied: dict[str, str] = {}
    for case, at in refused_of(world, caller):
        mark = secrets.token_hex(8)
        api(case.method, case.url(at), case.body(at), X_Request_ID=mark)
        denied[mark] = label(case, at)
    log.flush()
    records = AuditRecord.objects.filter(allowed=False, request_id__in=denied)
    recorded = set(records.values_list("request_id", flat=True))
    missing = [text for mark, text in denied.items() if mark not in recorded]
    assert missing == [], "\n".join(missing)


@by_known_caller
def test_what_is_hidden_answers_as_what_is_not_there(world: World, caller: Caller) -> None:
    api = client_for(caller)
    wrong = []
    for case, at in refused_of(world, caller):
        if not case.need(at).hides(caller):
            continue
        nowhere = f"n{secrets.token_hex(6)}"
        names = ("alias", "collection", "user", "rich", "group", "service")
        gone = dataclasses.replace(at, grant=10**9, key=10**9, **{name: f"{nowhere}_{name}" for name in names})
        answers = []
        for place in (at, gone):
            answer = api(case.method, case.url(place), case.body(place), X_Request_ID="the-same")
            text = answer.content.decode()
            for name in names:
                text = text.replace(getattr(place, name), f"<{name}>")
            told = json.loads(text)
            assert told.pop("instance")
            answers.append((told["status"], told["detail"], told))
        if answers[0] != answers[1]:
            wrong.append(f"{label(case, at)}: {answers[0][:2]}, of what is not there {answers[1][:2]}")
    assert wrong == [], "\n".join(wrong)


@by_known_caller
def test_a_name_that_is_taken_is_refused_as_one_that_is_free(world: World, caller: Caller) -> None:
    api = client_for(caller)
    for place in world.shared.values():
        if caller.holds("collection.create", place.collection):
            continue
        taken, free = (
            api.post("collections/", {"name": name, "dimension": 4, "metric": "L2"}, X_Request_ID="the-same")
            for name in (place.collection, place.new)
        )
        assert taken.content.decode().replace(place.collection, place.new) == free.content.decode()


@by_known_caller
def test_can_i_says_what_the_model_says(world: World, caller: Caller) -> None:
    api = client_for(caller)
    wrong = []
    for action in sorted(model.OF_A_COLLECTION | model.OF_THE_GATEWAY):
        asked = [place.collection for place in world.shared.values()] if action in model.OF_A_COLLECTION else [None]
        for name in asked:
            body = {"action": action} if name is None else {"action": action, "collection": name}
            may = caller.holds_everywhere(action) if name is None else caller.holds(action, name)
            if action == "vector.upsert" and not caller.upserts_whole_rows:
                continue  # a rule of the rows: docs/security.md, "Denied fields"
            answer = api.post("auth/can-i/", body).json()
            if answer["allowed"] != may:
                wrong.append(f"{action} on {name}: {answer}, by the model {may}")
    assert wrong == [], "\n".join(wrong)


@by_known_caller
def test_lists_hold_what_is_visible(world: World, caller: Caller) -> None:
    api = client_for(caller)
    collections = {item["name"] for item in api.get("collections/?page_size=1000").json()["results"]}
    aliases = {item["collection"] for item in api.get("aliases/?page_size=1000").json()["results"]}
    for place in world.shared.values():
        visible = caller.holds("collection.view", place.collection)
        assert (place.collection in collections) == visible
        assert (place.collection in aliases) == visible
    if not caller.superuser and not any(held.collections == "*" for held in caller.grants):
        assert all(model.On("collection.view", name).refusal(caller) is None for name in collections)
    by_grants = {"grants/": "grant.view", "users/": "grant.view", "groups/": "grant.view", "api-keys/": "apikey.manage"}
    for address, action in by_grants.items():
        found = json.dumps(api.get(f"{BASE}{address}?page_size=1000").json())
        for place in world.shared.values():
            if caller.holds_everywhere(action):
                continue
            if address == "grants/":
                assert (f'"{place.rich_on}"' in found) == caller.covers(action, place.rich_on)
            else:
                assert place.rich not in found
                assert place.group not in found
                assert place.service not in found
