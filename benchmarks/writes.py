"""I1 and C1: rows into Milvus, and the processor time of turning them into messages."""

import http.client
import time
from collections.abc import Callable
from contextlib import closing
from itertools import count
from typing import Any

import orjson
from pymilvus import DataType as MilvusType
from pymilvus import MilvusClient
from pymilvus.client.prepare import Prepare

from benchmarks.data import Address, make_collection, rows_of, vectors
from benchmarks.table import Comparison, Row
from tests.support.stack import RunningStack
from vectorstore.adapters.columnar_codec import encode_batch
from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.models import DataType
from vectorstore.domain.rows import read_rows

I1 = Comparison("I1", "Milvus: insert of rows × 128 in batches of 1,000 over HTTP, rows/s ÷ pymilvus")
C1 = Comparison("C1", "rows × 768 checked and encoded, processor seconds ÷ pymilvus")
_BATCH = 1_000
_WIDE = 768
_TIMEOUT_S = 60.0

Insert = Callable[[str, list[dict[str, Any]]], None]


def measure_insert(stack: RunningStack, address: Address, *, rounds: int, rows: int) -> Row:
    """Each round fills a new collection; one batch before the clock starts, so that the gateway knows it."""
    everything = rows_of(vectors(rows + _BATCH))
    numbers = count()
    with closing(address.client()) as client:

        def rate(insert: Insert) -> float:
            name = f"bench_insert_{next(numbers)}"
            make_collection(client, name)
            insert(name, everything[:_BATCH])
            began = time.perf_counter()
            for start in range(_BATCH, len(everything), _BATCH):
                insert(name, everything[start : start + _BATCH])
            spent = time.perf_counter() - began
            client.drop_collection(name)
            return rows / spent

        return I1.measured(lambda: rate(_over_http(stack)), lambda: rate(_with_pymilvus(client)), rounds)


def _over_http(stack: RunningStack) -> Insert:
    connection = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=_TIMEOUT_S)
    headers = {"Authorization": f"Bearer {stack.token()}", "Content-Type": "application/json"}

    def insert(name: str, rows: list[dict[str, Any]]) -> None:
        connection.request("POST", f"/api/v1/collections/{name}/vectors/", orjson.dumps({"vectors": rows}), headers)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 201:
            raise RuntimeError(f"The gateway refused an insert: {body[:500]!r}")

    return insert


def _with_pymilvus(client: MilvusClient) -> Insert:
    def insert(name: str, rows: list[dict[str, Any]]) -> None:
        client.insert(name, rows, timeout=_TIMEOUT_S)

    return insert


def measure_codec(*, rounds: int, rows: int) -> Row:
    """Rows whose vectors are arrays, as an application has them that computes its vectors."""
    values = vectors(rows, _WIDE)
    given = [{"id": number, "vector": vector} for number, vector in enumerate(values)]
    collection = Collection(
        name="bench_codec",
        fields=(
            Field(name="id", type=DataType.INT64, primary=True),
            Field(name="vector", type=DataType.FLOAT_VECTOR, dimension=_WIDE),
        ),
        dynamic_fields=False,
    )
    told = [
        {"name": "id", "type": MilvusType.INT64, "is_primary": True, "auto_id": False, "params": {}},
        {"name": "vector", "type": MilvusType.FLOAT_VECTOR, "params": {"dim": _WIDE}},
    ]
    return C1.measured(
        lambda: _processor_time(lambda: encode_batch(read_rows(given, collection), collection)),
        lambda: _processor_time(lambda: Prepare.row_insert_param("bench_codec", given, "", told)),
        rounds,
    )


def _processor_time(work: Callable[[], Any]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began
