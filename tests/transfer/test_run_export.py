"""Exports, run as a worker runs them, against real engines."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pyarrow.parquet as pq
import pytest
from django.contrib.auth.models import User

from tests.support.access import give
from tests.support.ledger import Ledger
from tests.transfer.made import SCALARS, VECTORS, row, simple
from tests.transfer.test_run_import import ID, imported, there
from vectorstore.access.actor import Actor
from vectorstore.adapters.milvus_adapter import MilvusAdapter
from vectorstore.domain.errors import Conflict, EngineFailed, InvalidFilter, InvalidRequest, NotFound, PermissionDenied
from vectorstore.domain.models import DataType, Metric
from vectorstore.domain.requests import CollectionSpec, FieldSpec
from vectorstore.domain.transfer_requests import ExportRequest
from vectorstore.service import CollectionService, VectorService
from vectorstore.service.context import Scope
from vectorstore.service.work import Cancelled, Interrupted
from vectorstore.transfer import folders
from vectorstore.transfer.downloads import open_download
from vectorstore.transfer.export_service import ExportService
from vectorstore.transfer.run_export import run_export

Make = Callable[..., str]


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vectorstore.adapters.scan_calls._page_rows", lambda collection: 7)
    monkeypatch.setattr("vectorstore.transfer.run_export._PART_BYTES", 1)


def path_of(result: dict[str, Any]) -> Path:
    token = result["download"].removeprefix("/api/v1/downloads/").strip("/")
    return open_download(token).path


def exported(name: str, kind: Any, scope: Scope | None = None, **request: Any) -> Path:
    scope = scope or Scope()
    job = ExportService(scope).start(name, ExportRequest(format=kind, **request))
    result = run_export(Ledger(), scope, job.params)
    path = path_of(result)
    assert path.stat().st_size == result["bytes"]
    return path


def lines(path: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


@pytest.mark.parametrize("kind", ["parquet", "ndjson", "csv"])
def test_an_export_imported_again_gives_the_same_rows(make: Make, kind: str) -> None:
    fields = [ID, *SCALARS, *VECTORS]
    name, again = make(fields=fields, dynamic_fields=True), make(fields=fields, dynamic_fields=True)
    rows = [row(number) for number in range(24)]
    VectorService().insert(name, rows)
    path = exported(name, kind)
    assert imported(again, path)["rows"] == 24
    assert there(again) == there(name) == rows


def test_parquet_is_in_the_order_of_the_key_with_typed_columns(empty: str) -> None:
    VectorService().insert(empty, [simple(number) for number in reversed(range(24))])
    table = pq.read_table(exported(empty, "parquet"))
    assert table.column("id").to_pylist() == [f"s{number:05d}" for number in range(24)]
    assert str(table.schema.field("vector").type) == "fixed_size_list<element: float>[8]"


def test_a_filter_and_fields_choose_what_is_written(empty: str) -> None:
    VectorService().insert(empty, [simple(number, more="x") for number in range(24)])
    assert lines(exported(empty, "ndjson", filter="n >= 20", output_fields=["id", "n"])) == [
        {"id": f"s{number:05d}", "n": number} for number in range(20, 24)
    ]
    found = lines(exported(empty, "ndjson", filters={"n": 3}, output_fields=["vector"]))
    assert found == [{"vector": [3.0] * 8}]
    assert exported(empty, "csv", filter="n > 100").read_bytes() == b"id,vector,$meta\r\n"
    assert pq.read_table(exported(empty, "parquet", filter="n > 100")).num_rows == 0


def test_what_does_not_fit_is_refused_before_a_job_is_made(make: Make) -> None:
    name = make(dynamic_fields=False)
    with pytest.raises(InvalidFilter):
        ExportService().start(name, ExportRequest(format="csv", filter="nothing == 1"))
    with pytest.raises(InvalidRequest, match="no field 'nothing'"):
        ExportService().start(name, ExportRequest(format="csv", output_fields=["nothing"]))


@pytest.mark.parametrize("kind", ["parquet", "ndjson", "csv"])
def test_an_export_stopped_anywhere_goes_on_and_ends_exact(empty: str, kind: str) -> None:
    VectorService().insert(empty, [simple(number) for number in range(30)])
    once = exported(empty, kind)
    params, work, runs = ExportService().start(empty, ExportRequest(format=kind)).params, Ledger(), 0  # type: ignore[arg-type]
    while True:
        work.resume(steps=2)
        runs += 1
        assert runs < 50
        try:
            result = run_export(work, Scope(), params)
            break
        except Interrupted:
            continue
    assert runs > 3
    assert result["rows"] == 30
    if kind == "parquet":
        assert pq.read_table(path_of(result)).equals(pq.read_table(once))
    else:
        assert path_of(result).read_bytes() == once.read_bytes()


def test_a_shortfall_fails_the_job_and_names_it(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    VectorService().insert(empty, [simple(number) for number in range(20)])
    whole = MilvusAdapter.scan

    def short(self: MilvusAdapter, *args: Any, **options: Any) -> Any:
        for batch in whole(self, *args, **options):
            if "s00006" not in batch.ids:
                yield batch

    monkeypatch.setattr(MilvusAdapter, "scan", short)
    monkeypatch.setattr("vectorstore.transfer.run_export._PART_BYTES", 10**9)
    job = ExportService().start(empty, ExportRequest(format="ndjson"))
    with pytest.raises(EngineFailed, match=r"counts 20 rows and gave \d+: \d+ are missing"):
        run_export(Ledger(), Scope(), job.params)


class Writing(Ledger):
    """Somebody writes at each of the first ``times`` checks: a row behind the reader, so that it is counted only."""

    def __init__(self, name: str, times: int) -> None:
        super().__init__()
        self.name, self.times, self.written = name, times, 0

    def check(self) -> None:
        if self.written < self.times:
            self.written += 1
            VectorService().insert(self.name, [simple(0) | {"id": f"a{self.written}"}])


def test_rows_written_meanwhile_are_no_shortfall(empty: str) -> None:
    VectorService().insert(empty, [simple(number) for number in range(20)])
    job = ExportService().start(empty, ExportRequest(format="ndjson"))
    result = run_export(Writing(empty, times=2), Scope(), job.params)
    assert 20 <= result["rows"] <= 22
    assert len(lines(path_of(result))) == result["rows"]


def test_the_caller_gets_its_rows_and_fields_only(make: Make) -> None:
    fields = [ID, FieldSpec(name="tenant", type=DataType.VARCHAR, max_length=16), *VECTORS]
    name = make(fields=fields, dynamic_fields=True)
    VectorService().insert(
        name,
        [{"id": f"r{n}", "tenant": "ab"[n % 2], "vector": [0.0] * 4, "secret": n, "open": n} for n in range(12)],
    )
    ann = User.objects.create_user("ann")
    give(
        ann,
        "editor",
        name,
        row_filter={"field": "tenant", "op": "eq", "value": "a"},
        denied_fields=["secret", "vector"],
    )
    scope = Scope(actor=Actor.of(ann))
    for kind in ("ndjson", "csv", "parquet"):
        content = exported(name, kind, scope)
        assert b"secret" not in content.read_bytes()
        assert b"vector" not in content.read_bytes()
    found = lines(exported(name, "ndjson", scope))
    assert found == [{"id": f"r{n}", "tenant": "a", "open": n} for n in (0, 10, 2, 4, 6, 8)]
    for hidden in ("secret", "vector"):
        with pytest.raises(InvalidRequest):
            ExportService(scope).start(name, ExportRequest(format="csv", output_fields=[hidden]))
        with pytest.raises(InvalidFilter):
            ExportService(scope).start(name, ExportRequest(format="csv", filter=f"{hidden} == 1"))


def test_a_right_that_is_gone_stops_the_export(empty: str) -> None:
    ann = User.objects.create_user("ann")
    grant = give(ann, "editor", empty)
    scope = Scope(actor=Actor.of(ann))
    job = ExportService(scope).start(empty, ExportRequest(format="csv"))
    grant.delete()
    from vectorstore.access import rights
    from vectorstore.domain.errors import NotFound

    rights.forget()
    with pytest.raises((PermissionDenied, NotFound)):
        run_export(Ledger(), scope, job.params)


def test_a_collection_that_was_replaced_is_not_read(make: Make) -> None:
    from vectorstore.domain.models import Metric
    from vectorstore.domain.requests import CollectionSpec

    name = make()
    params = ExportService().start(name, ExportRequest(format="csv")).params
    CollectionService().drop(name)
    CollectionService().create(CollectionSpec(name=name, dimension=8, metric=Metric.L2))
    with pytest.raises(Conflict, match="replaced"):
        run_export(Ledger(), Scope(), params)


def test_a_cancelled_export_leaves_no_files(empty: str, data_dir: Path) -> None:
    class Stopping(Ledger):
        def check(self) -> None:
            raise Cancelled

    VectorService().insert(empty, [simple(0)])
    job = ExportService().start(empty, ExportRequest(format="csv"))
    with pytest.raises(Cancelled):
        run_export(Stopping(), Scope(), job.params)
    assert list((data_dir / "transfer").iterdir()) == []


def test_a_collection_replaced_on_the_way_is_read_no_further(make: Make) -> None:
    name = make()
    VectorService().insert(name, [simple(number) for number in range(30)])
    job = ExportService().start(name, ExportRequest(format="csv"))

    class Meanwhile(Ledger):
        def finish(self, key: str, note: dict[str, Any] | None = None) -> None:
            super().finish(key, note)
            if key == "0/part/1":
                CollectionService().drop(name)
                CollectionService().create(CollectionSpec(name=name, dimension=8, metric=Metric.L2))

    work = Meanwhile()
    with pytest.raises(Conflict, match="renamed, replaced or dropped meanwhile"):
        run_export(work, Scope(), job.params)
    assert "0/part/2" not in work.chunks
    with pytest.raises(NotFound):
        folders.folder(job.params["transfer"])
