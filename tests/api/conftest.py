"""Clients of the API: as a superuser against an engine, as an ordinary user, as nobody."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.api.client import Api
from vectorstore.api import tokens


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
