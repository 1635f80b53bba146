"""Collections of the services' tests: made through the services, dropped afterwards."""

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.engines import RunningEngine
from vectorstore.domain.errors import NotFound
from vectorstore.domain.models import Metric
from vectorstore.domain.requests import CollectionSpec
from vectorstore.service import CollectionService


@pytest.fixture
def make(engine: RunningEngine, transactional_db: None) -> Iterator[Callable[..., str]]:
    """Makes a collection and gives its name; the short form with 8 dimensions unless told otherwise."""
    made: list[str] = []

    def create(**spec: Any) -> str:
        name = f"s_{secrets.token_hex(6)}"
        if "fields" not in spec:
            spec = {"dimension": 8, "metric": Metric.L2} | spec
        CollectionService().create(CollectionSpec(name=name, **spec))
        made.append(name)
        return name

    yield create
    for name in made:
        try:
            CollectionService().drop(name)
        except NotFound:
            continue
