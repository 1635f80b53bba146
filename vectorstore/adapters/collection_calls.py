"""Collections: create, describe, change, load and release, flush, compact, statistics."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pymilvus.grpc_gen import common_pb2, milvus_pb2

from vectorstore.adapters.base import Calls
from vectorstore.adapters.retry_mechanism import CallKind
from vectorstore.adapters.schema_codec import (
    CONSISTENCY_NUMBERS,
    decode_collection,
    encode_field,
    encode_schema,
    key_values,
)
from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.errors import (
    DeadlineExceeded,
    EngineFailed,
    NotFound,
    NotLoaded,
    UnsupportedByEngine,
    VectorStoreError,
)
from vectorstore.domain.models import LoadState

LOAD_DEADLINE_S = 60.0
_POLL_S = 0.05

_LOAD_STATES = {
    common_pb2.LoadStateLoaded: LoadState.LOADED,
    common_pb2.LoadStateLoading: LoadState.LOADING,
    common_pb2.LoadStateNotLoad: LoadState.NOT_LOADED,
}


@dataclass(frozen=True, slots=True)
class EngineCollection:
    """A collection as the engine knows it. ``engine_id`` changes when it is dropped and made again."""

    schema: Collection
    engine_id: int


@dataclass(frozen=True, slots=True)
class SegmentInfo:
    """One segment; ``state`` by Milvus's names, ``rows`` as the engine counts them (deleted ones included)."""

    id: int
    rows: int
    state: str
    memory_bytes: int | None = None
    index: str = ""


@dataclass(frozen=True, slots=True)
class ReplicaInfo:
    id: int
    resource_group: str
    node_ids: tuple[int, ...]


class CollectionCalls(Calls):
    def list_collections(self, database: str) -> list[str]:
        """Names of all collections of ``database``, sorted."""
        request = milvus_pb2.ShowCollectionsRequest(db_name=database)
        return sorted(self.rpc.call("ShowCollections", request, CallKind.DESCRIBE).collection_names)

    def create_collection(self, database: str, collection: Collection) -> None:
        request = milvus_pb2.CreateCollectionRequest(
            db_name=database,
            collection_name=collection.name,
            schema=encode_schema(collection),
            shards_num=collection.shards,
            consistency_level=CONSISTENCY_NUMBERS[collection.consistency],
            properties=key_values(dict(collection.properties)),
        )
        self.rpc.call("CreateCollection", request, CallKind.DDL)

    def describe_collection(self, database: str, name: str) -> EngineCollection:
        """Schema and identity of a collection or of what an alias points to.

        Raises:
            NotFound: there is none.
            UnsupportedByEngine: it has a field of a type that this product does not know.
        """
        request = milvus_pb2.DescribeCollectionRequest(db_name=database, collection_name=name)
        answer = self.rpc.call("DescribeCollection", request, CallKind.DESCRIBE)
        schema = decode_collection(answer)
        if schema is None:
            raise UnsupportedByEngine(f"The collection {name} has a field of a type that Vectorstore does not know.")
        return EngineCollection(schema=schema, engine_id=answer.collectionID)

    def has_collection(self, database: str, name: str) -> bool:
        try:
            self.rpc.call(
                "DescribeCollection",
                milvus_pb2.DescribeCollectionRequest(db_name=database, collection_name=name),
                CallKind.DESCRIBE,
            )
        except NotFound:
            return False
        return True

    def drop_collection(self, database: str, name: str) -> None:
        request = milvus_pb2.DropCollectionRequest(db_name=database, collection_name=name)
        with self.rpc.alone(database, name):
            self.rpc.call("DropCollection", request, CallKind.DDL, alone=True)

    def rename_collection(self, database: str, name: str, new_name: str) -> None:
        request = milvus_pb2.RenameCollectionRequest(db_name=database, oldName=name, newName=new_name)
        with self.rpc.alone(database, name, new_name):
            self.rpc.call("RenameCollection", request, CallKind.WRITE_ONCE)
            if self.rpc.gate:  # opened by one, so that what waits does not open it twice
                opened = milvus_pb2.DescribeCollectionRequest(db_name=database, collection_name=new_name)
                self.rpc.call("DescribeCollection", opened, CallKind.DESCRIBE, alone=True)

    def alter_collection(self, database: str, name: str, properties: dict[str, str], remove: tuple[str, ...]) -> None:
        """Set some properties and remove others."""
        if properties:
            request = milvus_pb2.AlterCollectionRequest(
                db_name=database, collection_name=name, properties=key_values(dict(properties))
            )
            self.rpc.call("AlterCollection", request, CallKind.DDL)
        if remove:
            request = milvus_pb2.AlterCollectionRequest(db_name=database, collection_name=name, delete_keys=remove)
            self.rpc.call("AlterCollection", request, CallKind.DDL)

    def add_field(self, database: str, name: str, field: Field) -> None:
        """Add a nullable field to an existing collection."""
        request = milvus_pb2.AddCollectionFieldRequest(
            db_name=database, collection_name=name, schema=encode_field(field).SerializeToString()
        )
        self.rpc.call("AddCollectionField", request, CallKind.DDL)

    def truncate_collection(self, database: str, name: str) -> None:
        request = milvus_pb2.TruncateCollectionRequest(db_name=database, collection_name=name)
        self.rpc.call("TruncateCollection", request, CallKind.DDL)

    def load_state(self, database: str, name: str) -> tuple[LoadState, int]:
        """State and progress in percent."""
        request = milvus_pb2.GetLoadStateRequest(db_name=database, collection_name=name)
        state = self.rpc.call("GetLoadState", request, CallKind.DESCRIBE).state
        if state == common_pb2.LoadStateNotExist:
            raise NotFound("There is no such collection.")
        known = _LOAD_STATES[state]
        if known is not LoadState.LOADING:
            return known, 100 if known is LoadState.LOADED else 0
        progress = milvus_pb2.GetLoadingProgressRequest(db_name=database, collection_name=name)
        return known, int(self.rpc.call("GetLoadingProgress", progress, CallKind.DESCRIBE).progress)

    def load_states(self, database: str) -> dict[str, tuple[LoadState, int]]:
        """State and progress, by name, of every collection that is loaded or is being loaded, in one call."""
        request = milvus_pb2.ShowCollectionsRequest(db_name=database, type=milvus_pb2.InMemory)
        answer = self.rpc.call("ShowCollections", request, CallKind.DESCRIBE)
        return {
            name: (LoadState.LOADED if percent >= 100 else LoadState.LOADING, int(percent))
            for name, percent in zip(answer.collection_names, answer.inMemory_percentages, strict=True)
            if percent or not self.single_writer  # Milvus Lite names those that are not loaded too
        }

    def load_collection(self, database: str, name: str, replicas: int = 1, deadline: float = LOAD_DEADLINE_S) -> None:
        """Load into memory and wait until it is searchable; ``deadline`` in seconds.

        Raises:
            DeadlineExceeded: still loading then; it goes on in Milvus.
        """
        ends = time.monotonic() + deadline
        self.start_loading(database, name, replicas, deadline)
        while self.load_state(database, name)[0] is not LoadState.LOADED:
            if time.monotonic() > ends:
                raise DeadlineExceeded(
                    f"The collection was not loaded after {deadline:.0f} s; Milvus goes on loading. Look at its load"
                    " state later; if it stays, check that Milvus has memory for it and that its index is built."
                )
            time.sleep(_POLL_S)

    def start_loading(self, database: str, name: str, replicas: int = 1, deadline: float = LOAD_DEADLINE_S) -> None:
        """Have it loaded into memory; Milvus goes on by itself."""
        request = milvus_pb2.LoadCollectionRequest(db_name=database, collection_name=name, replica_number=replicas)
        self.rpc.call("LoadCollection", request, CallKind.DDL, timeout=deadline)

    def reload_forgotten(self, database: str, name: str) -> bool:
        """Load what a restart of Milvus Lite has released; False where nothing says that it should be loaded."""
        if self.wants_loaded is None or not self.wants_loaded(database, name):
            return False
        if self.load_state(database, name)[0] is LoadState.NOT_LOADED:
            self.load_collection(database, name)
        return True

    def read(self, database: str, name: str, call: Callable[[], Any]) -> Any:
        """``call``, a read of the collection, once more where it only seemed to be released or gone."""
        try:
            return call()
        except NotLoaded:
            if not self.reload_forgotten(database, name):
                raise
        except NotFound:
            if self.exchanged is None or not self.exchanged(database, name):
                raise
        return call()

    def release_collection(self, database: str, name: str) -> None:
        request = milvus_pb2.ReleaseCollectionRequest(db_name=database, collection_name=name)
        self.rpc.call("ReleaseCollection", request, CallKind.DDL)

    def flush(self, database: str, name: str, deadline: float = LOAD_DEADLINE_S) -> None:
        """Seal growing segments and wait until they are on storage; ``deadline`` in seconds."""
        ends = time.monotonic() + deadline
        request = milvus_pb2.FlushRequest(db_name=database, collection_names=[name])
        with self.exclusive(database, name):
            answer = self.rpc.call("Flush", request, CallKind.DDL, timeout=deadline)
        segments = list(answer.coll_segIDs[name].data)
        flush_ts = answer.coll_flush_ts.get(name, 0)
        while segments:
            state = milvus_pb2.GetFlushStateRequest(
                segmentIDs=segments, flush_ts=flush_ts, db_name=database, collection_name=name
            )
            if self.rpc.call("GetFlushState", state, CallKind.DESCRIBE).flushed:
                return
            if time.monotonic() > ends:
                raise DeadlineExceeded(f"The flush did not end within {deadline:.0f} s; Milvus goes on with it.")
            time.sleep(_POLL_S)

    def compact(self, database: str, name: str) -> int:
        """Start a compaction and return its id."""
        identity = self.describe_collection(database, name).engine_id
        request = milvus_pb2.ManualCompactionRequest(db_name=database, collection_name=name, collectionID=identity)
        return int(self.rpc.call("ManualCompaction", request, CallKind.DDL).compactionID)

    def stored_rows(self, database: str, name: str) -> int:
        """Rows by the engine's statistics, which lag behind and may count deleted rows."""
        request = milvus_pb2.GetCollectionStatisticsRequest(db_name=database, collection_name=name)
        stats = {
            pair.key: pair.value for pair in self.rpc.call("GetCollectionStatistics", request, CallKind.READ).stats
        }
        return int(stats.get("row_count", 0))

    def segments(self, database: str, name: str) -> list[SegmentInfo]:
        """Persistent segments with the memory of those that are loaded."""
        persistent = self.rpc.call(
            "GetPersistentSegmentInfo",
            milvus_pb2.GetPersistentSegmentInfoRequest(dbName=database, collectionName=name),
            CallKind.READ,
        ).infos
        try:
            loaded = {
                info.segmentID: info
                for info in self.rpc.call(
                    "GetQuerySegmentInfo",
                    milvus_pb2.GetQuerySegmentInfoRequest(dbName=database, collectionName=name),
                    CallKind.READ,
                ).infos
            }
        except EngineFailed:  # Milvus fails here while the collection is not loaded
            loaded = {}
        found = []
        for info in persistent:
            live = loaded.pop(info.segmentID, None)
            found.append(_segment(info, live))
        return found + [_segment(info, info) for info in loaded.values()]

    def replicas(self, database: str, name: str) -> list[ReplicaInfo]:
        """In-memory replicas of a loaded collection; empty where it is not loaded."""
        identity = self.describe_collection(database, name).engine_id
        request = milvus_pb2.GetReplicasRequest(db_name=database, collection_name=name, collectionID=identity)
        try:
            answer = self.rpc.call("GetReplicas", request, CallKind.DESCRIBE)
        except UnsupportedByEngine:
            raise
        except VectorStoreError:
            return []
        return [
            ReplicaInfo(id=item.replicaID, resource_group=item.resource_group_name, node_ids=tuple(item.node_ids))
            for item in answer.replicas
        ]


def _segment(info: milvus_pb2.PersistentSegmentInfo, live: milvus_pb2.QuerySegmentInfo | None) -> SegmentInfo:
    return SegmentInfo(
        id=info.segmentID,
        rows=info.num_rows,
        state=common_pb2.SegmentState.Name(info.state),
        memory_bytes=live.mem_size if live is not None else None,
        index=live.index_name if live is not None else "",
    )
