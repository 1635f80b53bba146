"""Imports, run as a worker runs them, against real engines."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from django.contrib.auth.models import User

from tests.support.access import give
from tests.support.engines import RunningEngine
from tests.support.ledger import Ledger, Meanwhile
from tests.transfer.made import SCALARS, VECTORS, WRITE, ndjson, parquet, row, simple
from vectorstore.access.actor import Actor
from vectorstore.domain.errors import AlreadyExists, Conflict, InvalidRequest, NotFound
from vectorstore.domain.models import DataType
from vectorstore.domain.requests import CollectionSpec, DeleteRequest, FieldSpec, GetRequest, QueryRequest
from vectorstore.domain.rows import read_rows
from vectorstore.domain.transfer_requests import ImportRequest
from vectorstore.journal.frame import Op
from vectorstore.journal.writer import writer
from vectorstore.monitoring import request_id
from vectorstore.service import CollectionService, VectorService, row_calls
from vectorstore.service.catalogue import look_up
from vectorstore.service.context import Scope
from vectorstore.service.work import Cancelled, Interrupted
from vectorstore.service.write_path import put
from vectorstore.transfer.downloads import open_download
from vectorstore.transfer.import_service import ImportService, Source
from vectorstore.transfer.run_import import run_import

Make = Callable[..., str]
ID = FieldSpec(name="id", type=DataType.VARCHAR, max_length=64, primary=True)


@pytest.fixture
def engine(lite: RunningEngine) -> RunningEngine:
    """What an import hands over is the same for every engine; exports are read back from each."""
    return lite


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vectorstore.transfer.source.rows_at_once", lambda collection: 10)


def started(name: str, path: Path | None, **options: Any) -> dict[str, Any]:
    """The parameters of the job."""
    metadata = options.pop("metadata", None)
    source = Source(path, metadata=metadata) if path else None
    return ImportService().start(name, source, ImportRequest(**options)).params


def imported(name: str, path: Path, **options: Any) -> dict[str, Any]:
    return run_import(Ledger(), Scope(), started(name, path, **options))


def there(name: str) -> list[dict[str, Any]]:
    rows = VectorService().query(name, QueryRequest(limit=10_000))
    return sorted(rows, key=lambda each: each["id"])


@pytest.mark.parametrize("kind", ["parquet", "ndjson", "json", "csv"])
def test_a_file_of_each_format_becomes_rows_of_every_type(make: Make, tmp_path: Path, kind: str) -> None:
    name = make(fields=[ID, *SCALARS, *VECTORS], dynamic_fields=True)
    rows = [row(number) for number in range(23)]
    given = rows
    if kind in ("parquet", "csv"):
        given = [{**each, "json": orjson.dumps(each["json"]).decode()} for each in rows]
    assert imported(name, WRITE[kind](tmp_path / f"f.{kind}", given)) == {  # type: ignore[operator]
        "collection": name,
        "rows": 23,
        "rejected": 0,
    }
    found = there(name)
    if kind == "csv":  # a column that is no field holds texts
        rows = [{**each, "nested": orjson.dumps(each["nested"]).decode()} for each in rows]
    assert found == rows


@pytest.mark.parametrize("beside", ["parquet", "ndjson", "csv"])
def test_an_array_with_its_metadata(empty: str, tmp_path: Path, beside: str) -> None:
    np.save(tmp_path / "f.npy", np.arange(25 * 8, dtype=np.float16).reshape(25, 8))
    rows = [{"id": f"a{number:02d}", "n": number} for number in range(25)]
    metadata = WRITE[beside](tmp_path / f"b.{beside}", rows)  # type: ignore[operator]
    assert imported(empty, tmp_path / "f.npy", metadata=metadata)["rows"] == 25
    found = there(empty)
    assert [each["id"] for each in found] == [f"a{number:02d}" for number in range(25)]
    assert found[3]["vector"] == [float(n) for n in range(24, 32)]


def test_columns_are_renamed_and_left_out(empty: str, tmp_path: Path) -> None:
    rows = [{"key": f"k{n}", "embedding": [float(n)] * 8, "secret": "x", "title": "t"} for n in range(12)]
    options: dict[str, Any] = {"mapping": {"key": "id", "embedding": "vector", "title": "name"}, "drop": ["secret"]}
    for kind in ("parquet", "ndjson"):
        imported(empty, WRITE[kind](tmp_path / f"f.{kind}", rows), mode="upsert", **options)  # type: ignore[operator]
        assert there(empty)[1] == {"id": "k1", "vector": [1.0] * 8, "name": "t"}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"mapping": {"key": "id"}}, "no column 'key'"),
        ({"drop": ["vector"]}, "no column for the field 'vector'"),
        ({"drop": ["nothing"]}, "no column 'nothing'"),
        ({"mapping": {"n": "vector"}}, "two columns are the field 'vector'"),
        ({"mapping": {"n": "$meta"}}, "no field '\\$meta'"),
        ({"field": "vector"}, "only an NPY array"),
        ({"partition": "nowhere"}, "no partition"),
        ({"format": "csv"}, "no column for the field 'id'"),
        ({"url": "https://example.org/a.csv"}, "either a file or its url"),
    ],
)
def test_options_that_do_not_fit_are_refused_before_a_job_is_made(
    empty: str, tmp_path: Path, options: dict[str, Any], says: str, data_dir: Path
) -> None:
    from vectorstore.domain.errors import VectorStoreError
    from vectorstore.models import Job

    path = parquet(tmp_path / "f.parquet", [simple(0)])
    with pytest.raises(VectorStoreError, match=says):
        started(empty, path, **options)
    assert not Job.objects.exists()
    assert list((data_dir / "transfer").iterdir()) == []


def test_a_column_that_is_no_field_is_named_where_there_are_no_dynamic_fields(make: Make, tmp_path: Path) -> None:
    name = make(dynamic_fields=False)
    with pytest.raises(InvalidRequest, match="no field 'n'; map or drop"):
        started(name, parquet(tmp_path / "f.parquet", [simple(0)]))
    with pytest.raises(InvalidRequest) as caught:
        imported(name, ndjson(tmp_path / "f.ndjson", [simple(0)]))
    assert [each.pointer for each in caught.value.errors] == ["/rows/0/n"]
    assert imported(name, tmp_path / "f.parquet", drop=["n"])["rows"] == 1


BAD = [
    (3, {"vector": [1.0, 2.0]}, "/rows/3/vector"),
    (12, {"vector": [float("nan")] * 8}, "/rows/12/vector"),
    (25, {"id": None}, "/rows/25/id"),
]


@pytest.mark.parametrize("kind", ["parquet", "ndjson", "csv"])
def test_bad_rows_are_named_and_nothing_is_written(empty: str, tmp_path: Path, kind: str) -> None:
    rows = [simple(number) for number in range(30)]
    for number, change, _ in BAD:
        rows[number] |= change
    path = WRITE[kind](tmp_path / f"f.{kind}", rows)  # type: ignore[operator]
    with pytest.raises(InvalidRequest, match="3 values of the file's 30 rows") as caught:
        imported(empty, path)
    assert [each.pointer for each in caught.value.errors] == [pointer for _, _, pointer in BAD]
    assert VectorService().count(empty) == 0


@pytest.mark.parametrize("kind", ["parquet", "ndjson", "csv"])
def test_bad_rows_are_skipped_and_can_be_downloaded(empty: str, tmp_path: Path, kind: str) -> None:
    VectorService().insert(empty, [simple(7)])
    rows = [simple(number) for number in range(30)]
    for number, change, _ in BAD:
        rows[number] |= change
    rows.append(simple(5))
    path = WRITE[kind](tmp_path / f"f.{kind}", rows)  # type: ignore[operator]
    found = imported(empty, path, on_error="skip")
    assert (found["rows"], found["rejected"]) == (26, 5)
    token = found["rejects"].removeprefix("/api/v1/downloads/").strip("/")
    rejects = [orjson.loads(line) for line in open_download(token).path.read_bytes().splitlines()]
    assert [each["row"] for each in rejects] == [3, 7, 12, 25, 30]
    assert [each["errors"][0]["column"] for each in rejects] == ["vector", "id", "vector", "id", "id"]
    assert "row 5 of the file too" in rejects[4]["errors"][0]["reason"]
    assert rejects[1]["data"]["id"] == "s00007"
    assert VectorService().count(empty) == 27


def test_only_the_first_hundred_are_listed(empty: str, tmp_path: Path) -> None:
    path = ndjson(tmp_path / "f.ndjson", [{**simple(n), "vector": [1]} for n in range(250)])
    with pytest.raises(InvalidRequest, match=r"250 values of the file's 250 rows.*first 100") as caught:
        imported(empty, path)
    assert [each.pointer for each in caught.value.errors] == [f"/rows/{n}/vector" for n in range(100)]


def test_rows_of_every_hostile_kind_are_named(empty: str, tmp_path: Path) -> None:
    lines: list[Any] = [
        simple(0),
        b'{"id": "\xff", "vector": [0,0,0,0,0,0,0,0]}\n',
        b'{"id": "x", "vector": [NaN,0,0,0,0,0,0,0]}\n',
        b'{"id": "y", "vector": [1e39,0,0,0,0,0,0,0]}\n',
        b"[1, 2]\n",
        b"null\n",
        b"{" * 5000 + b"\n",
        {"id": "z", "vector": [0.0] * 8, "$meta": 1},
        {"id": "x" * 70_000, "vector": [0.0] * 8},
        {"id": 5, "vector": [0.0] * 8},
    ]
    with pytest.raises(InvalidRequest) as caught:
        imported(empty, ndjson(tmp_path / "f.ndjson", lines))
    assert sorted({each.pointer.split("/")[2] for each in caught.value.errors}) == [str(n) for n in range(1, 10)]
    assert VectorService().count(empty) == 0


def test_insert_refuses_ids_that_are_there_and_upsert_replaces_them(empty: str, tmp_path: Path) -> None:
    VectorService().insert(empty, [simple(21, old=True)])
    path = parquet(tmp_path / "f.parquet", [simple(number) for number in range(25)])
    with pytest.raises(InvalidRequest) as caught:
        imported(empty, path)
    assert [(each.pointer, each.detail) for each in caught.value.errors] == [
        ("/rows/21/id", "the id is in the collection already")
    ]
    assert VectorService().count(empty) == 1
    assert imported(empty, path, mode="upsert")["rows"] == 25
    assert there(empty) == [simple(number) for number in range(25)]


@pytest.mark.parametrize("mode", ["insert", "upsert"])
def test_an_id_twice_in_the_file_is_an_error(empty: str, tmp_path: Path, mode: str) -> None:
    path = parquet(tmp_path / "f.parquet", [simple(number % 22) for number in range(25)])
    with pytest.raises(InvalidRequest) as caught:
        imported(empty, path, mode=mode)
    assert [(each.pointer, each.detail) for each in caught.value.errors] == [
        (f"/rows/{22 + n}/id", f"the id is used by row {n} of the file too") for n in range(3)
    ]


OPTIONS: list[dict[str, Any]] = [{}, {"on_error": "skip"}, {"mode": "upsert"}, {"mode": "upsert", "on_error": "skip"}]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("kind", ["parquet", "ndjson", "json", "csv"])
@pytest.mark.usefixtures("lite")
def test_an_import_stopped_anywhere_goes_on_and_ends_exact(
    empty_on_lite: str, tmp_path: Path, kind: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vectorstore.transfer.run_import._CHECKED_AT_ONCE", 1)
    name = empty_on_lite
    rows = [simple(number) for number in range(30)]
    skipped = 0
    if "on_error" in options:
        rows[4]["vector"], rows[28]["id"], skipped = [1.0], "s00002", 2
    path = WRITE[kind](tmp_path / f"f.{kind}", rows)  # type: ignore[operator]
    params, work, runs = started(name, path, **options), Ledger(), 0
    while True:
        work.resume(steps=3)
        runs += 1
        try:
            result = run_import(work, Scope(), params)
            break
        except Interrupted:
            assert runs < 100
    assert runs > 3
    assert (result["rows"], result["rejected"]) == (30 - skipped, skipped)
    good = [each for number, each in enumerate(rows) if not (skipped and number in (4, 28))]
    if kind == "csv":
        good = [{**each, "n": str(each["n"])} for each in good]
    assert there(name) == good


@pytest.fixture
def empty_on_lite(lite: Any, transactional_db: None) -> Any:
    from tests.service.conftest import _create

    name = _create()
    yield name
    CollectionService().drop(name)


def test_a_write_whose_record_was_lost_is_repeated_over_itself(empty_on_lite: str, tmp_path: Path) -> None:
    """The worker dies after Milvus took the rows and before the ledger has the chunk."""
    path = parquet(tmp_path / "f.parquet", [simple(number) for number in range(30)])
    params, work = started(empty_on_lite, path), Ledger()

    class Lossy(Ledger):
        chunks = work.chunks

        def finish(self, key: str, note: dict[str, Any] | None = None) -> None:
            if key in ("write/1", "write/2"):
                raise Interrupted
            super().finish(key, note)

    lossy = Lossy()
    lossy.chunks = work.chunks
    for _ in range(3):
        with pytest.raises(Interrupted):
            run_import(lossy, Scope(), params)
    assert VectorService().count(empty_on_lite) > 10
    assert run_import(work, Scope(), params)["rows"] == 30
    assert there(empty_on_lite) == [simple(number) for number in range(30)]


@pytest.fixture
def _one_request_id() -> Iterator[None]:
    """A client that sends the same one with all it asks for."""
    token = request_id.current.set("mine")
    yield
    request_id.current.reset(token)


@pytest.mark.usefixtures("_one_request_id")
def test_a_retry_leaves_rows_that_came_between(empty_on_lite: str, tmp_path: Path) -> None:
    """Somebody takes an id of the file after the check; the import fails, is tried again, and fails again."""
    path = parquet(tmp_path / "f.parquet", [simple(number) for number in range(30)])
    params, theirs = started(empty_on_lite, path), simple(10, theirs=True)
    work = Meanwhile("begin/1/0", lambda: VectorService().insert(empty_on_lite, [theirs]))
    for _ in range(3):
        with pytest.raises(AlreadyExists):
            run_import(work, Scope(), params)
    assert there(empty_on_lite) == [*(simple(number) for number in range(7)), theirs]
    VectorService().delete(empty_on_lite, DeleteRequest(ids=[theirs["id"]]))
    assert run_import(work, Scope(), params)["rows"] == 30
    assert there(empty_on_lite) == [simple(number) for number in range(30)]


@pytest.mark.usefixtures("_one_request_id")
def test_a_write_under_way_while_ids_are_looked_for_is_not_missed(empty_on_lite: str, tmp_path: Path) -> None:
    """Journalled before the check and in Milvus after it."""
    path, theirs = parquet(tmp_path / "f.parquet", [simple(number) for number in range(30)]), simple(10, theirs=True)
    params = started(empty_on_lite, path)
    known = look_up(Scope(), empty_on_lite)[0]
    batch = read_rows([theirs], known.schema)
    (entry,) = writer().intend(put(known, batch, "", "insert"))

    def land() -> None:
        row_calls.insert(Scope(), known, batch, "")
        writer().resolve(entry.seq, known.uid, Op.COMMIT)
        writer().flush()

    with pytest.raises(AlreadyExists):
        run_import(Meanwhile("begin/0/0", land), Scope(), params)
    assert there(empty_on_lite) == [*(simple(number) for number in range(7)), theirs]


@pytest.mark.usefixtures("_one_request_id")
def test_a_retry_skips_rows_that_came_between(empty_on_lite: str, tmp_path: Path) -> None:
    path = parquet(tmp_path / "f.parquet", [simple(number) for number in range(30)])
    params, theirs = started(empty_on_lite, path, on_error="skip"), simple(10, theirs=True)
    work = Meanwhile("begin/1/0", lambda: VectorService().insert(empty_on_lite, [theirs]))
    with pytest.raises(AlreadyExists):
        run_import(work, Scope(), params)
    result = run_import(work, Scope(), params)
    assert (result["rows"], result["rejected"]) == (29, 1)
    assert there(empty_on_lite) == [theirs if number == 10 else simple(number) for number in range(30)]


@pytest.mark.parametrize("primary", [DataType.INT64, DataType.VARCHAR])
@pytest.mark.parametrize("kind", ["parquet", "ndjson"])
def test_rows_without_ids_get_the_same_ones_in_every_run(
    make: Make, tmp_path: Path, primary: DataType, kind: str
) -> None:
    fields = [
        FieldSpec(
            name="id", type=primary, primary=True, auto_id=True, max_length=64 if primary is DataType.VARCHAR else None
        ),
        FieldSpec(name="vector", type=DataType.FLOAT_VECTOR, dimension=8),
    ]
    name = make(fields=fields)
    rows = [{"vector": [float(n)] * 8, "n": n} for n in range(25)]
    params = started(name, WRITE[kind](tmp_path / f"f.{kind}", rows), mode="upsert")  # type: ignore[operator]
    work, begun = Ledger(), set[Any]()
    for steps in range(1, 100):  # interrupted a little later each time, until something was written
        with pytest.raises(Interrupted):
            run_import(Ledger(steps), Scope(), params)
        if begun := {each["id"] for each in there(name)}:
            break
    assert 0 < len(begun) < 25
    assert run_import(work, Scope(), params)["rows"] == 25  # a ledger that knows nothing: every row again
    assert {each["n"] for each in there(name)} == set(range(25))
    assert len(there(name)) == 25
    assert begun <= {each["id"] for each in there(name)}


def test_a_collection_that_was_replaced_is_not_written_to(make: Make, tmp_path: Path) -> None:
    name = make()
    params = started(name, parquet(tmp_path / "f.parquet", [simple(0)]))
    CollectionService().drop(name)
    with pytest.raises(NotFound):
        run_import(Ledger(), Scope(), params)
    from vectorstore.domain.models import Metric
    from vectorstore.domain.requests import CollectionSpec

    CollectionService().create(CollectionSpec(name=name, dimension=8, metric=Metric.L2))
    with pytest.raises(Conflict, match="replaced"):
        run_import(Ledger(), Scope(), params)


def test_the_files_of_an_import_are_gone_when_it_is_done_or_cancelled(
    empty: str, tmp_path: Path, data_dir: Path
) -> None:
    path = parquet(tmp_path / "f.parquet", [simple(n) for n in range(30)])
    imported(empty, path)
    assert list((data_dir / "transfer").iterdir()) == []
    assert path.exists()

    class Stopping(Ledger):
        def check(self) -> None:
            raise Cancelled

    params = started(empty, path, mode="upsert")
    with pytest.raises(Cancelled):
        run_import(Stopping(), Scope(), params)
    assert list((data_dir / "transfer").iterdir()) == []


def test_a_result_is_given_again_when_the_last_word_was_lost(empty: str, tmp_path: Path) -> None:
    params, work = started(empty, parquet(tmp_path / "f.parquet", [simple(n) for n in range(5)])), Ledger()
    first = run_import(work, Scope(), params)
    assert run_import(work, Scope(), params) == first


def test_any_split_and_any_stops_end_in_the_same_rows(empty_on_lite: str, tmp_path: Path) -> None:
    chance = random.Random(5)
    for attempt in range(4):
        count = chance.randrange(1, 60)
        rows = [simple(number) for number in range(count)]
        path = parquet(tmp_path / f"f{attempt}.parquet", rows, group=chance.randrange(1, 20))
        params, work = started(empty_on_lite, path), Ledger()
        while True:
            work.resume(steps=chance.randrange(1, 12))
            try:
                assert run_import(work, Scope(), params)["rows"] == count
                break
            except Interrupted:
                continue
        assert there(empty_on_lite) == rows
        VectorService().delete(empty_on_lite, DeleteRequest(filter="id != ''"))


def test_an_empty_file_writes_nothing(empty: str, tmp_path: Path) -> None:
    assert imported(empty, ndjson(tmp_path / "f.ndjson", []))["rows"] == 0
    (tmp_path / "f.json").write_bytes(b"[]")
    assert imported(empty, tmp_path / "f.json")["rows"] == 0


def test_rows_go_to_the_partition_named(make: Make, tmp_path: Path) -> None:
    from vectorstore.service import PartitionService

    name = make()
    PartitionService().create(name, "spring")
    imported(name, parquet(tmp_path / "f.parquet", [simple(n) for n in range(15)]), partition="spring")
    assert {view.name: view.row_count for view in PartitionService().list(name)} == {"_default": 0, "spring": 15}
    assert VectorService().get(name, GetRequest(ids=["s00003"], output_fields=["n"])) == [{"id": "s00003", "n": 3}]


TENANT = FieldSpec(name="tenant", type=DataType.VARCHAR, max_length=16)


@pytest.mark.parametrize("limited", [False, True], ids=["in columns", "row by row"])
def test_a_collection_that_took_the_name_on_the_way_is_not_written_to(
    make: Make, tmp_path: Path, limited: bool
) -> None:
    name = make(fields=[ID, TENANT, *VECTORS], dynamic_fields=True)
    spec = CollectionSpec(name=name, fields=[ID, TENANT, *VECTORS], dynamic_fields=True)
    ann = User.objects.create_user("ann")
    give(ann, "editor", name, row_filter={"field": "tenant", "op": "eq", "value": "a"} if limited else None)
    scope = Scope(actor=Actor.of(ann))
    rows = [{"id": f"r{number:03d}", "tenant": "a", "vector": [float(number)] * 4} for number in range(30)]
    params = ImportService(scope).start(name, Source(ndjson(tmp_path / "rows.ndjson", rows)), ImportRequest()).params

    def replace() -> None:
        CollectionService().drop(name)
        CollectionService().create(spec)

    with pytest.raises(Conflict, match=f"The collection {name} was replaced"):
        run_import(Meanwhile("write/0", replace), scope, params)
    assert there(name) == []
