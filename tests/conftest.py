"""Engines and Redis for all tests: real ones, started once."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.engines import RunningEngine, milvus_lite, milvus_server
from tests.support.redis import RunningRedis, running_redis, up_for_long


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """The test database, without the guard of the audit log: it would refuse to be emptied after a test."""
    from django.db import connection
    from django.test import TransactionTestCase

    from tests.support.emptying import empty
    from vectorstore.audit import guard

    TransactionTestCase._fixture_teardown = empty  # type: ignore[attr-defined]
    with django_db_blocker.unblock():
        guard.remove(connection)


@pytest.fixture(autouse=True)
def _nothing_waits_for_the_audit_log() -> None:
    """What an earlier test did is not to be recorded in this one, nor were its checkpoints signed for this log."""
    from vectorstore.audit import external, log

    log.discard()
    external.place().unlink(missing_ok=True)


@pytest.fixture(autouse=True)
def _a_journal_of_its_own() -> Iterator[None]:
    """The index of an earlier test's journal is gone with its database."""
    from vectorstore.journal import writer
    from vectorstore.service import definitions

    yield
    writer.discard()
    definitions._recorded.clear()


@pytest.fixture(autouse=True)
def _nothing_remembered_of_another_database() -> None:
    """Accounts of an earlier test have the ids of accounts of this one, and its collections are not on record."""
    from vectorstore.access import rights
    from vectorstore.service import catalogue

    rights.forget()
    catalogue._remembered.clear()


@pytest.fixture(autouse=True)
def _no_credentials_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor has anybody signed in, with a key that is gone with the database, or sent a request that counts."""
    from vectorstore.access import throttle, verified
    from vectorstore.api.token_backend import backend

    verified.remembered.clear()
    backend.ring.forget()
    monkeypatch.setattr(throttle, "_throttles", {})
    monkeypatch.setattr(throttle, "_PREFIX", f"vectorstore:throttle:{uuid.uuid4().hex}:")


@pytest.fixture(autouse=True)
def _redis_may_be_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine is busy with other tests: an answer after 15 ms is no outage here."""
    from vectorstore.optimization import cache_manager, shared_state

    for module in (cache_manager, shared_state):
        monkeypatch.setattr(module, "QUICK_S", 0.5)


@pytest.fixture(autouse=True)
def _times_of_indexes_are_not_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few searches give figures as good as a hundred where nobody looks at how long they took."""
    from vectorstore.optimization import index_trial
    from vectorstore.service import measure_recall

    monkeypatch.setattr(index_trial, "_TIMED", 10)
    monkeypatch.setattr(measure_recall, "_TIMED", 3)


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


_answers: dict[tuple[str, int], Any] = {}


def bind(engine: RunningEngine, redis_url: str, patch: pytest.MonkeyPatch) -> RunningEngine:
    """Make ``engine`` the cluster ``default`` of this process; what it can do is asked once, which takes long."""
    from vectorstore.adapters.capability_probe import probe
    from vectorstore.config.settings import current
    from vectorstore.service import engines

    def ask_once(adapter: Any) -> Any:
        if adapter.endpoint.port != engine.port:
            return probe(adapter)
        asked = (engine.kind, engine.port)
        if asked not in _answers:
            _answers[asked] = probe(adapter)
        return _answers[asked]

    patch.setattr(engines, "probe", ask_once)

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


@dataclass(frozen=True)
class Caches:
    """The Redis of the shared state and that of the answers, of one test alone."""

    state: RunningRedis
    answers: RunningRedis


@pytest.fixture
def cached() -> Iterator[Caches]:
    """The cache is on, for a test that names this after its engine."""
    from vectorstore.config.settings import current

    with running_redis() as state, running_redis() as answers, pytest.MonkeyPatch.context() as patch:
        patch.setenv("REDIS_URL", up_for_long(state))
        patch.setenv("VECTORSTORE_CACHE_URL", answers)
        current.cache_clear()
        yield Caches(state, answers)
        patch.undo()
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
