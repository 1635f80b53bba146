"""Every route × every kind of caller equals the reference model in ``tests/access/rights_model.py``.

The routes come from the OpenAPI document and from the URL configuration; one that ``rights_cases`` leaves out fails.
"""

import dataclasses
import json
import re
import secrets
from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from django.urls import URLPattern, URLResolver

from tests.access import rights_model as model
from tests.access.rights_model import Caller
from tests.api.client import BASE, Api
from tests.api.rights_cases import CASES, Case, Place
from tests.api.rights_world import CALLERS, World, client_for, prefixes_for
from tests.support.engines import RunningEngine
from vectorstore.access import roles
from vectorstore.api import urls
from vectorstore.api.openapi import document
from vectorstore.audit import log
from vectorstore.config.settings import current
from vectorstore.models import AuditRecord

OUTSIDE = {"schema/", "docs/"}
"""Pages about the API; they hold nothing of anybody."""


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
    for prefix in prefixes_for(caller):
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
    for prefix in prefixes_for(caller):
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
        names = ("alias", "collection", "user", "rich", "group", "service", "cluster")
        names += ("backup", "wide", "policy", "broad")
        gone = dataclasses.replace(
            at, grant=10**9, key=10**9, job=10**9, failed=10**9, **{name: f"{nowhere}{name}" for name in names}
        )
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
