"""What every engine must do for the services, asked of each real engine in turn."""

import secrets
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

from tests.support.adapters import reach
from tests.support.engines import RunningEngine
from vectorstore.adapters.capabilities import Capabilities
from vectorstore.adapters.milvus_adapter import MilvusAdapter
from vectorstore.adapters.probe_scratch import PROBE_PREFIX
from vectorstore.adapters.read_calls import RowQuery
from vectorstore.adapters.search_calls import VectorQuery
from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.errors import NotFound, NotLoaded, UnsupportedByEngine
from vectorstore.domain.filters import check, everything, ids_in, parse, serialise
from vectorstore.domain.models import Consistency, DataType, IndexKind, IndexSpec, LoadState, Metric
from vectorstore.domain.rows import read_rows

DATABASE = "default"
DIMENSION = 8


@pytest.fixture
def adapter(engine: RunningEngine) -> MilvusAdapter:
    return reach(engine)[0]


@pytest.fixture
def capabilities(engine: RunningEngine) -> Capabilities:
    return reach(engine)[1]


SCALARS = (
    Field("flag", DataType.BOOL),
    Field("tiny", DataType.INT8),
    Field("small", DataType.INT16),
    Field("middle", DataType.INT32),
    Field("big", DataType.INT64),
    Field("single", DataType.FLOAT),
    Field("double", DataType.DOUBLE),
    Field("text", DataType.VARCHAR, max_length=1000),
    Field("meta", DataType.JSON),
    Field("numbers", DataType.ARRAY, element_type=DataType.INT64, max_capacity=8),
    Field("words", DataType.ARRAY, element_type=DataType.VARCHAR, max_capacity=8, max_length=50),
)


def make(adapter: MilvusAdapter, *, key: DataType = DataType.VARCHAR, fields: tuple[Field, ...] = ()) -> Collection:
    collection = Collection(
        name=f"t_{secrets.token_hex(6)}",
        fields=(
            Field("id", key, primary=True, max_length=256 if key is DataType.VARCHAR else None),
            Field("vector", DataType.FLOAT_VECTOR, dimension=DIMENSION),
            *fields,
        ),
    )
    adapter.create_collection(DATABASE, collection)
    adapter.create_index(DATABASE, collection.name, IndexSpec("vector", IndexKind.FLAT, Metric.L2))
    adapter.load_collection(DATABASE, collection.name)
    return collection


_shared: dict[tuple[int, str], Collection] = {}
"""Collections made once for each engine: loading one takes seconds on Milvus."""


def shared(adapter: MilvusAdapter, kind: str, **shape: Any) -> Collection:
    """The engine's collection for ``kind``, without rows."""
    key = (adapter.endpoint.port, kind)
    if key not in _shared:
        _shared[key] = make(adapter, **shape)
    adapter.delete(DATABASE, _shared[key], serialise(everything(_shared[key].primary)), by_id=True)
    return _shared[key]


@pytest.fixture
def collection(adapter: MilvusAdapter) -> Collection:
    return shared(adapter, "strings", fields=SCALARS)


@pytest.fixture
def numbered(adapter: MilvusAdapter) -> Collection:
    return shared(adapter, "integers", key=DataType.INT64)


@pytest.fixture
def fresh(adapter: MilvusAdapter) -> Iterator[Collection]:
    made = make(adapter, fields=SCALARS)
    yield made
    with suppress(NotFound):
        adapter.drop_collection(DATABASE, made.name)


def a_row(identity: Any, **values: Any) -> dict[str, Any]:
    generator = np.random.default_rng(abs(hash(identity)) % 2**32)
    row = {
        "id": identity,
        "vector": generator.normal(size=DIMENSION).astype(np.float32).tolist(),
        "flag": True,
        "tiny": -128,
        "small": 32_767,
        "middle": -(2**31),
        "big": 2**63 - 1,
        "single": 0.1,
        "double": 1 / 3,
        "text": "some 'quoted' \"text\"\nwith é and 日本",
        "meta": {"a": [1, 2.5, None, {"b": "x"}], "n": 2**53 + 1},
        "numbers": [1, -5, 2**63 - 1],
        "words": ["a", ""],
        "extra": {"deep": [1, 2]},
        "tag": "dynamic",
    }
    return row | values


def insert(adapter: MilvusAdapter, collection: Collection, rows: list[dict[str, Any]]) -> int:
    return adapter.insert(DATABASE, collection, read_rows(rows, collection))[1]


def strong(expression: str, fields: list[str], **options: Any) -> RowQuery:
    return RowQuery(expression=expression, output_fields=fields, consistency=Consistency.STRONG, **options)


def fetch(adapter: MilvusAdapter, collection: Collection, ids: list[Any], fields: list[str]) -> list[dict[str, Any]]:
    return adapter.query(DATABASE, collection, strong(serialise(ids_in(collection.primary, ids)), fields))


def count(adapter: MilvusAdapter, collection: Collection, expression: str = "") -> int:
    return adapter.count(DATABASE, collection, strong(expression, []))


def test_the_probe_leaves_no_collection_behind(adapter: MilvusAdapter) -> None:
    assert not [name for name in adapter.list_collections(DATABASE) if name.startswith(PROBE_PREFIX)]


def test_the_probe_finds_what_each_engine_is_known_for(capabilities: Capabilities, engine: RunningEngine) -> None:
    kinds = set(capabilities.index_kinds)
    assert {IndexKind.FLAT, IndexKind.IVF_FLAT, IndexKind.IVF_SQ8, IndexKind.HNSW, IndexKind.AUTOINDEX} <= kinds
    assert {Metric.L2, Metric.IP, Metric.COSINE} <= set(capabilities.metrics)
    if engine.kind == "lite":
        assert IndexKind.HNSW_SQ in kinds
        assert not {IndexKind.IVF_PQ, IndexKind.SCANN, IndexKind.DISKANN, IndexKind.HNSW_PQ} & kinds
        assert capabilities.single_writer
        assert capabilities.insert_replaces
        assert capabilities.hybrid_search
        assert capabilities.nullable
        assert not capabilities.users
        assert DataType.SPARSE_FLOAT_VECTOR in capabilities.vector_types
    else:
        assert {IndexKind.IVF_PQ, IndexKind.SCANN, IndexKind.BIN_FLAT} <= kinds
        assert not {IndexKind.HNSW_SQ, IndexKind.DISKANN} & kinds
        assert not capabilities.single_writer
        assert not capabilities.insert_replaces
        assert not capabilities.hybrid_search
        assert not capabilities.nullable
        assert not capabilities.templates
        assert capabilities.users
        assert capabilities.segments
        assert DataType.BINARY_VECTOR in capabilities.vector_types


def test_capabilities_survive_being_kept_as_json(capabilities: Capabilities) -> None:
    import json

    assert Capabilities.from_json(json.loads(json.dumps(capabilities.to_json()))) == capabilities


def test_every_scalar_type_comes_back_as_it_went_in(adapter: MilvusAdapter, collection: Collection) -> None:
    row = a_row("one")
    insert(adapter, collection, [row])
    names = [field.name for field in collection.fields]
    found = fetch(adapter, collection, ["one"], [*names, "$meta"])
    assert len(found) == 1
    expected = row | {"single": float(np.float32(0.1))}
    assert found[0] == expected


def test_who_names_no_fields_gets_none(adapter: MilvusAdapter) -> None:
    collection = shared(adapter, "plain")
    adapter.insert(DATABASE, collection, read_rows([{"id": "a", "vector": [1.0] * DIMENSION}], collection), "")
    query = VectorQuery(
        field=collection.vector_fields[0], vectors=[[1.0] * DIMENSION], limit=1, consistency=Consistency.STRONG
    )
    ((hit,),) = adapter.search(DATABASE, collection, query)
    assert (hit.id, hit.fields) == ("a", {})


def test_dynamic_fields_are_limited_to_those_asked_for(adapter: MilvusAdapter, collection: Collection) -> None:
    insert(adapter, collection, [a_row("one")])
    assert fetch(adapter, collection, ["one"], ["tag", "text"])[0].keys() == {"id", "tag", "text"}


@pytest.mark.parametrize(
    "identity",
    ["plain", "q'uote", 'd"quote', "back\\slash", "new\nline", "tab\t", "\r", "日本 😀 é", "\x00\x01", "a" * 256,
     "zz'] or id != '' or id in ['", '"] or id != "', "\\", "\\'", "%_", "\u2028"],
)  # fmt: skip
def test_string_ids_survive_insert_get_search_and_delete(
    adapter: MilvusAdapter, collection: Collection, identity: str
) -> None:
    other, mine = a_row("other"), a_row(identity)
    insert(adapter, collection, [other, mine])
    assert [row["id"] for row in fetch(adapter, collection, [identity], ["id"])] == [identity]
    query = VectorQuery(
        field=collection.vector_fields[0],
        vectors=[np.array(mine["vector"], np.float32)],
        limit=1,
        consistency=Consistency.STRONG,
    )
    assert adapter.search(DATABASE, collection, query)[0][0].id == identity
    expression = serialise(ids_in(collection.primary, [identity]))
    adapter.delete(DATABASE, collection, expression, by_id=True)
    assert fetch(adapter, collection, [identity], ["id"]) == []
    assert count(adapter, collection) == 1


@pytest.mark.parametrize("identity", [2**63 - 1, -(2**63), -(2**63) + 1, 0, -1, 2**53 + 1])
def test_integer_ids_survive_insert_get_search_and_delete(
    adapter: MilvusAdapter, numbered: Collection, identity: int
) -> None:
    rows = [{"id": 7, "vector": [1.0] * DIMENSION}, {"id": identity, "vector": [5.0] * DIMENSION, "x": "here"}]
    insert(adapter, numbered, rows)
    assert fetch(adapter, numbered, [identity], ["id", "$meta"]) == [{"id": identity, "x": "here"}]
    every = "id >= 0 or id < 0"
    assert sorted(row["id"] for row in adapter.query(DATABASE, numbered, strong(every, ["id"]))) == sorted(
        [7, identity]
    )
    query = VectorQuery(
        field=numbered.vector_fields[0],
        vectors=[np.full(DIMENSION, 5, np.float32)],
        limit=1,
        consistency=Consistency.STRONG,
    )
    assert adapter.search(DATABASE, numbered, query)[0][0].id == identity
    adapter.delete(DATABASE, numbered, serialise(ids_in(numbered.primary, [identity])), by_id=True)
    assert fetch(adapter, numbered, [identity], ["id"]) == []
    assert count(adapter, numbered) == 1


def test_upsert_replaces_the_row_as_a_whole(adapter: MilvusAdapter, collection: Collection) -> None:
    insert(adapter, collection, [a_row("one", old="kept?")])
    replacement = a_row("one", text="new")
    batch = read_rows([replacement], collection)
    adapter.upsert(DATABASE, collection, batch)
    found = fetch(adapter, collection, ["one"], ["text", "$meta"])
    assert len(found) == 1
    assert found[0]["text"] == "new"
    assert "old" not in found[0]
    assert count(adapter, collection) == 1


def test_reading_by_key_ranges_returns_each_row_once(adapter: MilvusAdapter, numbered: Collection) -> None:
    generator = np.random.default_rng(3)
    ids = [int(value) for value in generator.integers(-(2**62), 2**62, size=500)] + [2**63 - 1, -(2**63)]
    insert(adapter, numbered, [{"id": identity, "vector": [0.5] * DIMENSION, "n": identity % 7} for identity in ids])
    pages = list(adapter.read_pages(DATABASE, numbered, strong("", ["id", "n"]), page=128))
    found = [row["id"] for page in pages for row in page]
    assert sorted(found) == sorted(ids)
    assert found == sorted(found)
    some = adapter.read_pages(DATABASE, numbered, strong("n == 3", ["id"]), page=50)
    assert sorted(row["id"] for page in some for row in page) == sorted(i for i in ids if i % 7 == 3)


@pytest.mark.parametrize("metric", [Metric.L2, Metric.IP, Metric.COSINE])
def test_scores_are_those_of_the_metric(adapter: MilvusAdapter, metric: Metric) -> None:
    made = Collection(
        name=f"t_{secrets.token_hex(6)}",
        fields=(Field("id", DataType.INT64, primary=True), Field("vector", DataType.FLOAT_VECTOR, dimension=4)),
    )
    adapter.create_collection(DATABASE, made)
    try:
        adapter.create_index(DATABASE, made.name, IndexSpec("vector", IndexKind.FLAT, metric))
        adapter.load_collection(DATABASE, made.name)
        vectors = np.random.default_rng(1).normal(size=(50, 4)).astype(np.float32)
        insert(adapter, made, [{"id": i, "vector": v.tolist()} for i, v in enumerate(vectors)])
        query = np.array([0.5, -1, 2, 0.1], np.float32)
        scores = {
            Metric.L2: ((vectors - query) ** 2).sum(axis=1),
            Metric.IP: vectors @ query,
            Metric.COSINE: vectors @ query / (np.linalg.norm(vectors, axis=1) * np.linalg.norm(query)),
        }[metric]
        order = np.argsort(-scores if metric.larger_is_nearer else scores)[:10]
        hits = adapter.search(
            DATABASE,
            made,
            VectorQuery(field=made.vector_fields[0], vectors=[query], limit=10, consistency=Consistency.STRONG),
        )[0]
        assert [hit.id for hit in hits] == order.tolist()
        assert np.allclose([hit.score for hit in hits], scores[order], atol=1e-4)
        edge = float(np.sort(scores)[20])
        ring = VectorQuery(
            field=made.vector_fields[0],
            vectors=[query],
            limit=100,
            params={"radius": edge},
            consistency=Consistency.STRONG,
        )
        within = scores > edge if metric.larger_is_nearer else scores < edge
        found = {hit.id for hit in adapter.search(DATABASE, made, ring)[0]}
        near_edge = set(np.flatnonzero(np.abs(scores - edge) < 1e-5).tolist())
        assert found - near_edge == set(np.flatnonzero(within).tolist()) - near_edge
    finally:
        adapter.drop_collection(DATABASE, made.name)


def test_several_queries_in_one_call_keep_their_order(adapter: MilvusAdapter, collection: Collection) -> None:
    rows = [a_row(f"r{i}") for i in range(20)]
    insert(adapter, collection, rows)
    query = VectorQuery(
        field=collection.vector_fields[0],
        vectors=[np.array(row["vector"], np.float32) for row in rows],
        limit=1,
        output_fields=["text", "tag"],
        consistency=Consistency.STRONG,
    )
    answers = adapter.search(DATABASE, collection, query)
    assert [hits[0].id for hits in answers] == [row["id"] for row in rows]
    assert answers[3][0].fields["tag"] == "dynamic"


def test_a_search_in_an_empty_collection_finds_nothing(adapter: MilvusAdapter, collection: Collection) -> None:
    query = VectorQuery(
        field=collection.vector_fields[0],
        vectors=[np.ones(DIMENSION, np.float32)] * 3,
        limit=5,
        consistency=Consistency.STRONG,
    )
    assert adapter.search(DATABASE, collection, query) == [[], [], []]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tiny == 1", {1}),
        ("tiny in [1, 2]", {1, 2}),
        ("not (tiny > 1)", {0, 1}),
        ("1 < tiny <= 3", {2, 3}),
        ("flag", {0, 2, 4}),
        ("not flag", {1, 3}),
        ("flag == true and tiny < 3", {0, 2}),
        ("text like 'w1%'", {1}),
        ('meta["k"] == 2', {2}),
        ('meta["k"] in [2, 3]', {2, 3}),
        ("extra == 4", {4}),
        ("extra in [0, 4]", {0, 4}),
        ("single == 0.1", {1}),
        ("single > 0.25", {3, 4}),
        ("single in [0.1, 0.2]", {1, 2}),
        ("numbers[0] == 3", {3}),
        ("array_contains(numbers, 3)", {2, 3}),
        ("array_length(words) == 1", {0, 1, 2, 3, 4}),
        ("tiny + 1 == 3", {2}),
        ("2 == tiny", {2}),
        ('text == "w\'0"', {0}),
        ("tiny == 2.0", {2}),
        ('exists meta["k"] && tiny != 0', {1, 2, 3, 4}),
        ("text > 'w3'", {4}),
        ("tiny == 1 OR tiny == 4", {1, 4}),
        ("big == -9223372036854775808", {0}),
        ("big >= -9223372036854775808", {0, 1, 2, 3, 4}),
        ("big in [-9223372036854775808, 9223372036854775807]", {0, 1, 2, 3, 4}),
        ("big > -9223372036854775808", {1, 2, 3, 4}),
        ("json_contains(signed, -2)", {2}),
        ("mixed in [0, 4]", {0, 4}),
        ("mixed not in [0, 4]", {1, 2, 3}),
    ],
)
def test_filters_mean_the_same_on_every_engine(
    adapter: MilvusAdapter, filtered: Collection, capabilities: Capabilities, text: str, expected: set[int]
) -> None:
    expression = serialise(check(parse(text), filtered), capabilities.dialect)
    found = adapter.query(DATABASE, filtered, strong(expression, ["tiny"]))
    assert {row["tiny"] for row in found} == expected


@pytest.fixture
def filtered(adapter: MilvusAdapter) -> Collection:
    made = shared(adapter, "filtered", fields=SCALARS)
    rows = [
        a_row(
            f"r{n}", tiny=n, flag=n % 2 == 0, text=f"w{n}" if n else "w'0", meta={"k": n}, extra=n, single=n / 10,
            numbers=[n, n + 1], words=["x"], big=-(2**63) if n == 0 else 2**63 - 1,
            signed=[-n, -10], mixed=n if n % 2 == 0 else [n],
        )
        for n in range(5)
    ]  # fmt: skip
    insert(adapter, made, rows)
    return made


def test_what_is_not_there_is_not_found(adapter: MilvusAdapter) -> None:
    with pytest.raises(NotFound):
        adapter.describe_collection(DATABASE, "no_such_collection")
    with pytest.raises(NotFound):
        adapter.load_state(DATABASE, "no_such_collection")
    with pytest.raises(NotFound):
        adapter.list_collections("no_such_database")


def test_a_released_collection_says_so(adapter: MilvusAdapter, fresh: Collection) -> None:
    adapter.release_collection(DATABASE, fresh.name)
    assert adapter.load_state(DATABASE, fresh.name)[0] is LoadState.NOT_LOADED
    assert fresh.name not in adapter.load_states(DATABASE)
    with pytest.raises(NotLoaded):
        adapter.query(DATABASE, fresh, strong("tiny == 1", ["id"]))
    adapter.load_collection(DATABASE, fresh.name)
    assert adapter.load_state(DATABASE, fresh.name) == (LoadState.LOADED, 100)
    assert adapter.load_states(DATABASE)[fresh.name] == (LoadState.LOADED, 100)


def test_an_index_kind_that_the_engine_lacks_is_refused(adapter: MilvusAdapter, engine: RunningEngine) -> None:
    made = make(adapter)
    insert(adapter, made, [{"id": "a", "vector": [1.0] * DIMENSION}])
    adapter.flush(DATABASE, made.name)  # Milvus Lite takes any kind while nothing is stored
    adapter.release_collection(DATABASE, made.name)
    adapter.drop_index(DATABASE, made.name, "vector")
    lacking = IndexKind.SCANN if engine.kind == "lite" else IndexKind.HNSW_SQ
    with pytest.raises(UnsupportedByEngine):
        adapter.create_index(DATABASE, made.name, IndexSpec("vector", lacking, Metric.L2, {"nlist": 8}))
    adapter.drop_collection(DATABASE, made.name)


def test_the_schema_is_described_as_it_was_made(adapter: MilvusAdapter, collection: Collection) -> None:
    described = adapter.describe_collection(DATABASE, collection.name).schema
    words = described.field("words")
    assert words is not None
    assert words.max_length in (50, None)  # Milvus Lite forgets it; the product's record keeps it
    assert described.fields[:-1] == collection.fields[:-1]
    assert described.dynamic_fields
    assert not described.engine_ids
    index = adapter.list_indexes(DATABASE, collection.name)[0]
    assert (index.spec.kind, index.spec.metric, index.state) == (IndexKind.FLAT, Metric.L2, "Finished")


def test_aliases_follow_and_move(adapter: MilvusAdapter, collection: Collection, numbered: Collection) -> None:
    alias = f"a_{secrets.token_hex(4)}"
    adapter.create_alias(DATABASE, alias, collection.name)
    assert adapter.describe_collection(DATABASE, alias).schema.name == collection.name
    assert adapter.aliases_of(DATABASE, collection.name) == [alias]
    adapter.alter_alias(DATABASE, alias, numbered.name)
    assert (alias, numbered.name) in adapter.list_aliases(DATABASE)
    adapter.drop_alias(DATABASE, alias)
    assert adapter.aliases_of(DATABASE, numbered.name) == []


def test_databases_hold_their_own_collections(adapter: MilvusAdapter) -> None:
    name = f"db_{secrets.token_hex(4)}"
    adapter.create_database(name)
    assert name in adapter.list_databases()
    assert adapter.list_collections(name) == []
    adapter.drop_database(name)
    assert name not in adapter.list_databases()


def test_flush_compact_and_statistics_answer(adapter: MilvusAdapter, fresh: Collection) -> None:
    insert(adapter, fresh, [a_row(f"r{i}") for i in range(10)])
    adapter.flush(DATABASE, fresh.name)
    adapter.compact(DATABASE, fresh.name)
    assert adapter.stored_rows(DATABASE, fresh.name) == 10
    adapter.rename_collection(DATABASE, fresh.name, f"{fresh.name}_renamed")
    assert f"{fresh.name}_renamed" in adapter.list_collections(DATABASE)
    adapter.rename_collection(DATABASE, f"{fresh.name}_renamed", fresh.name)
