"""A large import by worker processes that are killed on the way: exact in the end, in bounded memory."""

import os
import random
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from tests.support.engines import RunningEngine
from tests.support.memory import peak_mb
from vectorstore.adapters.read_calls import RowQuery
from vectorstore.domain.models import Consistency, DataType
from vectorstore.domain.requests import CollectionSpec, FieldSpec
from vectorstore.domain.transfer_requests import ExportRequest
from vectorstore.models import Job, JobChunk
from vectorstore.service import CollectionService, VectorService
from vectorstore.service.catalogue import look_up
from vectorstore.service.context import Scope
from vectorstore.transfer.downloads import open_download
from vectorstore.transfer.export_service import ExportService
from vectorstore.transfer.import_service import ImportService, Source

_MEMORY_MB = 600
_WIDTH = 128


def written(path: Path, rows: int) -> None:
    schema = pa.schema([("id", pa.int64()), ("vector", pa.list_(pa.float32())), ("n", pa.int32())])
    with pq.ParquetWriter(path, schema, compression="none") as writer:
        for first in range(0, rows, 50_000):
            count = min(50_000, rows - first)
            flat = pa.array(vectors(first, count).reshape(-1))
            offsets = pa.array(np.arange(0, (count + 1) * _WIDTH, _WIDTH, dtype=np.int32))
            ids = pa.array(np.arange(first, first + count))
            batch = [ids, pa.ListArray.from_arrays(offsets, flat), ids.cast(pa.int32())]
            writer.write_batch(pa.RecordBatch.from_arrays(batch, schema=schema))


def vectors(first: int, count: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
    """A row's vector tells its number."""
    found = np.full((count, _WIDTH), 0.5, np.float32)
    found[:, 0] = np.arange(first, first + count)
    return found


def worker(job: Job, data_dir: Path, engine: RunningEngine) -> "subprocess.Popen[str]":
    database = str(connection.settings_dict["NAME"])
    environment = os.environ | {"VECTORSTORE_TEST_DIR": str(data_dir)} | engine.environment
    command = [sys.executable, "-m", "tests.support.import_worker", database, str(job.pk)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=settings.BASE_DIR)


def killed(job: Job, data_dir: Path, engine: RunningEngine, chunks: int) -> int:
    """Let a worker finish some chunks and kill it in the next one; returns its peak memory."""
    before = JobChunk.objects.filter(job=job).count()
    process = worker(job, data_dir, engine)
    peak = 0
    while process.poll() is None:
        peak = max(peak, peak_mb(process.pid))
        if JobChunk.objects.filter(job=job).count() >= before + chunks:
            time.sleep(random.random() / 10)
            break
        time.sleep(0.02)
    process.kill()
    process.communicate()
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    return peak


def finished(job: Job, data_dir: Path, engine: RunningEngine) -> int:
    """Let a worker end the job; returns its peak memory."""
    process = worker(job, data_dir, engine)
    lines = process.communicate()[0].splitlines()
    job.refresh_from_db()
    assert lines[-1].split()[0] == "succeeded", job.error
    return int(lines[-1].split()[1])


@pytest.mark.parametrize(
    ("engine", "rows", "kills"),
    [
        pytest.param("lite", 32_000, 2, id="short"),
        pytest.param("milvus", 1_000_000, 5, id="long", marks=[pytest.mark.slow, pytest.mark.real_milvus]),
    ],
    indirect=["engine"],
)
@pytest.mark.usefixtures("transactional_db")
def test_an_import_killed_on_the_way_is_exact_in_the_end(
    engine: RunningEngine, tmp_path: Path, data_dir: Path, rows: int, kills: int
) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("the worker is told the file of the database")
    name = f"killed_{os.getpid()}_{rows}"
    fields = [
        FieldSpec(name="id", type=DataType.INT64, primary=True),
        FieldSpec(name="vector", type=DataType.FLOAT_VECTOR, dimension=_WIDTH),
        FieldSpec(name="n", type=DataType.INT32),
    ]
    CollectionService().create(CollectionSpec(name=name, fields=fields, dynamic_fields=False))
    try:
        written(tmp_path / "rows.parquet", rows)
        job = ImportService().start(name, Source(tmp_path / "rows.parquet"))
        steps = max(1, 2 * rows // 16_384 // (kills + 1) - 1)
        began = time.monotonic()
        peaks = [killed(job, data_dir, engine, steps) for _ in range(kills)]
        peaks.append(finished(job, data_dir, engine))
        print(f"{rows} rows in {time.monotonic() - began:.1f} s, peaks {peaks} MB")
        assert max(peaks) <= _MEMORY_MB
        assert job.token == kills + 1
        assert job.result == {"collection": name, "rows": rows, "rejected": 0}
        assert VectorService().count(name) == rows
        check_rows(name, rows)
        export = ExportService().start(name, ExportRequest(format="parquet"))
        killed(export, data_dir, engine, 2)
        assert finished(export, data_dir, engine) <= _MEMORY_MB
        found = pq.ParquetFile(open_download(export.result["download"].split("/")[-2]).path)
        assert found.metadata.num_rows == rows
        ids = np.concatenate([batch.column(0).to_numpy() for batch in found.iter_batches(columns=["id"])])
        assert np.array_equal(ids, np.arange(rows))
        found.close()
    finally:
        CollectionService().drop(name)


def check_rows(name: str, rows: int) -> None:
    """Each row is there once, with its own vector."""
    known, _ = look_up(Scope(), name)
    query = RowQuery(expression="", output_fields=[], consistency=Consistency.STRONG)
    seen = 0
    for batch in known.engine.adapter.scan("default", known.schema, query):
        ids = np.asarray(batch.ids)
        assert np.array_equal(ids, np.arange(seen, seen + batch.size))
        assert np.array_equal(batch.columns["vector"], vectors(seen, batch.size))
        assert batch.columns["n"] == ids.tolist()
        seen += batch.size
    assert seen == rows
