"""Engines and Redis for all tests: real ones, started once."""

from collections.abc import Iterator

import pytest

from tests.support.engines import RunningEngine, milvus_lite, milvus_server
from tests.support.redis import running_redis


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A Redis of the tests' own."""
    with running_redis() as url:
        yield url


@pytest.fixture(scope="session")
def lite_server() -> Iterator[RunningEngine]:
    with milvus_lite() as engine:
        yield engine


@pytest.fixture(scope="session")
def real_milvus_server() -> Iterator[RunningEngine]:
    with milvus_server() as engine:
        yield engine


def bind(engine: RunningEngine, redis_url: str, patch: pytest.MonkeyPatch) -> RunningEngine:
    """Make ``engine`` the cluster ``default`` of this process."""
    from vectorstore.config.settings import current

    for name, value in engine.environment.items():
        patch.setenv(name, value)
    patch.setenv("REDIS_URL", redis_url)
    current.cache_clear()
    return engine


@pytest.fixture
def bound(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The environment may be changed; the settings are read again afterwards."""
    from vectorstore.config.settings import current

    yield monkeypatch
    monkeypatch.undo()
    current.cache_clear()


@pytest.fixture
def lite(lite_server: RunningEngine, redis_url: str, bound: pytest.MonkeyPatch) -> RunningEngine:
    """Milvus Lite as the cluster ``default``."""
    return bind(lite_server, redis_url, bound)


@pytest.fixture(params=["lite", pytest.param("milvus", marks=pytest.mark.real_milvus)])
def engine(request: pytest.FixtureRequest, redis_url: str, bound: pytest.MonkeyPatch) -> RunningEngine:
    """Each engine in turn as the cluster ``default``."""
    name = "lite_server" if request.param == "lite" else "real_milvus_server"
    return bind(request.getfixturevalue(name), redis_url, bound)
