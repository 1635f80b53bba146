"""Clients of the API: as a superuser against an engine, as an ordinary user, as nobody."""

import secrets
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.api.client import Api
from tests.api.tenant_rows import ANTS, BEES, FOREIGN, MINE, Shared, client
from tests.support.engines import RunningEngine
from vectorstore.api import tokens
from vectorstore.service import catalogue
from vectorstore.service.context import Scope

_kept: dict[tuple[int, str, str], str] = {}
"""The shared collection of each engine, kind of tenant field and module, whose tests leave it as they found it; those
of a module between do not know of it."""


@pytest.fixture
def client_of() -> Callable[[User], Api]:
    return lambda user: Api(tokens.issue(user)["access"])


@pytest.fixture
def anonymous(db: None) -> Api:
    return Api()


@pytest.fixture
def user(db: None) -> User:
    return User.objects.create_user("ada", password="correct horse")


@pytest.fixture
def admin(db: None) -> User:
    return User.objects.create_superuser("root", password="battery staple")


@pytest.fixture
def api(engine: Any, admin: User, client_of: Callable[[User], Api]) -> Api:
    """A superuser's client; cluster ``default`` is the ``engine`` of this run."""
    return client_of(admin)


@pytest.fixture
def new_name() -> Callable[[], str]:
    return lambda: f"api_{uuid.uuid4().hex[:12]}"


@pytest.fixture
def collection(api: Api, new_name: Callable[[], str]) -> Iterator[str]:
    """A collection of four dimensions in its short form, without rows."""
    name = new_name()
    made = api.post("collections/", {"name": name, "dimension": 4, "metric": "COSINE"})
    assert made.status_code == 201, made.content
    yield name
    api.delete(f"collections/{name}/")


@pytest.fixture
def lite_api(lite: Any, admin: User, client_of: Callable[[User], Api]) -> Api:
    """As ``api``, against Milvus Lite alone."""
    return client_of(admin)


def _create(root: Api, kind: str) -> str:
    name = f"t_{secrets.token_hex(6)}"
    fields: list[dict[str, Any]] = [
        {"name": "id", "type": "VARCHAR", "max_length": 64, "primary": True},
        {"name": "vector", "type": "FLOAT_VECTOR", "dimension": 4},
        {"name": "secret", "type": "VARCHAR", "max_length": 64},
    ]
    if kind == "field":
        fields.append({"name": "tenant", "type": "VARCHAR", "max_length": 64})
    index = {"type": "FLAT", "metric": "L2"}
    for url, body in (
        ("collections/", {"name": name, "fields": fields, "index": index}),
        ("aliases/", {"alias": f"{name}_alias", "collection": name}),
        (f"collections/{name}/vectors/", {"vectors": ANTS + BEES}),
    ):
        answer = root.post(url, body)
        assert answer.status_code == 201, answer.content
    assert root.post(f"collections/{name}/flush/").status_code == 200
    return name


@pytest.fixture(params=["field", "dynamic"])
def shared(request: pytest.FixtureRequest, engine: RunningEngine, api: Api) -> Iterator[Shared]:
    """The collection with the rows of both; afterwards the other tenant's are bit for bit what they were."""
    catalogue.forget(Scope())  # what is remembered is of the last test's database
    key = (engine.port, request.param, request.node.path.name)
    if key not in _kept:
        _kept[key] = _create(api, request.param)
    name = _kept[key]
    found = Shared(
        root=api,
        name=name,
        alias=f"{name}_alias",
        mine=client("ann", [MINE], name),
        other=client("bob", [FOREIGN], name),
    )
    found.restore()
    yield found
    assert found.rows(FOREIGN) == BEES
