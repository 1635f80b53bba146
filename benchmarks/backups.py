"""P6 to P9: files imported, backups made and restored, against what pymilvus does by itself."""

import json
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pymilvus import DataType, MilvusClient

from benchmarks.data import DIMENSION, Address, rows_of, vectors
from benchmarks.table import Comparison, Row
from tests.support.memory import peak_mb
from tests.support.stack import RunningStack

P6 = Comparison("P6", "Milvus: import of Parquet, 768 dims, journalled, rows/s ÷ pymilvus row insert", 1.5)
P7 = Comparison("P7", "Milvus: backup × 128, verified, rows/s ÷ query_iterator into Parquet", 2.0)
P8 = Comparison("P8", "Milvus: restore × 128, verified, rows/s ÷ pymilvus row insert", 1.5)
P9 = Comparison("P9", "Milvus: import of Parquet × 128: peak memory of the worker in MB", 600, at_most=True)
ALL = (P6, P7, P8, P9)

_WIDE = 768
_BATCH = 5_000
_TIMEOUT_S = 120.0
_JOB_S = 1_800.0
_TOKEN_S = 60.0
_numbers = count()


class Jobs:
    """Jobs of a running stack."""

    def __init__(self, stack: RunningStack) -> None:
        self.stack = stack
        self._token, self._since = "", float("-inf")

    def call(self, path: str, body: Any = None) -> Any:
        return self.stack.call(f"/api/v1/{path}", body, self.token(), timeout=_TIMEOUT_S)

    def token(self) -> str:
        """One that is valid for some time yet."""
        if time.monotonic() - self._since > _TOKEN_S:
            self._token, self._since = self.stack.token(), time.monotonic()
        return self._token

    def upload(self, name: str, file: Path) -> Any:
        """Start the import of a file, which is sent as it is read."""
        edge = "vectorstore-benchmark"
        head = f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="{file.name}"\r\n\r\n'.encode()
        tail = f"\r\n--{edge}--\r\n".encode()

        def body() -> Iterator[bytes]:
            yield head
            with file.open("rb") as opened:
                while chunk := opened.read(1 << 20):
                    yield chunk
            yield tail

        request = urllib.request.Request(f"{self.stack.origin}/api/v1/collections/{name}/import/", body())
        request.add_header("Content-Length", str(len(head) + file.stat().st_size + len(tail)))
        request.add_header("Content-Type", f"multipart/form-data; boundary={edge}")
        request.add_header("Authorization", f"Bearer {self.token()}")
        with self.stack.opener.open(request, timeout=_TIMEOUT_S) as answer:
            return json.loads(answer.read())

    def seconds(self, job: dict[str, Any]) -> float:
        """How long it worked, once it has succeeded."""
        ended = self.wait(job)
        return (_time(ended["finished_at"]) - _time(ended["started_at"])).total_seconds()

    def wait(self, job: dict[str, Any]) -> dict[str, Any]:
        ends = time.monotonic() + _JOB_S
        while True:
            found: dict[str, Any] = self.call(f"jobs/{job['id']}/")
            if found["state"] == "succeeded":
                return found
            if found["state"] in ("failed", "cancelled") or time.monotonic() > ends:
                raise RuntimeError(f"A job did not succeed: {found}")
            time.sleep(0.1)


def measure(comparison: Comparison, stack: RunningStack, address: Address, *, rounds: int, rows: int) -> Row:
    """One row of the table: of wide rows half as many, for the memory ten times as many."""
    jobs = Jobs(stack)
    with closing(address.client()) as client:
        if comparison is P6:
            return _import(jobs, client, rounds=rounds, rows=rows // 2)
        if comparison is P9:
            return _memory(jobs, client, rows=rows * 10)
        _fill(jobs, client, "bench_backup", rows)
        plain = rows_of(vectors(rows))
        if comparison is P7:
            return P7.measured(lambda: rows / _backup(jobs), lambda: rows / _iterate(client, stack.folder), rounds)
        backup = jobs.wait(jobs.call("backups/", {"collections": ["bench_backup"]}))["result"]["backup"]
        return P8.measured(
            lambda: rows / _restore(jobs, client, backup), lambda: rows / _insert(client, plain, DIMENSION), rounds
        )


def _import(jobs: Jobs, client: MilvusClient, *, rounds: int, rows: int) -> Row:
    file = file_of(jobs.stack.folder / "wide.parquet", rows, _WIDE)
    plain = rows_of(vectors(rows, _WIDE))

    def ours() -> float:
        name = make(jobs, _WIDE)
        spent = jobs.seconds(jobs.upload(name, file))
        client.drop_collection(name)
        return rows / spent

    return P6.measured(ours, lambda: rows / _insert(client, plain, _WIDE), rounds)


def _memory(jobs: Jobs, client: MilvusClient, *, rows: int) -> Row:
    """``VmHWM`` of the process that did the job; there is no other side."""
    name = make(jobs, DIMENSION)
    jobs.wait(jobs.upload(name, file_of(jobs.stack.folder / "many.parquet", rows, DIMENSION)))
    client.drop_collection(name)
    peak = max(peak_mb(pid) for pid in workers(jobs.stack))
    return P9.measured(lambda: peak, lambda: 1.0, 1)


def workers(stack: RunningStack) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            ours = str(stack.folder).encode() in (entry / "environ").read_bytes()
            if ours and b"jobs@%h" in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def _backup(jobs: Jobs) -> float:
    return jobs.seconds(jobs.call("backups/", {"collections": ["bench_backup"]}))


def _restore(jobs: Jobs, client: MilvusClient, backup: str) -> float:
    name = f"bench_restored_{next(_numbers)}"
    spent = jobs.seconds(jobs.call("restores/", {"backup": backup, "target_name": name}))
    client.drop_collection(name)
    return spent


def _iterate(client: MilvusClient, folder: Path) -> float:
    began = time.perf_counter()
    pages = client.query_iterator("bench_backup", batch_size=1_000, output_fields=["id", "vector"], timeout=_TIMEOUT_S)
    schema = pa.schema([("id", pa.int64()), ("vector", pa.list_(pa.float32(), DIMENSION))])
    with pq.ParquetWriter(folder / "iterated.parquet", schema) as parquet:
        while page := pages.next():
            parquet.write_table(pa.Table.from_pylist([dict(row) for row in page], schema))
    pages.close()
    return time.perf_counter() - began


def _insert(client: MilvusClient, plain: list[dict[str, Any]], dimension: int) -> float:
    name = f"bench_peer_{next(_numbers)}"
    schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dimension)
    index = client.prepare_index_params()
    index.add_index("vector", index_type="FLAT", metric_type="L2", params={})
    client.create_collection(name, schema=schema, index_params=index, timeout=_TIMEOUT_S)
    began = time.perf_counter()
    for start in range(0, len(plain), _BATCH):
        client.insert(name, plain[start : start + _BATCH], timeout=_TIMEOUT_S)
    spent = time.perf_counter() - began
    client.drop_collection(name)
    return spent


def make(jobs: Jobs, dimension: int, name: str = "") -> str:
    name = name or f"bench_ours_{next(_numbers)}"
    fields = [
        {"name": "id", "type": "INT64", "primary": True},
        {"name": "vector", "type": "FLOAT_VECTOR", "dimension": dimension},
    ]
    index = {"type": "FLAT", "metric": "L2"}
    jobs.call("collections/", {"name": name, "fields": fields, "index": index, "dynamic_fields": False})
    return name


def _fill(jobs: Jobs, client: MilvusClient, name: str, rows: int) -> None:
    if client.has_collection(name):
        return
    make(jobs, DIMENSION, name)
    jobs.wait(jobs.upload(name, file_of(jobs.stack.folder / "rows.parquet", rows, DIMENSION)))


def file_of(path: Path, rows: int, dimension: int) -> Path:
    """A Parquet file of generated rows, made in pieces."""
    schema = pa.schema([("id", pa.int64()), ("vector", pa.list_(pa.float32(), dimension))])
    step = 50_000
    with pq.ParquetWriter(path, schema, compression="zstd") as parquet:
        for start in range(0, rows, step):
            number = min(step, rows - start)
            flat = pa.array(vectors(number, dimension, seed=start + 1).reshape(-1))
            column = pa.FixedSizeListArray.from_arrays(flat, dimension)
            ids = pa.array(range(start, start + number), pa.int64())
            parquet.write_table(pa.Table.from_arrays([ids, column], schema=schema), row_group_size=10_000)
    return path


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
