"""Searches with the cache on: what comes from it is what Milvus said, and never older than the last write."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.conftest import Caches
from tests.support.access import give
from tests.support.engines import RunningEngine
from tests.support.exactly import exactly
from tests.transfer.made import SCALARS, row
from vectorstore.access.actor import Actor
from vectorstore.adapters.milvus_adapter import MilvusAdapter
from vectorstore.domain.errors import AlreadyExists, InvalidRequest, NotLoaded, OutcomeUnknown
from vectorstore.domain.models import Consistency, DataType
from vectorstore.domain.requests import (
    CollectionChanges,
    CollectionSpec,
    DeleteRequest,
    FieldSpec,
    HybridPart,
    HybridRequest,
    IndexRequest,
    RangeRequest,
    SearchRequest,
)
from vectorstore.models import UserAttributes
from vectorstore.service import (
    AliasService,
    CollectionService,
    DatabaseService,
    IndexService,
    PartitionService,
    SearchService,
    VectorService,
)
from vectorstore.service.context import Scope
from vectorstore.service.engines import engine_of

Make = Callable[..., str]
ZERO = [0.0] * 8


def at(*numbers: int, **fields: Any) -> list[dict[str, Any]]:
    """Rows whose distance from ZERO is known by their number."""
    return [{"id": f"k{number}", "vector": [float(number)] + [0.0] * 7, "n": number, **fields} for number in numbers]


def ask(name: str, scope: Scope | None = None, **options: Any) -> tuple[list[Any], str]:
    """The ids, nearest first, and what the cache did."""
    answer = SearchService(scope=scope).search(name, SearchRequest(**{"vector": ZERO, "top_k": 5} | options))
    return [hit.id for hit in answer.results], answer.cache


@pytest.fixture
def name(make: Make, cached: Caches) -> str:
    made = make()
    VectorService().insert(made, at(1, 2, 3))
    assert ask(made) == (["k1", "k2", "k3"], "miss")
    assert ask(made) == (["k1", "k2", "k3"], "hit")
    return made


VECTORS = {
    DataType.FLOAT_VECTOR: ([0.1, -0.0, 1.0000000031710769e-30, 5.0], {"dimension": 4}),
    DataType.FLOAT16_VECTOR: ([0.1, -0.0, 2.0, 5.0], {"dimension": 4}),
    DataType.BFLOAT16_VECTOR: ([0.1, -0.0, 2.0, 5.0], {"dimension": 4}),
    DataType.BINARY_VECTOR: ([170, 170], {"dimension": 16}),
    DataType.SPARSE_FLOAT_VECTOR: ({"3": 0.1, "4000000000": 2.5}, {}),
}


@pytest.mark.parametrize("kind", VECTORS)
@pytest.mark.parametrize("key", [DataType.VARCHAR, DataType.INT64])
def test_a_hit_is_the_miss_exactly_for_every_type_of_field(
    make: Make, cached: Caches, kind: DataType, key: DataType
) -> None:
    if kind not in engine_of().capabilities.vector_types:
        pytest.skip("The engine has no such vectors.")
    value, shape = VECTORS[kind]
    length = {"max_length": 64} if key is DataType.VARCHAR else {}
    fields = [
        FieldSpec(name="id", type=key, primary=True, **length),
        *SCALARS,
        FieldSpec(name="vector", type=kind, **shape),
    ]
    made = make(fields=fields)
    ids = [2**53 + 1 + number if key is DataType.INT64 else f"r{number}" for number in range(6)]
    VectorService().insert(made, [{**row(number), "id": ids[number], "vector": value} for number in range(6)])
    request = SearchRequest(vector=value, top_k=6, output_fields=["*"])
    miss, hit = (SearchService().search(made, request) for _ in range(2))
    assert (miss.cache, hit.cache) == ("miss", "hit")
    assert miss.results  # of equal vectors HNSW may leave some out
    assert exactly(hit.results) == exactly(miss.results)
    assert {hit.id for hit in hit.results} <= set(ids)
    assert set(hit.results[0].fields) >= {"json", "numbers", "more", "nested", "vector", "single", "big"}


def test_ranges_several_vectors_and_fused_searches_are_kept_apart(name: str) -> None:
    service = SearchService()
    part = HybridPart(vector=ZERO, top_k=3)
    asked: list[tuple[Callable[..., Any], Any]] = [
        (service.search, SearchRequest(vectors=[ZERO, [3.0] + [0.0] * 7], top_k=2)),
        (service.search, SearchRequest(vectors=[ZERO], top_k=2)),
        (service.search, SearchRequest(vector=ZERO, top_k=1, offset=1)),
        (service.search, SearchRequest(id="k1", top_k=2)),
        (service.range, RangeRequest(vector=ZERO, radius=4.5)),
        (service.range, RangeRequest(vector=ZERO, radius=9.5, range_filter=2.0)),
        (service.hybrid, HybridRequest(searches=[part, part], top_k=3)),
        (service.hybrid, HybridRequest(searches=[part, part], top_k=2)),
    ]
    misses = [method(name, request) for method, request in asked]
    assert {answer.cache for answer in misses} == {"miss"}
    hits = [method(name, request) for method, request in asked]
    assert {answer.cache for answer in hits} == {"hit"}
    assert [exactly(answer.results) for answer in hits] == [exactly(answer.results) for answer in misses]
    assert len({repr(answer.results) for answer in hits}) == len(asked)


@pytest.mark.parametrize(
    "options",
    [{"cache": False}, {"consistency": Consistency.STRONG}, {"consistency": Consistency.EVENTUALLY}],
    ids=["not wanted", "strong", "eventually"],
)
def test_some_searches_neither_look_nor_keep(name: str, cached: Caches, options: dict[str, Any]) -> None:
    kept = cached.answers.client.dbsize()
    for _ in range(2):
        assert ask(name, top_k=2, **options) == (["k1", "k2"], "bypass")
    assert cached.answers.client.dbsize() == kept


def test_a_profile_says_that_milvus_was_not_asked(name: str) -> None:
    request = SearchRequest(vector=ZERO, top_k=4, profile=True)
    miss, hit = (SearchService().search(name, request).profile for _ in range(2))
    assert set(miss["stages"]) == {"authorise", "plan", "cache", "queue", "milvus", "decode"}
    assert (miss["attempts"], hit["attempts"]) == (1, 0)
    assert set(hit["stages"]) == {"authorise", "plan", "cache", "decode"}


WRITES: dict[str, tuple[Callable[[str], Any], list[str]]] = {
    "insert": (lambda name: VectorService().insert(name, at(0)), ["k0", "k1", "k2", "k3"]),
    "upsert": (lambda name: VectorService().upsert(name, [{**at(9)[0], "id": "k1"}]), ["k2", "k3", "k1"]),
    "delete": (lambda name: VectorService().delete(name, DeleteRequest(ids=["k1"])), ["k2", "k3"]),
    "filter": (lambda name: VectorService().delete(name, DeleteRequest(filter="n < 3")), ["k3"]),
    "truncate": (lambda name: CollectionService().truncate(name), []),
}


@pytest.mark.parametrize("write", WRITES)
def test_nobody_gets_an_answer_from_before_a_write(name: str, write: str) -> None:
    change, after = WRITES[write]
    change(name)
    assert ask(name) == (after, "miss")
    assert ask(name) == (after, "hit")


def test_nothing_is_kept_while_nobody_knows_what_became_of_a_write(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    upsert = MilvusAdapter.upsert

    def lost(*args: Any, **options: Any) -> None:
        upsert(*args, **options)
        raise OutcomeUnknown("The answer was lost.")

    with monkeypatch.context() as patch:
        patch.setattr(MilvusAdapter, "upsert", lost)
        with pytest.raises(OutcomeUnknown):
            VectorService().upsert(name, at(0))
    assert [ask(name)[1] for _ in range(2)] == ["bypass", "bypass"]
    VectorService().upsert(name, at(4))  # what was lost is sent again first
    assert ask(name) == (["k0", "k1", "k2", "k3", "k4"], "miss")
    assert ask(name)[1] == "hit"


def test_a_write_that_was_refused_leaves_the_cache_on(name: str) -> None:
    with pytest.raises(AlreadyExists):
        VectorService().insert(name, at(1))
    assert [ask(name)[1] for _ in range(2)] == ["miss", "hit"]


def test_nor_from_before_a_partition_was_dropped(name: str) -> None:
    PartitionService().create(name, "north")
    VectorService().insert(name, at(0), "north")
    assert ask(name) == (["k0", "k1", "k2", "k3"], "miss")
    assert ask(name, partitions=["north"]) == (["k0"], "miss")
    PartitionService().drop(name, "north")
    assert ask(name) == (["k1", "k2", "k3"], "miss")


def test_nor_from_before_an_alias_was_moved(name: str, make: Make) -> None:
    other = make()
    VectorService().insert(other, at(7))
    AliasService().create(f"{name}_alias", name)
    try:
        assert ask(f"{name}_alias")[0] == ["k1", "k2", "k3"]
        assert ask(f"{name}_alias") == (["k1", "k2", "k3"], "hit")
        AliasService().alter(f"{name}_alias", other)
        assert ask(f"{name}_alias") == (["k7"], "miss")
    finally:
        AliasService().drop(f"{name}_alias")


def test_nor_that_of_another_collection_that_had_the_name(name: str, make: Make) -> None:
    first, second = f"{name}_1", f"{name}_2"
    other = make()
    VectorService().insert(other, at(7))
    assert ask(other)[0] == ["k7"]
    CollectionService().rename(name, first)
    CollectionService().rename(other, name)
    assert ask(name) == (["k7"], "miss")
    CollectionService().rename(name, second)
    CollectionService().rename(first, name)
    assert ask(name)[0] == ["k1", "k2", "k3"]
    CollectionService().drop(second)


def test_a_released_collection_is_not_searched_in_the_cache(name: str) -> None:
    CollectionService().release(name)
    with pytest.raises(NotLoaded):
        ask(name)
    CollectionService().load(name)


def test_a_new_index_is_another_answer(name: str) -> None:
    near = [3.0] + [1.0] * 7
    assert ask(name, vector=near)[1] == "miss"
    IndexService().drop(name)
    IndexService().create(name, IndexRequest(field="vector", metric="IP"))
    found = SearchService().search(name, SearchRequest(vector=near, top_k=5))
    assert found.cache == "miss"
    assert [hit.score for hit in found.results] == [9.0, 6.0, 3.0]


def test_two_databases_with_equal_collections_have_their_own_answers(name: str) -> None:
    DatabaseService().create("cache_other")
    scope = Scope(database="cache_other")
    try:
        view = CollectionService().describe(name)
        spec = CollectionSpec(name=name, dimension=8, metric=view.indexes[0].spec.metric)
        CollectionService(scope).create(spec)
        VectorService(scope).insert(name, at(5))
        assert ask(name, scope) == (["k5"], "miss")
        assert ask(name, scope) == (["k5"], "hit")
        assert ask(name)[0] == ["k1", "k2", "k3"]
        CollectionService(scope).drop(name)
    finally:
        DatabaseService().drop("cache_other")


def tenant(who: str, name: str, **grant: Any) -> Scope:
    user = User.objects.create_user(who)
    UserAttributes.objects.create(user=user, values={"tenants": [who]})
    rows = {"field": "tenant", "op": "in", "value": ["$user.tenants"]}
    give(user, "viewer", name, **({"row_filter": rows} | grant))
    return Scope(actor=Actor.of(user))


def test_equal_searches_of_two_tenants_never_share_an_answer(make: Make, cached: Caches) -> None:
    name = make()
    VectorService().insert(name, at(1, 2, tenant="ann") + at(3, 4, tenant="bob"))
    ann, bob = tenant("ann", name), tenant("bob", name)
    for expected in ("miss", "hit"):
        assert ask(name, ann) == (["k1", "k2"], expected)
        assert ask(name, bob) == (["k3", "k4"], expected)
        assert ask(name) == (["k1", "k2", "k3", "k4"], expected)


def test_denied_fields_are_in_no_answer_that_others_have_kept(make: Make, cached: Caches) -> None:
    name = make()
    VectorService().insert(name, at(1, secret="s", open="o"))
    narrow = tenant("eve", name, row_filter=None, denied_fields=["secret"])
    request = SearchRequest(vector=ZERO, output_fields=["*"])
    for expected in ("miss", "hit"):
        whole, part = (SearchService(scope=scope).search(name, request) for scope in (None, narrow))
        assert (whole.cache, part.cache) == (expected, expected)
        assert whole.results[0].fields["secret"] == "s"
        assert "secret" not in part.results[0].fields
        assert part.results[0].fields["open"] == "o"


def test_a_grant_that_changed_is_another_answer(name: str, engine: RunningEngine) -> None:
    user = User.objects.create_user("may")
    give(user, "viewer", name)
    assert ask(name, Scope(actor=Actor.of(user)))[1] == "miss"
    grant = user.grants.get()
    grant.row_filter = {"field": "n", "op": "in", "value": [2]}
    grant.save()
    assert ask(name, Scope(actor=Actor.of(user))) == (["k2"], "miss")


def test_a_collection_has_a_cache_of_its_own_terms(name: str, cached: Caches) -> None:
    service = CollectionService()
    assert service.update(name, CollectionChanges(cache_ttl_s=7)).cache_ttl_s == 7
    assert ask(name, top_k=4)[1] == "miss"
    lifetimes = [cached.answers.client.ttl(key) for key in cached.answers.client.scan_iter()]
    assert sum(0 < left <= 7 for left in lifetimes) == 1
    assert service.update(name, CollectionChanges(cache_enabled=False)).cache_enabled is False
    assert [ask(name)[1] for _ in range(2)] == ["bypass", "bypass"]
    service.update(name, CollectionChanges(cache_enabled=True, cache_ttl_s=0))
    assert [ask(name)[1] for _ in range(2)] == ["miss", "hit"]
    for bad in (-1, 86_401):
        with pytest.raises(InvalidRequest, match="cache_ttl_s"):
            service.update(name, CollectionChanges(cache_ttl_s=bad))


def test_a_purge_empties_the_cache_of_one_collection(name: str, make: Make) -> None:
    other = make()
    VectorService().insert(other, at(7))
    assert [ask(other)[1] for _ in range(2)] == ["miss", "hit"]
    assert ask(name)[1] in ("miss", "hit")
    assert ask(name)[1] == "hit"
    CollectionService().purge_cache(name)
    assert ask(name)[1] == "miss"
    assert ask(other)[1] == "hit"


def test_the_statistics_of_a_collection_count_what_the_cache_did(name: str) -> None:
    ask(name)
    ask(name, cache=False)
    assert CollectionService().stats(name).cache == {"hit": 2, "miss": 1, "bypass": 1, "store": 1, "refused": 0}
