"""Collections of the services' tests, made through the services."""

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.engines import RunningEngine
from vectorstore.domain.errors import NotFound
from vectorstore.domain.models import Metric
from vectorstore.domain.requests import CollectionSpec
from vectorstore.service import CollectionService

_shared: dict[int, str] = {}
"""A plain collection of each engine: loading one takes seconds on Milvus, emptying it nothing."""


def _create(**spec: Any) -> str:
    name = f"s_{secrets.token_hex(6)}"
    if "fields" not in spec:
        spec = {"dimension": 8, "metric": Metric.L2} | spec
    CollectionService().create(CollectionSpec(name=name, **spec))
    return name


@pytest.fixture
def make(engine: RunningEngine, transactional_db: None) -> Iterator[Callable[..., str]]:
    """Makes a collection of 8 dimensions, or as told, and gives its name; it is dropped after the test."""
    made: list[str] = []

    def create(**spec: Any) -> str:
        made.append(_create(**spec))
        return made[-1]

    yield create
    for name in made:
        try:
            CollectionService().drop(name)
        except NotFound:
            continue


@pytest.fixture
def empty(engine: RunningEngine, transactional_db: None) -> str:
    """A collection of 8 dimensions without rows, for tests that change nothing but rows."""
    if engine.port not in _shared:
        _shared[engine.port] = _create()
        return _shared[engine.port]
    CollectionService().truncate(_shared[engine.port])
    return _shared[engine.port]
