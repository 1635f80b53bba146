"""A scan gives every row once, in columns, bit for bit, on each engine."""

import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import pytest

from tests.adapters.test_engine_contract import SCALARS
from tests.support.adapters import reach
from tests.support.engines import RunningEngine
from vectorstore.adapters import scan_calls
from vectorstore.adapters.milvus_adapter import MilvusAdapter
from vectorstore.adapters.read_calls import RowQuery
from vectorstore.domain.arrow import to_arrow
from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.errors import VectorStoreError
from vectorstore.domain.models import Consistency, DataType, IndexKind, IndexSpec, Metric
from vectorstore.domain.rows import read_rows

ALL = RowQuery(expression="", output_fields=[], consistency=Consistency.STRONG)


@pytest.fixture
def adapter(engine: RunningEngine) -> MilvusAdapter:
    return reach(engine)[0]


def _row(key: str, number: int) -> dict[str, object]:
    return {
        "id": key,
        "vector": [number * 0.1, -0.0, 1e-30, number],
        "flag": bool(number % 2),
        "tiny": number % 100,
        "small": -number,
        "middle": number,
        "big": 2**62 + number,
        "single": number / 3,
        "double": number / 3,
        "text": f"ünï 'quoted' {number}",
        "meta": {"n": [number, None]},
        "numbers": [number, -(2**63)],
        "words": ["a", f"w{number}"],
        "more": {"deep": number},
    }


@pytest.fixture(params=[DataType.VARCHAR, DataType.INT64])
def collection(request: pytest.FixtureRequest, adapter: MilvusAdapter) -> Iterator[Collection]:
    made = Collection(
        name=f"t_{secrets.token_hex(6)}",
        fields=(
            Field("id", request.param, primary=True, max_length=64 if request.param is DataType.VARCHAR else None),
            Field("vector", DataType.FLOAT_VECTOR, dimension=4),
            *SCALARS,
        ),
    )
    adapter.create_collection("default", made)
    adapter.create_index("default", made.name, IndexSpec("vector", IndexKind.FLAT, Metric.L2))
    adapter.load_collection("default", made.name)
    yield made
    with suppress(VectorStoreError):
        adapter.drop_collection("default", made.name)


def test_a_scan_gives_every_row_once_and_bit_for_bit(
    adapter: MilvusAdapter, collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = collection.primary.type is DataType.VARCHAR
    keys = [f"k'{number:03}\"\\" if text else number * 7 - 500 for number in range(150)]
    written = read_rows([_row(key, number) for number, key in enumerate(keys)], collection)  # type: ignore[arg-type]
    adapter.insert("default", collection, written)
    monkeypatch.setattr(scan_calls, "PAGE_BYTES", 40 * 3_000)
    batches = list(adapter.scan("default", collection, ALL))
    assert len(batches) > 2
    found = [key for batch in batches for key in batch.ids]
    assert found == sorted(written.ids)
    order = sorted(range(150), key=lambda index: written.ids[index])
    wanted = to_arrow(written, collection).take(order)
    start = 0
    for batch in batches:
        part = to_arrow(batch, collection)
        for name in part.schema.names:
            assert part.column(name).to_pylist() == wanted.column(name).slice(start, batch.size).to_pylist(), name
        assert part.equals(wanted.slice(start, batch.size))
        start += batch.size


def test_a_scan_keeps_within_its_range_and_filter(adapter: MilvusAdapter, collection: Collection) -> None:
    if collection.primary.type is not DataType.INT64:
        keys: list[str | int] = [f"k{number:03}" for number in range(50)]
    else:
        keys = list(range(50))
    adapter.insert("default", collection, read_rows([_row(key, n) for n, key in enumerate(keys)], collection))  # type: ignore[arg-type]
    within = adapter.scan("default", collection, ALL, after=keys[9], until=keys[19])
    assert [key for batch in within for key in batch.ids] == keys[10:20]
    matching = adapter.scan("default", collection, replace(ALL, expression="middle >= 45"))
    assert [key for batch in matching for key in batch.ids] == keys[45:]


def test_an_empty_collection_gives_nothing(adapter: MilvusAdapter, collection: Collection) -> None:
    assert list(adapter.scan("default", collection, ALL)) == []
