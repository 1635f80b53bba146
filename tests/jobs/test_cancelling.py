"""Jobs that are cancelled in their worker at a random moment: nothing of them stays."""

import random
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from django.db import connection

from tests.jobs.conftest import Worker
from tests.support.backups import carried_out, store_at
from tests.support.engines import RunningEngine
from tests.support.until import until
from tests.transfer.test_killed import vectors, written
from vectorstore.backup.backup_service import BackupService
from vectorstore.backup.restore_service import RestoreService
from vectorstore.config.settings import current
from vectorstore.domain.backup_requests import BackupRequest, RestoreRequest
from vectorstore.domain.batch import Batch
from vectorstore.domain.errors import Conflict
from vectorstore.domain.models import DataType
from vectorstore.domain.requests import AdviceRequest, CollectionSpec, FieldSpec
from vectorstore.journal.writer import writer
from vectorstore.models import Backup, Job, JobState
from vectorstore.service import CollectionService, VectorService
from vectorstore.service.advice_service import AdviceService
from vectorstore.service.engines import engine_of
from vectorstore.service.job_service import JobService
from vectorstore.transfer.import_service import ImportService, Source

ROWS = 20_000
TIMES = [1, pytest.param(10, marks=pytest.mark.slow)]


@pytest.fixture
def store_folder(tmp_path: Path, lite: RunningEngine, transactional_db: None, bound: pytest.MonkeyPatch) -> Path:
    if connection.vendor != "sqlite":
        pytest.skip("the worker is told the file of the database")
    return store_at(bound, tmp_path / "backups")


@pytest.fixture
def name(store_folder: Path) -> Iterator[str]:
    """A collection without rows; it goes, with what was made of it."""
    made = f"c_{secrets.token_hex(6)}"
    fields = [
        FieldSpec(name="id", type=DataType.INT64, primary=True),
        FieldSpec(name="vector", type=DataType.FLOAT_VECTOR, dimension=128),
        FieldSpec(name="n", type=DataType.INT32),
    ]
    CollectionService().create(CollectionSpec(name=made, fields=fields, dynamic_fields=False))
    yield made
    for found in CollectionService().names(made):
        CollectionService().drop(found)


@pytest.fixture
def filled(name: str) -> str:
    columns = {"id": list(range(ROWS)), "vector": vectors(0, ROWS), "n": list(range(ROWS))}
    VectorService().write_batch(name, Batch(size=ROWS, columns=columns, ids=list(range(ROWS))))
    writer().flush()
    return name


def cancelled_after(process: Worker, job: Job, seconds: float) -> Job:
    """The job after a worker had it, so many seconds before it was cancelled."""
    worker = process("run", job.pk)
    until(lambda: Job.objects.get(pk=job.pk).started_at is not None, 60)
    time.sleep(seconds)
    with suppress(Conflict):  # it was quicker
        JobService().cancel(job.pk)
    worker.communicate(timeout=120)
    job.refresh_from_db()
    return job


def left() -> list[str]:
    """Every file and collection that a job may have made."""
    roots = [current().data_dir / "scratch", current().data_dir / "transfer"]
    files = [path for root in roots for path in root.rglob("*")]
    return sorted([*map(str, files), *engine_of().adapter.list_collections("default")])


def cancelled(process: Worker, start: Callable[[], Job], there: Callable[[], list[str]], times: int) -> None:
    """Cancel jobs until ``times`` of them were; each leaves what was there before, and then one succeeds."""
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance, longest = random.Random(seed), 2.0
    while times:
        before = there()
        job = cancelled_after(process, start(), chance.uniform(0, longest))
        if job.state == JobState.SUCCEEDED:  # the moment was beyond its end
            longest *= 0.6
            continue
        assert job.state == JobState.CANCELLED, job.error
        assert there() == before, job.stage
        times -= 1
    last = carried_out(start())
    assert last.state == JobState.SUCCEEDED, last.error


@pytest.mark.parametrize("times", TIMES)
def test_a_cancelled_backup_leaves_nothing(filled: str, process: Worker, store_folder: Path, times: int) -> None:
    def there() -> list[str]:
        files = [str(path) for path in store_folder.rglob("*") if path.is_file() and path.name != "repo.json"]
        return [*left(), *sorted(files), *Backup.objects.order_by("pk").values_list("set_id", flat=True)]

    cancelled(process, lambda: BackupService().create(BackupRequest(collections=[filled])), there, times)


@pytest.mark.parametrize("times", TIMES)
def test_a_cancelled_restore_leaves_nothing(filled: str, process: Worker, times: int) -> None:
    def start() -> Job:
        target = f"{filled}_{secrets.token_hex(3)}"
        return RestoreService().start(RestoreRequest(collection=filled, latest=True, target_name=target))

    cancelled(process, start, left, times)


@pytest.mark.parametrize("times", TIMES)
def test_a_cancelled_sweep_of_indexes_leaves_nothing(filled: str, process: Worker, times: int) -> None:
    cancelled(process, lambda: AdviceService().start(filled, AdviceRequest(sample=2_000)), left, times)


@pytest.mark.parametrize("times", TIMES)
def test_a_cancelled_import_leaves_no_file(name: str, process: Worker, tmp_path: Path, times: int) -> None:
    def start() -> Job:
        CollectionService().truncate(name)
        writer().flush()
        written(tmp_path / "rows.parquet", ROWS)
        return ImportService().start(name, Source(tmp_path / "rows.parquet"))

    cancelled(process, start, left, times)
