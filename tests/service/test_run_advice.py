"""The work of a sweep: stopped, resumed, cut off; whatever happens, no scratch collection stays."""

import secrets
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone

from tests.support.clustered import clustered, collection
from tests.support.engines import RunningEngine
from tests.support.work import LedgerWork
from vectorstore.backup.upkeep import drop_scratch
from vectorstore.config.collection_config import ADVICE_PREFIX
from vectorstore.domain.errors import Conflict
from vectorstore.domain.models import IndexKind
from vectorstore.domain.requests import AdviceRequest, IndexRequest
from vectorstore.models import Cluster, IndexAdvice, Job, JobState
from vectorstore.optimization.index_trial import Trial
from vectorstore.service import run_advice as sweeping
from vectorstore.service.advice_service import AdviceService
from vectorstore.service.context import Scope
from vectorstore.service.engines import engine_of
from vectorstore.service.run_advice import run_advice
from vectorstore.service.work import Cancelled, Interrupted

FEW = {IndexKind.FLAT, IndexKind.IVF_FLAT}


@pytest.fixture
def name(engine: RunningEngine, transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Two kinds are measured beside today's HNSW."""
    real = sweeping.candidates
    monkeypatch.setattr(sweeping, "candidates", lambda kind, dimension, rows, able: real(kind, dimension, rows, FEW))
    with collection(clustered(1_500), IndexRequest(type=IndexKind.HNSW)) as made:
        yield made


def asked(name: str, **more: Any) -> dict[str, Any]:
    return dict(AdviceService().start(name, AdviceRequest(**more)).params)


def scratch() -> list[str]:
    return [name for name in engine_of().adapter.list_collections("default") if name.startswith(ADVICE_PREFIX)]


class _Stops(LedgerWork):
    """At the check after so many indexes were measured."""

    def __init__(self, after: int, stop: type[Interrupted | Cancelled], ledger: dict[str, dict[str, Any]]) -> None:
        super().__init__(ledger)
        self._after, self.stop = after, stop

    def check(self) -> None:
        assert len(scratch()) <= 1
        if len(self.ledger) >= self._after:
            raise self.stop
        super().check()


@pytest.mark.parametrize("stop", [Interrupted, Cancelled])
@pytest.mark.parametrize("after", [0, 1])
def test_stopped_it_leaves_no_scratch_collection(name: str, stop: Any, after: int) -> None:
    with pytest.raises(stop):
        run_advice(_Stops(after, stop, {}), Scope(), asked(name))
    assert scratch() == []
    assert not IndexAdvice.objects.exists()


def test_resumed_it_measures_only_what_was_not(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    params: dict[str, Any] = asked(name)
    ledger: dict[str, dict[str, Any]] = {}
    with pytest.raises(Interrupted):
        run_advice(_Stops(1, Interrupted, ledger), Scope(), params)
    (first,) = ledger
    before, measured, real = dict(ledger), [], Trial.measure

    def measure(trial: Trial, candidate: Any, *rest: Any, **more: Any) -> Any:
        measured.append(candidate.key)
        return real(trial, candidate, *rest, **more)

    monkeypatch.setattr(Trial, "measure", measure)
    run_advice(LedgerWork(ledger), Scope(), params)
    assert first.startswith("HNSW,")
    assert measured
    assert first not in measured
    advice = IndexAdvice.objects.get()
    assert [point for point in advice.points if point["today"]] == before[first]["points"]
    assert {point["kind"] for point in advice.points} == {"HNSW", *FEW}
    assert scratch() == []


def test_a_worker_that_was_killed_leaves_what_the_next_run_or_the_cleaning_takes(name: str) -> None:
    Cluster.objects.get_or_create(name="default")
    params = asked(name)
    job = Job.objects.get(kind="advise")

    class Killed(LedgerWork):
        def stage(self, now: str) -> None:
            if now.startswith("measuring"):
                raise SystemExit

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trial, "drop", lambda trial: None)  # nobody drops anything in a process that is gone
        with pytest.raises(SystemExit):
            run_advice(Killed(), Scope(), params)
    assert len(scratch()) == 1
    drop_scratch(timezone.now())
    assert len(scratch()) == 1  # the job waits for another worker
    Job.objects.filter(pk=job.pk).update(state=JobState.FAILED)
    drop_scratch(timezone.now())
    assert scratch() == []


def test_what_the_time_does_not_suffice_for_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 10**6, 8))
    monkeypatch.setattr(sweeping, "time", SimpleNamespace(monotonic=lambda: float(next(clock))))
    run_advice(LedgerWork(), Scope(), asked(name, max_seconds=30))
    advice = IndexAdvice.objects.get()
    assert advice.skipped
    assert all("the time was over" in line or "not built in the time" in line for line in advice.skipped)


def test_a_collection_that_was_replaced_meanwhile_is_not_measured(name: str) -> None:
    with pytest.raises(Conflict, match="replaced"):
        run_advice(LedgerWork(), Scope(), asked(name) | {"uid": secrets.token_hex(16)})


def test_a_sample_is_drawn_from_the_whole_collection(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    real = sweeping.sample

    def sample(*given: Any, **more: Any) -> Any:
        seen.append(real(*given, **more))
        return seen[-1]

    monkeypatch.setattr(sweeping, "sample", sample)
    run_advice(LedgerWork(), Scope(), asked(name, sample=1_200))
    (found,) = seen
    assert 1_100 <= len(found) <= 1_200
    places = {row.tobytes(): place for place, row in enumerate(clustered(1_500))}
    drawn = sorted(places[row.tobytes()] for row in found)
    assert len(set(drawn)) == len(found)
    assert any(place < 150 for place in drawn)
    assert any(place >= 1_350 for place in drawn)
