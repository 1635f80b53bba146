"""Drills: what a set says it holds comes back, can be searched, and leaves nothing behind."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from django.utils import timezone

from tests.backup.test_run_restore import back_up
from tests.support.engines import RunningEngine
from tests.support.work import LedgerWork
from vectorstore.backup import drill, scheduler
from vectorstore.backup.drill import run_drill
from vectorstore.config.settings import current
from vectorstore.domain.errors import BackupDamaged
from vectorstore.domain.models import IndexKind, Metric
from vectorstore.domain.requests import CollectionSpec, IndexRequest
from vectorstore.models import Backup, BackupPolicy, Job
from vectorstore.service import CollectionService, VectorService
from vectorstore.service.context import Scope
from vectorstore.service.engines import engine_of


@pytest.fixture(params=[Metric.L2, Metric.IP, Metric.COSINE])
def name(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    lite: RunningEngine,
    transactional_db: None,
    bound: pytest.MonkeyPatch,
) -> Iterator[str]:
    bound.setenv("VECTORSTORE_BACKUP_URL", f"file://{tmp_path}/backups")
    current.cache_clear()
    made = f"d_{secrets.token_hex(6)}"
    index = IndexRequest(type=IndexKind.HNSW, metric=request.param)
    CollectionService().create(CollectionSpec(name=made, dimension=16, metric=request.param, index=index))
    vectors = np.random.default_rng(3).standard_normal((500, 16)).astype(np.float32)
    VectorService().insert(made, [{"id": f"k{n}", "vector": vector} for n, vector in enumerate(vectors)])
    yield made
    CollectionService().drop(made)


def test_a_good_set_passes_and_nothing_stays(name: str) -> None:
    there = engine_of().adapter.list_collections("default")
    found = run_drill(LedgerWork(), Scope(), {"backup": back_up(name).set_id})
    assert found["recall"][name] >= 0.95
    assert engine_of().adapter.list_collections("default") == there


def test_a_set_that_gives_other_rows_than_it_says_fails(name: str) -> None:
    backup = back_up(name)
    Backup.objects.filter(pk=backup.pk).update(collections=[{**backup.collections[0], "rows": 499}])
    with pytest.raises(BackupDamaged, match="other rows"):
        run_drill(LedgerWork(), Scope(), {"backup": backup.set_id})


def test_searches_that_do_not_find_what_is_nearest_fail(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    backup = back_up(name)
    monkeypatch.setattr(drill, "_nearness", lambda queries, rows, metric: np.zeros((len(queries), len(rows))))
    with pytest.raises(BackupDamaged, match="of what is nearest"):
        run_drill(LedgerWork(), Scope(), {"backup": backup.set_id})


def test_each_second_set_of_a_policy_is_drilled_once(name: str) -> None:
    policy = BackupPolicy.objects.create(name="p", collections=[name], schedule="0 3 * * *", drill_every=2)
    for started in (0, 1, 0, 1):
        backup = back_up(name)
        Backup.objects.filter(pk=backup.pk).update(policy=policy, verified_at=timezone.now())
        assert scheduler.start_drills() == started
        assert scheduler.start_drills() == 0
    assert Job.objects.filter(kind="drill").count() == 2
