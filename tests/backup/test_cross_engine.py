"""Restores between Milvus Lite and Milvus 2.3.5: equal rows, and what an engine lacks is substituted or refused."""

import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.backup.test_run_restore import back_up, params, rows
from tests.support.engines import RunningEngine
from tests.support.work import LedgerWork
from vectorstore.backup.run_restore import run_restore
from vectorstore.config.settings import current
from vectorstore.domain.access_requests import ClusterRequest
from vectorstore.domain.errors import NotFound, UnsupportedByEngine
from vectorstore.domain.models import DataType, IndexKind, Metric
from vectorstore.domain.requests import CollectionSpec, FieldSpec, IndexRequest, QueryRequest
from vectorstore.service import CollectionService, VectorService
from vectorstore.service.cluster_service import ClusterService
from vectorstore.service.context import Scope
from vectorstore.service.engines import engine_of

pytestmark = pytest.mark.real_milvus


@pytest.fixture
def real(
    tmp_path: Path,
    lite: RunningEngine,
    real_milvus_server: RunningEngine,
    transactional_db: None,
    bound: pytest.MonkeyPatch,
) -> str:
    """Milvus 2.3.5 as the cluster ``real``, beside Milvus Lite as ``default``."""
    bound.setenv("VECTORSTORE_BACKUP_URL", f"file://{tmp_path}/backups")
    current.cache_clear()
    server = real_milvus_server
    uri = f"http://127.0.0.1:{server.port}"
    ClusterService().create(ClusterRequest(name="real", uri=uri, user=server.user, password=server.password))
    return "real"


@pytest.fixture
def name(real: str) -> Iterator[str]:
    made = f"x_{secrets.token_hex(6)}"
    yield made
    for scope in (Scope(), Scope(cluster=real)):
        for found in CollectionService(scope).names(made):
            with suppress(NotFound):
                CollectionService(scope).drop(found)


def _held(scope: Scope, name: str) -> dict[str, Any]:
    return {row["id"]: row for row in VectorService(scope).query(name, QueryRequest(limit=1000))}


def _go(work: LedgerWork, name: str, there: str, **more: Any) -> dict[str, Any]:
    return run_restore(work, Scope(), params(name, target_cluster=there, target=f"{name}_there", **more))


def test_rows_are_equal_there_and_back_again(name: str, real: str) -> None:
    CollectionService().create(CollectionSpec(name=name, dimension=4, metric=Metric.L2))
    VectorService().insert(name, rows(*[f"k{number}" for number in range(50)]))
    back_up(name)
    _go(LedgerWork(), name, real)
    there = Scope(cluster=real)
    assert _held(there, f"{name}_there") == _held(Scope(), name)
    wanted = _held(there, f"{name}_there")
    back = params(f"{name}_there", target_cluster="default", target=f"{name}_back")
    run_restore(LedgerWork(), there, back)
    assert _held(Scope(), f"{name}_back") == wanted


@pytest.mark.parametrize("kind", [IndexKind.IVF_PQ, pytest.param(IndexKind.SCANN, marks=pytest.mark.slow)])
def test_an_index_kind_that_lite_lacks_becomes_the_nearest_with_a_warning(
    name: str, real: str, kind: IndexKind
) -> None:
    there = Scope(cluster=real)
    params_of = {"nlist": 4, "m": 2, "nbits": 8} if kind is IndexKind.IVF_PQ else {"nlist": 4}
    index = IndexRequest(type=kind, metric=Metric.L2, params=params_of)
    CollectionService(there).create(CollectionSpec(name=name, dimension=4, metric=Metric.L2, index=index))
    VectorService(there).insert(name, rows(*[f"k{number}" for number in range(300)]))
    work = LedgerWork()
    found = run_restore(work, there, params(name, target_cluster="default", target=f"{name}_here"))
    assert kind in found["warnings"][0]
    (state,) = CollectionService().describe(f"{name}_here").indexes
    assert state.spec.kind in engine_of().capabilities.index_kinds
    assert state.spec.kind is not kind
    assert _held(Scope(), f"{name}_here") == _held(there, name)


def test_a_field_that_the_target_cannot_hold_is_refused_before_anything_is_made(name: str, real: str) -> None:
    fields = [
        FieldSpec(name="id", type=DataType.VARCHAR, primary=True, max_length=64),
        FieldSpec(name="vector", type=DataType.FLOAT_VECTOR, dimension=4),
        FieldSpec(name="note", type=DataType.VARCHAR, max_length=64, nullable=True),
    ]
    CollectionService().create(CollectionSpec(name=name, fields=fields))
    VectorService().insert(name, [{"id": "a", "vector": [1, 0, 0, 0], "note": None}])
    adapter = engine_of(real).adapter
    before = adapter.list_collections("default")
    with pytest.raises(UnsupportedByEngine, match="note: it has no nullable fields"):
        _go(LedgerWork(), name, real)
    assert adapter.list_collections("default") == before
