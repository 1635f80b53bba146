"""Collections through the services, on each engine."""

import secrets
from collections.abc import Callable

import pytest
from django.contrib.auth import get_user_model

from tests.support.access import give
from tests.support.engines import RunningEngine
from vectorstore.access.actor import Actor
from vectorstore.domain.errors import (
    AlreadyExists,
    Conflict,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    Protected,
    UnsupportedByEngine,
)
from vectorstore.domain.models import DataType, IndexKind, LoadState, Metric
from vectorstore.domain.requests import CollectionChanges, CollectionSpec, FieldSpec, GetRequest, IndexRequest
from vectorstore.models import CollectionRecord, IndexRecord
from vectorstore.service import AliasService, CollectionService, DatabaseService, IndexService, Scope, VectorService
from vectorstore.service.engines import engine_of

Make = Callable[..., str]


def test_the_short_form_gives_a_searchable_collection(make: Make) -> None:
    view = CollectionService().describe(make(dimension=16, metric=Metric.IP))
    assert [(f.name, f.type, f.primary) for f in view.collection.fields] == [
        ("id", DataType.VARCHAR, True),
        ("vector", DataType.FLOAT_VECTOR, False),
    ]
    assert view.collection.dynamic_fields
    assert view.load_state is LoadState.LOADED
    assert view.row_count == 0
    assert view.indexes[0].spec.metric is Metric.IP
    assert view.partitions == ["_default"]


def test_the_full_form_is_kept_as_it_was_given(make: Make) -> None:
    fields = [
        FieldSpec(name="key", type=DataType.INT64, primary=True),
        FieldSpec(name="vector", type=DataType.FLOAT_VECTOR, dimension=8),
        FieldSpec(name="section", type=DataType.VARCHAR, max_length=64, default="none"),
        FieldSpec(name="words", type=DataType.ARRAY, element_type=DataType.VARCHAR, max_capacity=8, max_length=20),
    ]
    index = IndexRequest(type=IndexKind.HNSW, metric=Metric.COSINE, params={"M": 8})
    name = make(fields=fields, index=index, dynamic_fields=False, description="about words", expected_rows=500_000)
    view = CollectionService().describe(name)
    described = {field.name: field for field in view.collection.fields}
    assert described["section"].default == "none"
    assert (described["words"].max_capacity, described["words"].max_length) == (8, 20)
    assert view.collection.description == "about words"
    assert not view.collection.dynamic_fields
    assert view.indexes[0].spec.params["M"] == 8
    record = IndexRecord.objects.get(collection__name=name)
    assert (record.requested, record.kind, record.metric) == ("HNSW", "HNSW", "COSINE")


def test_the_same_name_again_conflicts(make: Make) -> None:
    name = make()
    with pytest.raises(AlreadyExists):
        CollectionService().create(CollectionSpec(name=name, dimension=4))


@pytest.mark.parametrize(
    ("spec", "pointer"),
    [
        ({"name": "bad-name", "dimension": 4}, "/name"),
        ({"name": "1st", "dimension": 4}, "/name"),
        ({"name": "a" * 256, "dimension": 4}, "/name"),
        ({"name": "x"}, "/dimension"),
        ({"name": "x", "dimension": 0}, "/dimension"),
        ({"name": "x", "dimension": 32_769}, "/dimension"),
        ({"name": "x", "dimension": 4, "metric": Metric.HAMMING}, "/index/metric"),
        ({"name": "x", "dimension": 4, "shards": 99}, "/shards"),
        ({"name": "x", "dimension": 4, "index": IndexRequest(type=IndexKind.HNSW, params={"M": 1})}, "/index/params/M"),
        ({"name": "x", "dimension": 4, "index": IndexRequest(type=IndexKind.BIN_FLAT)}, "/index/type"),
        ({"name": "x", "dimension": 4, "index": IndexRequest(type=IndexKind.DISKANN)}, "/index/type"),
        ({"name": "x", "fields": []}, "/fields"),
        ({"name": "x", "dimension": 4, "description": "a\0"}, "/description"),
        ({"name": "x", "dimension": 4, "properties": {"a/b": "\0"}}, "/properties/a~1b"),
        ({"name": "x", "fields": [FieldSpec(name="and", type=DataType.INT64, primary=True)]}, "/fields/0/name"),
        ({"name": "x", "fields": [FieldSpec(name="a", type=DataType.DOUBLE, primary=True)]}, "/fields/0/type"),
    ],
)
def test_what_breaks_a_rule_is_named_before_milvus_is_called(
    engine: RunningEngine, db: None, spec: dict, pointer: str
) -> None:
    before = engine_of().adapter.list_collections("default")
    with pytest.raises(InvalidRequest) as caught:
        CollectionService().create(CollectionSpec(**spec))
    assert pointer in {error.pointer for error in caught.value.errors} | {"/fields" if not caught.value.errors else ""}
    assert engine_of().adapter.list_collections("default") == before
    assert not CollectionRecord.objects.filter(name=spec["name"]).exists()


def test_what_the_engine_lacks_is_refused_naming_what_it_has(engine: RunningEngine, db: None) -> None:
    lacking = IndexKind.SCANN if engine.kind == "lite" else IndexKind.HNSW_SQ
    with pytest.raises(UnsupportedByEngine, match="it has AUTO, FLAT"):
        CollectionService().create(CollectionSpec(name="x", dimension=4, index=IndexRequest(type=lacking)))


def test_a_collection_made_elsewhere_is_adopted(engine: RunningEngine, make: Make) -> None:
    name = make()
    CollectionRecord.objects.all().delete()
    from vectorstore.service.catalogue import forget

    forget(Scope())
    assert name in [view.collection.name for view in CollectionService().list()]
    record = CollectionRecord.objects.get(name=name)
    assert record.adopted
    assert VectorService().insert(name, [{"id": "a", "vector": [0.0] * 8}]) == ["a"]


def test_a_protected_collection_is_not_dropped_until_it_is_free(make: Make) -> None:
    name, service = make(protected=True), CollectionService()
    with pytest.raises(Protected):
        service.drop(name)
    with pytest.raises(Protected):
        service.truncate(name)
    assert service.update(name, CollectionChanges(protected=False, description="free")).collection.description == "free"
    service.drop(name)
    with pytest.raises(NotFound):
        service.describe(name)
    assert not CollectionRecord.objects.filter(name=name).exists()


def test_truncate_keeps_everything_but_the_rows(make: Make) -> None:
    name = make()
    VectorService().insert(name, [{"id": str(i), "vector": [0.0] * 8} for i in range(10)])
    view = CollectionService().truncate(name)
    assert view.row_count == 0
    assert view.indexes
    assert VectorService().insert(name, [{"id": "1", "vector": [0.0] * 8}]) == ["1"]


def test_rename_moves_the_record_too(make: Make) -> None:
    name = make(auto_id=True)
    VectorService().insert(name, [{"vector": [0.0] * 8}])
    renamed = f"n_{secrets.token_hex(5)}"
    assert CollectionService().rename(name, renamed).row_count == 1
    assert VectorService().insert(renamed, [{"vector": [0.0] * 8}])
    with pytest.raises(NotFound):
        CollectionService().describe(name)
    CollectionService().rename(renamed, name)


def test_statistics_count_exactly(make: Make) -> None:
    name = make()
    VectorService().insert(name, [{"id": str(i), "vector": [0.0] * 8} for i in range(10)])
    CollectionService().flush(name)
    assert CollectionService().stats(name).row_count == 10


def test_aliases_reach_the_collection_and_keep_it_from_being_dropped(make: Make) -> None:
    first, second, alias = make(), make(), f"a_{secrets.token_hex(4)}"
    VectorService().insert(first, [{"id": "one", "vector": [0.0] * 8}])
    VectorService().insert(second, [{"id": "two", "vector": [0.0] * 8}])
    AliasService().create(alias, first)
    assert VectorService().get(alias, GetRequest(ids=["one"], output_fields=["id"])) == [{"id": "one"}]
    with pytest.raises(Conflict, match=alias):
        CollectionService().drop(first)
    with pytest.raises(AlreadyExists):
        AliasService().create(alias, second)
    AliasService().alter(alias, second)
    assert VectorService().get(alias, GetRequest(ids=["two"], output_fields=["id"])) == [{"id": "two"}]
    assert (alias, second) in [(view.alias, view.collection) for view in AliasService().list()]
    AliasService().drop(alias)
    with pytest.raises(NotFound):
        AliasService().get(alias)


def test_a_database_is_dropped_only_when_empty(engine: RunningEngine, transactional_db: None) -> None:
    name = f"db_{secrets.token_hex(4)}"
    DatabaseService().create(name)
    with pytest.raises(AlreadyExists):
        DatabaseService().create(name)
    scope = Scope(database=name)
    CollectionService(scope).create(CollectionSpec(name="inside", dimension=4))
    with pytest.raises(Conflict):
        DatabaseService().drop(name)
    with pytest.raises(NotFound):
        CollectionService().describe("inside")
    CollectionService(scope).drop("inside")
    DatabaseService().drop(name)
    assert name not in DatabaseService().list()
    with pytest.raises(NotFound):
        CollectionService(scope).names()


def test_indexes_are_dropped_made_and_rebuilt(make: Make) -> None:
    name, service = make(), IndexService()
    with pytest.raises(AlreadyExists):
        service.create(name, IndexRequest(type=IndexKind.FLAT))
    service.drop(name)
    assert service.list(name) == []
    with pytest.raises(NotFound):
        service.get(name, "vector")
    made = service.create(name, IndexRequest(type=IndexKind.IVF_FLAT, metric=Metric.IP, params={"nlist": 4}))
    assert (made.spec.kind, made.spec.metric, made.spec.params["nlist"]) == (IndexKind.IVF_FLAT, Metric.IP, 4)
    assert service.rebuild(name).spec.kind is IndexKind.IVF_FLAT
    assert CollectionService().describe(name).load_state is LoadState.LOADED


def test_rights_are_asked_in_the_service(make: Make, django_user_model: type) -> None:
    name = make()
    user = get_user_model().objects.create_user("reader")
    scope = Scope(actor=Actor.of(user))
    with pytest.raises(NotFound):
        CollectionService(scope).describe(name)
    assert name not in CollectionService(scope).names()
    give(user, "viewer", name)
    assert CollectionService(scope).names() == [name]
    with pytest.raises(PermissionDenied):
        VectorService(scope).insert(name, [{"id": "a", "vector": [0.0] * 8}])
    assert VectorService().count(name) == 0
