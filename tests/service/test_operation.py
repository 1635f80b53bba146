"""What every use case shares: the right is asked, the intent recorded, the act done, its end recorded."""

import random
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection

from tests.support.access import give
from tests.support.engines import RunningEngine
from vectorstore.access.actor import Actor
from vectorstore.access.rights import REMEMBER_S
from vectorstore.audit import log
from vectorstore.audit.open import close_open
from vectorstore.audit.verify import verify
from vectorstore.config.settings import BASE_DIR, current
from vectorstore.domain.errors import InvalidRequest, NotFound, PermissionDenied
from vectorstore.domain.requests import CollectionSpec, SearchRequest
from vectorstore.models import AuditRecord, Grant
from vectorstore.service import CollectionService, Scope, SearchService, VectorService

pytestmark = pytest.mark.django_db(transaction=True)

ROW = {"id": "a", "vector": [0.0] * 8}


def scope_of(user: User) -> Scope:
    return Scope(Actor.of(user))


@pytest.fixture
def ada(db: None) -> User:
    return User.objects.create_user("ada")


@pytest.fixture
def docs(lite: RunningEngine, transactional_db: None, new_name: Callable[[], str]) -> str:
    name = new_name()
    CollectionService().create(CollectionSpec(name=name, dimension=8, auto_id=True))
    log.discard()
    return name


@pytest.fixture
def new_name() -> Callable[[], str]:
    return lambda: f"op_{random.getrandbits(40):x}"


def recorded(action: str) -> list[AuditRecord]:
    log.flush()
    return list(AuditRecord.objects.filter(action=action).order_by("seq"))


def test_a_write_has_its_intent_and_its_outcome(docs: str, ada: User) -> None:
    grant = give(ada, "editor")
    VectorService(scope_of(ada)).insert(docs, [ROW, {"vector": [1.0] * 8}])
    intent, outcome = recorded("vector.insert")
    assert (intent.phase, intent.outcome, outcome.phase, outcome.outcome) == ("intent", "", "outcome", "ok")
    assert intent.event_id == outcome.event_id
    assert (outcome.actor, outcome.collection, outcome.ids, outcome.grants) == ("ada", docs, 2, [grant.pk])
    assert outcome.result["rows"] == 2
    assert outcome.result["us"] > 0


def test_a_read_has_its_outcome_and_tells_no_values(docs: str) -> None:
    request = SearchRequest(vector=[0.25] * 8, filter="section == 'secret words'", top_k=3)
    SearchService().search(docs, request)
    (record,) = recorded("vector.search")
    assert (record.phase, record.actor, record.result["rows"]) == ("outcome", "system", 0)
    assert record.parameters["vector"] == {"dimension": 8}
    assert "secret words" not in str(record.parameters)
    assert "section" in record.parameters["filter"]


def test_a_failed_write_is_recorded_with_its_code(docs: str) -> None:
    with pytest.raises(InvalidRequest):
        VectorService().insert(docs, [{"vector": [1.0]}])
    assert [(record.phase, record.outcome) for record in recorded("vector.insert")] == [
        ("intent", ""),
        ("outcome", "invalid"),
    ]


def test_a_refusal_is_recorded_once_and_is_no_intent(docs: str, ada: User) -> None:
    with pytest.raises(NotFound):
        VectorService(scope_of(ada)).insert(docs, [ROW])
    give(ada, "viewer")
    with pytest.raises(PermissionDenied):
        VectorService(scope_of(ada)).insert(docs, [ROW])
    found = [(record.phase, record.allowed, record.outcome) for record in recorded("vector.insert")]
    assert found == [("outcome", False, "not_found"), ("outcome", False, "permission_denied")]


def test_a_right_taken_away_by_another_process_is_gone_at_once(docs: str, ada: User) -> None:
    grant = give(ada, "viewer")
    assert SearchService(scope=scope_of(ada)).search(docs, SearchRequest(vector=[0.0] * 8)).results == []
    _elsewhere(f"from vectorstore.models import Grant; Grant.objects.get(pk={grant.pk}).delete()")
    with pytest.raises(NotFound):
        SearchService(scope=scope_of(ada)).search(docs, SearchRequest(vector=[0.0] * 8))


def test_without_redis_it_is_gone_within_five_seconds(docs: str, ada: User, bound: pytest.MonkeyPatch) -> None:
    bound.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    current.cache_clear()
    grant = give(ada, "viewer")
    service = SearchService(scope=scope_of(ada))
    service.search(docs, SearchRequest(vector=[0.0] * 8))
    began = time.monotonic()
    Grant.objects.filter(pk=grant.pk).update(enabled=False)  # no signal is sent, as if it happened elsewhere
    while _finds(service, docs) and time.monotonic() - began < REMEMBER_S + 1:
        pass
    assert not _finds(service, docs)
    assert time.monotonic() - began <= REMEMBER_S + 2


def _finds(service: SearchService, collection: str) -> bool:
    try:
        service.search(collection, SearchRequest(vector=[0.0] * 8))
    except NotFound:
        return False
    return True


def _elsewhere(statement: str) -> None:
    """Run in another process of the gateway, on the same database."""
    database = connection.settings_dict["NAME"]
    script = f"from tests.support.audit_writer import start; start({database!r}); {statement}"
    subprocess.run([sys.executable, "-c", script], cwd=BASE_DIR, check=True, timeout=60)


@pytest.mark.parametrize("rounds", [4, pytest.param(50, marks=pytest.mark.slow)])
def test_a_process_killed_at_any_moment_leaves_no_unrecorded_mutation(docs: str, rounds: int) -> None:
    database = str(connection.settings_dict["NAME"])
    command = [sys.executable, "-m", "tests.support.row_writer", database, docs]
    for _ in range(rounds):
        process = subprocess.Popen(command, cwd=BASE_DIR, stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert b"writing\n" in iter(process.stdout.readline, b"")  # after what is logged
        time.sleep(random.uniform(0.3, 0.8))
        process.kill()
        process.wait()
        process.stdout.close()
    close_open(timedelta(0))
    intents = recorded("vector.insert")
    outcomes = [record for record in intents if record.phase == "outcome"]
    intents = [record for record in intents if record.phase == "intent"]
    assert {record.event_id for record in intents} == {record.event_id for record in outcomes}
    assert len(outcomes) == len(intents) >= rounds
    done = sum(record.outcome == "ok" for record in outcomes)
    assert done <= VectorService().count(docs) <= len(intents)
    assert {record.outcome for record in outcomes} <= {"ok", "unknown"}
    assert verify().intact
