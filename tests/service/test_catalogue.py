"""What is remembered of collections stays true: between processes, after crashes, and when Redis is gone."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from tests.support.engines import RunningEngine, free_port
from tests.support.until import until
from vectorstore.config.settings import current
from vectorstore.domain.errors import AlreadyExists, Conflict, InvalidRequest, NotFound
from vectorstore.domain.models import Consistency, DataType, LoadState
from vectorstore.domain.requests import CollectionChanges, CollectionSpec, EmbeddingSpec, FieldSpec, IndexRequest
from vectorstore.models import CollectionRecord
from vectorstore.optimization.shared_state import shared_state
from vectorstore.service import CollectionService, IndexService, PartitionService, Scope, VectorService
from vectorstore.service import catalogue as catalogue_module
from vectorstore.service.catalogue import PENDING, KnownCollection, consistency_for, look_up
from vectorstore.service.engines import Engine, engine_of


@pytest.fixture
def collection(lite: RunningEngine, transactional_db: None) -> Iterator[str]:
    CollectionService().create(CollectionSpec(name="known", dimension=4, auto_id=True))
    yield "known"
    try:
        CollectionService().update("known", CollectionChanges(protected=False))
        CollectionService().drop("known")
    except NotFound:
        return


def test_a_change_by_another_process_is_seen_at_once(collection: str) -> None:
    look_up(Scope(), collection)
    adapter = engine_of().adapter
    adapter.drop_collection("default", collection)
    shared_state().catalogue_changed("default", "default")  # as the other process does
    with pytest.raises(NotFound):
        look_up(Scope(), collection)
    CollectionRecord.objects.all().delete()


def test_an_unchanged_catalogue_is_not_asked_for_again(collection: str) -> None:
    first, _ = look_up(Scope(), collection)
    assert look_up(Scope(), collection)[0] is first


def test_without_redis_nothing_is_remembered_and_everything_works(
    collection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = look_up(Scope(), collection)
    monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")
    current.cache_clear()
    known, state = look_up(Scope(), collection)
    assert known is not first
    assert state.catalogue is None
    ids = VectorService().insert(collection, [{"vector": [1, 2, 3, 4]}])
    assert VectorService().count(collection) == len(ids)


def test_without_redis_an_engine_with_timestamps_is_read_strongly(collection: str) -> None:
    import dataclasses

    known, state = look_up(Scope(), collection)
    stamped = dataclasses.replace(known.engine.capabilities, timestamps=True)
    known = dataclasses.replace(known, engine=dataclasses.replace(known.engine, capabilities=stamped))
    gone = dataclasses.replace(state, catalogue=None)
    assert consistency_for(None, known, gone) is Consistency.STRONG
    assert consistency_for(Consistency.EVENTUALLY, known, gone) is Consistency.EVENTUALLY
    assert consistency_for(None, known, dataclasses.replace(state, lost=False)) is Consistency.BOUNDED


def test_a_collection_whose_maker_crashed_keeps_what_was_recorded(collection: str) -> None:
    CollectionRecord.objects.filter(name=collection).update(engine_id=PENDING)
    shared_state().catalogue_changed("default", "default")
    assert look_up(Scope(), collection)[0].schema.auto_id


def test_a_name_left_by_a_crash_can_be_taken_later(lite: RunningEngine, transactional_db: None) -> None:
    CollectionRecord.objects.create(name="crashed", engine_id=PENDING)
    spec = CollectionSpec(name="crashed", dimension=4)
    with pytest.raises(AlreadyExists, match="being made"):
        CollectionService().create(spec)
    CollectionRecord.objects.update(created_at=timezone.now() - timedelta(minutes=5))
    assert CollectionService().create(spec).collection.name == "crashed"
    CollectionService().drop("crashed")


def test_a_namesake_made_elsewhere_does_not_inherit_the_old_settings(collection: str) -> None:
    CollectionRecord.objects.filter(name=collection).update(engine_id=12345)
    shared_state().catalogue_changed("default", "default")
    assert not look_up(Scope(), collection)[0].schema.auto_id
    assert CollectionRecord.objects.get(name=collection).adopted


def test_what_a_restart_of_the_engine_released_is_loaded_again(collection: str) -> None:
    engine_of().adapter.release_collection("default", collection)  # as Milvus Lite does when it starts
    assert VectorService().count(collection) == 0
    VectorService().insert(collection, [{"id": "a", "vector": [1, 2, 3, 4]}])
    assert CollectionService().describe(collection).load_state is LoadState.LOADED


def test_a_gone_record_can_be_forgotten_and_a_living_one_cannot(collection: str) -> None:
    with pytest.raises(Conflict):
        CollectionService().forget_gone(collection)
    engine_of().adapter.drop_collection("default", collection)
    CollectionService().forget_gone(collection)
    assert not CollectionRecord.objects.filter(name=collection).exists()


def test_changes_are_checked_and_kept(collection: str) -> None:
    service = CollectionService()
    view = service.update(collection, CollectionChanges(description="new", properties={"a": "1"}))
    assert view.collection.description == "new"
    assert view.generation == 2
    for bad in (
        CollectionChanges(description="a\0b"),
        CollectionChanges(properties={"a\0": "1"}),
        CollectionChanges(replicas=0),
        CollectionChanges(replicas=2),
        CollectionChanges(embedding=EmbeddingSpec(provider="x", source="text", field="nothing")),
    ):
        with pytest.raises(InvalidRequest):
            service.update(collection, bad)
    spec = EmbeddingSpec(provider="tfidf_svd", source="text", options={"model": "m"})
    assert service.update(collection, CollectionChanges(embedding=spec)).embedding == spec


def test_a_collection_without_an_index_cannot_be_loaded(collection: str) -> None:
    IndexService().drop(collection)
    with pytest.raises(Conflict, match="no index"):
        CollectionService().load(collection)
    with pytest.raises(NotFound):
        IndexService().drop(collection)
    with pytest.raises(NotFound):
        IndexService().rebuild(collection)
    IndexService().create(collection, IndexRequest())
    assert IndexService().get(collection, "vector").state == "Finished"


def test_partitions_of_a_partition_key_are_milvus_s_own(lite: RunningEngine, transactional_db: None) -> None:
    fields = [
        FieldSpec(name="id", type=DataType.INT64, primary=True),
        FieldSpec(name="vector", type=DataType.FLOAT_VECTOR, dimension=4),
        FieldSpec(name="tenant", type=DataType.VARCHAR, max_length=32, partition_key=True),
    ]
    CollectionService().create(CollectionSpec(name="keyed", fields=fields))
    with pytest.raises(Conflict):
        PartitionService().create("keyed", "mine")
    row = {"id": 1, "vector": [1, 2, 3, 4], "tenant": "a"}
    with pytest.raises(InvalidRequest, match="partition key"):
        VectorService().insert("keyed", [row], partition="_default")
    assert VectorService().insert("keyed", [row]) == [1]
    CollectionService().drop("keyed")


def test_partitions_have_names_of_their_own(collection: str) -> None:
    service = PartitionService()
    service.create(collection, "p1")
    with pytest.raises(AlreadyExists):
        service.create(collection, "p1")
    with pytest.raises(InvalidRequest):
        service.create(collection, "bad name")
    with pytest.raises(Conflict):
        service.drop(collection, "_default")
    with pytest.raises(NotFound):
        service.drop(collection, "p2")


def test_it_is_read_once_for_all_who_came_before_that_began(collection: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read, began, go_on = catalogue_module._load, [], threading.Event()

    def slow(scope: Scope, engine: Engine, name: str) -> KnownCollection:
        began.append(name)
        assert go_on.wait(20)
        return read(scope, engine, name)

    def looked_up() -> KnownCollection:
        try:
            return look_up(Scope(), collection)[0]
        finally:
            connections.close_all()

    monkeypatch.setattr(catalogue_module, "_load", slow)
    catalogue_module._remembered.clear()
    key = (id(engine_of().adapter), "default", "default", collection)
    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(looked_up)
        until(lambda: len(began) == 1)
        others = [pool.submit(looked_up) for _ in range(8)]
        until(lambda: len(catalogue_module._loads.waiting(key)) == 8)
        go_on.set()
        found = {id(other.result()) for other in others}
    assert began == [collection] * 2
    assert len(found) == 1
    assert id(first.result()) not in found


def test_the_memory_is_bounded(collection: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue_module, "_MOST_REMEMBERED", 1)
    look_up(Scope(), collection)
    shared_state().catalogue_changed("default", "default")
    look_up(Scope(), collection)
    assert len(catalogue_module._remembered) == 1
