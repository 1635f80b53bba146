"""The collection that is searched: the same generated rows for both sides, made with pymilvus."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pymilvus import DataType, MilvusClient

from tests.support.engines import RunningEngine

DIMENSION = 128
TOP_K = 10
SEARCH_PARAMS = {"ef": 64}
_BATCH = 2_000
_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class Address:
    """How every process of the benchmark reaches the engine."""

    port: int
    user: str
    password: str

    @classmethod
    def of(cls, engine: RunningEngine) -> "Address":
        return cls(engine.port, engine.user, engine.password)

    def client(self) -> MilvusClient:
        return MilvusClient(
            f"http://127.0.0.1:{self.port}", user=self.user, password=self.password, timeout=_TIMEOUT_S, dedicated=True
        )


def vectors(rows: int, dimension: int = DIMENSION, seed: int = 1) -> npt.NDArray[np.float32]:
    """Normally distributed, of shape (rows, dimension), the same for the same seed."""
    return np.random.default_rng(seed).standard_normal((rows, dimension), dtype=np.float32)


def rows_of(values: npt.NDArray[np.float32]) -> list[dict[str, Any]]:
    """As an application has them: plain Python values."""
    return [{"id": number, "vector": vector} for number, vector in enumerate(values.tolist())]


def make_collection(client: MilvusClient, name: str) -> None:
    """An empty collection with HNSW, loaded."""
    schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=DIMENSION)
    index = client.prepare_index_params()
    index.add_index("vector", index_type="HNSW", metric_type="L2", params={"M": 16, "efConstruction": 200})
    client.create_collection(name, schema=schema, index_params=index, timeout=_TIMEOUT_S)


def fill_collection(client: MilvusClient, name: str, rows: int) -> None:
    """The rows, flushed and indexed: both sides search sealed segments, not what is still in memory."""
    make_collection(client, name)
    client.release_collection(name, timeout=_TIMEOUT_S)
    everything = rows_of(vectors(rows))
    for start in range(0, rows, _BATCH):
        client.insert(name, everything[start : start + _BATCH], timeout=_TIMEOUT_S)
    client.flush(name, timeout=_TIMEOUT_S)
    client.load_collection(name, timeout=_TIMEOUT_S)
