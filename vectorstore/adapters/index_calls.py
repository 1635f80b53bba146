"""Indexes on vector fields."""

import time

import orjson
from pymilvus.grpc_gen import common_pb2, milvus_pb2

from vectorstore.adapters.base import Calls
from vectorstore.adapters.retry_mechanism import CallKind
from vectorstore.adapters.schema_codec import key_values
from vectorstore.domain.errors import DeadlineExceeded, EngineFailed, NotFound
from vectorstore.domain.models import IndexKind, IndexSpec, IndexState, Metric

BUILD_DEADLINE_S = 60.0
_POLL_S = 0.1
_NOT_PARAMS = {"index_type", "metric_type", "params"}


class IndexCalls(Calls):
    def create_index(self, database: str, collection: str, spec: IndexSpec) -> None:
        """Ask for the index; Milvus builds it in the background (see ``wait_for_index``)."""
        request = milvus_pb2.CreateIndexRequest(
            db_name=database,
            collection_name=collection,
            field_name=spec.field,
            index_name=spec.field,
            extra_params=key_values(
                {
                    "index_type": spec.kind,
                    "metric_type": spec.metric,
                    "params": orjson.dumps(spec.params).decode(),
                }
            ),
        )
        self.rpc.call("CreateIndex", request, CallKind.DDL)

    def list_indexes(self, database: str, collection: str) -> list[IndexState]:
        """Every vector index with its state; scalar indexes and kinds we do not know are left out."""
        request = milvus_pb2.DescribeIndexRequest(db_name=database, collection_name=collection)
        try:
            answer = self.rpc.call("DescribeIndex", request, CallKind.DESCRIBE)
        except NotFound:
            return []
        return [state for item in answer.index_descriptions if (state := _decode(item)) is not None]

    def indexed_fields(self, database: str, collection: str) -> set[str]:
        """The fields with an index of any kind, scalar ones too."""
        try:
            return {field for _, field in self._index_names(database, collection)}
        except NotFound:
            return set()

    def wait_for_index(
        self, database: str, collection: str, field: str, deadline: float = BUILD_DEADLINE_S
    ) -> IndexState:
        """The state once the build has ended.

        Raises:
            DeadlineExceeded: still building after ``deadline`` seconds; Milvus goes on with it.
            EngineFailed: the build failed.
        """
        ends = time.monotonic() + deadline
        while True:
            state = next((item for item in self.list_indexes(database, collection) if item.spec.field == field), None)
            if state is None:
                raise NotFound("There is no such index.")
            if state.state == "Finished":
                return state
            if state.state == "Failed":
                raise EngineFailed(f"Milvus could not build the index on {field}; drop it and choose another kind.")
            if time.monotonic() > ends:
                raise DeadlineExceeded(
                    f"The index on {field} was not built after {deadline:.0f} s ({state.indexed_rows} of"
                    f" {state.total_rows} rows); Milvus goes on. If it stays so, drop it and choose another kind."
                )
            time.sleep(_POLL_S)

    def drop_index(self, database: str, collection: str, field: str) -> None:
        """Drop the index of ``field``; Milvus refuses while the collection is loaded."""
        name = next((n for n, f in self._index_names(database, collection) if f == field), None)
        if name is None:
            raise NotFound("There is no such index.")
        request = milvus_pb2.DropIndexRequest(
            db_name=database, collection_name=collection, field_name=field, index_name=name
        )
        self.rpc.call("DropIndex", request, CallKind.DDL)

    def _index_names(self, database: str, collection: str) -> list[tuple[str, str]]:
        request = milvus_pb2.DescribeIndexRequest(db_name=database, collection_name=collection)
        answer = self.rpc.call("DescribeIndex", request, CallKind.DESCRIBE)
        return [(item.index_name, item.field_name) for item in answer.index_descriptions]


def _decode(item: milvus_pb2.IndexDescription) -> IndexState | None:
    raw = {pair.key: pair.value for pair in item.params}
    params = {key: _number(value) for key, value in raw.items() if key not in _NOT_PARAMS}
    if raw.get("params"):
        params |= orjson.loads(raw["params"])
    try:
        kind = IndexKind(raw.get("index_type", "AUTOINDEX"))
        spec = IndexSpec(field=item.field_name, kind=kind, metric=Metric(raw["metric_type"]), params=params)
    except (KeyError, ValueError):
        return None
    return IndexState(
        spec=spec,
        state=common_pb2.IndexState.Name(item.state),
        indexed_rows=item.indexed_rows,
        total_rows=item.total_rows,
    )


def _number(text: str) -> int | float | str:
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text
