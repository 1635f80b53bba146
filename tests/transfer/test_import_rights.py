"""Whose rows an import may write, as the rights of now say; and collections that embed or have rules of their own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.support.access import give
from tests.support.engines import RunningEngine
from tests.support.ledger import Ledger
from tests.transfer.made import VECTORS, ndjson, parquet, simple
from tests.transfer.test_run_import import ID, there
from vectorstore.access import rights
from vectorstore.access.actor import Actor, KeyScopes
from vectorstore.domain.errors import InvalidRequest, NotFound, PermissionDenied
from vectorstore.domain.models import DataType
from vectorstore.domain.requests import EmbeddingSpec, FieldSpec
from vectorstore.domain.transfer_requests import ImportRequest
from vectorstore.models import AuditRecord
from vectorstore.service import VectorService
from vectorstore.service.context import Scope
from vectorstore.service.work import Interrupted
from vectorstore.transfer.import_service import ImportService, Source
from vectorstore.transfer.run_import import run_import

Make = Callable[..., str]
TENANT = FieldSpec(name="tenant", type=DataType.VARCHAR, max_length=16)
MINE = {"field": "tenant", "op": "eq", "value": "a"}


@pytest.fixture
def engine(lite: RunningEngine) -> RunningEngine:
    """Rights are asked before any engine is."""
    return lite


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vectorstore.transfer.source.rows_at_once", lambda collection: 10)


@pytest.fixture
def ann(transactional_db: None) -> User:
    return User.objects.create_user("ann")


def scope_of(user: User, scopes: KeyScopes | None = None) -> Scope:
    actor = Actor.of(user)
    return Scope(actor=Actor(actor.kind, actor.id, actor.name, scopes=scopes))


def imported(scope: Scope, name: str, path: Path, **options: Any) -> dict[str, Any]:
    params = ImportService(scope).start(name, Source(path), ImportRequest(**options)).params
    return run_import(Ledger(), scope, params)


def tenant_rows(*tenants: str | None) -> list[dict[str, Any]]:
    rows = [{"id": f"r{n:03d}", "tenant": tenant, "vector": [float(n)] * 4} for n, tenant in enumerate(tenants)]
    return [{key: value for key, value in row.items() if value is not None} for row in rows]


def test_rows_outside_the_callers_own_are_refused_and_its_own_are_stamped(
    make: Make, ann: User, tmp_path: Path
) -> None:
    name = make(fields=[ID, TENANT, *VECTORS], dynamic_fields=True)
    give(ann, "editor", name, row_filter=MINE)
    path = parquet(tmp_path / "f.parquet", tenant_rows(*"aab"))
    with pytest.raises(InvalidRequest) as caught:
        imported(scope_of(ann), name, path)
    assert [each.pointer for each in caught.value.errors] == ["/rows/2/tenant"]
    assert imported(scope_of(ann), name, path, on_error="skip")["rejected"] == 1
    assert [row["tenant"] for row in there(name)] == ["a", "a"]
    stamped = ndjson(tmp_path / "g.ndjson", [{"id": "s1", "vector": [0.0] * 4}])
    imported(scope_of(ann), name, stamped)
    assert there(name)[-1]["tenant"] == "a"


def test_another_tenants_row_is_never_replaced(make: Make, ann: User, tmp_path: Path) -> None:
    name = make(fields=[ID, TENANT, *VECTORS], dynamic_fields=True)
    VectorService().insert(name, tenant_rows("b"))
    give(ann, "editor", name, row_filter=MINE)
    path = ndjson(tmp_path / "f.ndjson", tenant_rows("a", "a"))
    from vectorstore.domain.errors import AlreadyExists

    with pytest.raises(AlreadyExists):
        imported(scope_of(ann), name, path, mode="upsert")
    assert [row["tenant"] for row in there(name)] == ["b"]


def test_who_does_not_see_all_fields_cannot_import(make: Make, ann: User, tmp_path: Path) -> None:
    name = make(fields=[ID, TENANT, *VECTORS])
    give(ann, "editor", name, denied_fields=["tenant"])
    with pytest.raises(PermissionDenied, match="denied to you"):
        imported(scope_of(ann), name, parquet(tmp_path / "f.parquet", tenant_rows("a")))


def test_the_right_is_needed_when_it_is_asked_for_and_when_it_runs(empty: str, ann: User, tmp_path: Path) -> None:
    path = parquet(tmp_path / "f.parquet", [simple(n) for n in range(30)])
    with pytest.raises(NotFound):
        imported(scope_of(ann), empty, path)
    viewer = give(ann, "viewer", empty)
    rights.forget()
    with pytest.raises(PermissionDenied):
        imported(scope_of(ann), empty, path)
    viewer.delete()
    editor = give(ann, "editor", empty)
    rights.forget()
    params = ImportService(scope_of(ann)).start(empty, Source(path)).params
    work = Ledger(steps=12)
    with pytest.raises(Interrupted):
        run_import(work, scope_of(ann), params)
    editor.delete()
    rights.forget()
    before = VectorService().count(empty)
    work.resume()
    with pytest.raises(NotFound):
        run_import(work, scope_of(ann), params)
    assert VectorService().count(empty) == before


def test_a_key_for_imports_alone_cannot_write(empty: str, ann: User, tmp_path: Path) -> None:
    give(ann, "editor", empty)
    path = parquet(tmp_path / "f.parquet", [simple(0)])
    only = KeyScopes(actions=frozenset({"vector.import"}))
    with pytest.raises(PermissionDenied):
        imported(scope_of(ann, only), empty, path)
    both = KeyScopes(actions=frozenset({"vector.import", "vector.insert"}))
    assert imported(scope_of(ann, both), empty, path)["rows"] == 1
    with pytest.raises(PermissionDenied):
        imported(scope_of(ann, both), empty, path, mode="upsert")


def test_an_import_and_each_of_its_writes_are_recorded(empty: str, ann: User, tmp_path: Path) -> None:
    give(ann, "editor", empty)
    imported(scope_of(ann), empty, parquet(tmp_path / "f.parquet", [simple(n) for n in range(25)], group=100))
    records = AuditRecord.objects.filter(actor="ann", collection=empty, phase="outcome", outcome="ok")
    assert records.filter(action="vector.import").count() == 2
    assert [each.result["rows"] for each in records.filter(action="vector.insert").order_by("seq")] == [10, 10, 5]


def test_rows_with_text_alone_get_their_vectors_from_the_embedding(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = [ID, FieldSpec(name="text", type=DataType.VARCHAR, max_length=200)]
    fields.append(FieldSpec(name="vector", type=DataType.FLOAT_VECTOR, dimension=4))
    spec = EmbeddingSpec(provider="counting", source="text", field="vector")
    from vectorstore.adapters.embedding import registry

    class Counting:
        dimension = 4

        def embed(self, texts: Any) -> Any:
            import numpy as np

            return np.array([[len(text), text.count("a"), 1, 0] for text in texts], np.float32)

    monkeypatch.setitem(registry.PROVIDERS, "counting", lambda options, settings: Counting())
    name = make(fields=fields, embedding=spec)
    rows: list[dict[str, Any]] = [{"id": f"r{n:02d}", "text": "a" * (n + 1)} for n in range(12)]
    rows[0]["vector"] = [9.0, 9.0, 9.0, 9.0]
    for path in (ndjson(tmp_path / "f.ndjson", rows), parquet(tmp_path / "g.parquet", rows)):
        imported(Scope(), name, path, mode="upsert")
        found = [row["vector"] for row in there(name)]
        assert found == [[9.0] * 4 if n == 0 else [n + 1.0, n + 1.0, 1.0, 0.0] for n in range(12)]
    with pytest.raises(InvalidRequest) as caught:
        imported(Scope(), name, ndjson(tmp_path / "h.ndjson", [{"id": "x", "text": " "}]))
    assert [each.pointer for each in caught.value.errors] == ["/rows/0/vector"]
