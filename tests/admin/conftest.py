"""Browsers of the console: as a superuser on Milvus Lite, as somebody with few rights, with Milvus away."""

import contextlib
import uuid
from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.support.access import give
from tests.support.engines import RunningEngine, free_port
from vectorstore.config.settings import current
from vectorstore.domain.errors import NotFound
from vectorstore.domain.models import DataType, Metric
from vectorstore.domain.requests import CollectionChanges, CollectionSpec, FieldSpec
from vectorstore.models import CollectionRecord
from vectorstore.service import CollectionService, VectorService

LIST = "/admin/vectorstore/collectionrecord/"
ROWS = 12


@pytest.fixture
def browser(db: None) -> Client:
    """Signed in as a superuser."""
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


@pytest.fixture
def browser_with(db: None) -> Callable[..., Client]:
    """Signed in as staff with these roles on everything."""

    def made(*roles: str) -> Client:
        user = User.objects.create_user(f"user_{uuid.uuid4().hex[:8]}", is_staff=True)
        for role in roles:
            give(user, role)
        client = Client()
        client.force_login(user)
        return client

    return made


@pytest.fixture
def new_name() -> Callable[[], str]:
    return lambda: f"admin_{uuid.uuid4().hex[:12]}"


@pytest.fixture
def dropped(lite: RunningEngine, db: None) -> Iterator[list[str]]:
    """Collections named here are dropped after the test."""
    names: list[str] = []
    yield names
    for name in names:
        with contextlib.suppress(NotFound):
            CollectionService().update(name, CollectionChanges(protected=False))
            CollectionService().drop(name)


@pytest.fixture
def record(new_name: Callable[[], str], dropped: list[str]) -> CollectionRecord:
    """A collection of twelve rows with the vectors (n, 1), loaded."""
    name = new_name()
    dropped.append(name)
    fields = [
        FieldSpec(name="id", type=DataType.INT64, primary=True),
        FieldSpec(name="title", type=DataType.VARCHAR, max_length=1_000),
        FieldSpec(name="vector", type=DataType.FLOAT_VECTOR, dimension=2),
    ]
    CollectionService().create(CollectionSpec(name=name, fields=fields, metric=Metric.L2))
    rows = [{"id": number, "title": f"title {number}", "vector": [float(number), 1.0]} for number in range(ROWS)]
    VectorService().insert(name, rows)
    return CollectionRecord.objects.get(name=name)


@pytest.fixture
def milvus_away(record: CollectionRecord) -> Iterator[CollectionRecord]:
    """Milvus was there when the record was made, and cannot be reached now."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MILVUS_PORT", str(free_port()))
        current.cache_clear()
        yield record
    current.cache_clear()
