"""Writes of rows."""

from pymilvus.grpc_gen import milvus_pb2

from vectorstore.adapters.base import Calls
from vectorstore.adapters.columnar_codec import encode_batch
from vectorstore.adapters.retry_mechanism import CallKind
from vectorstore.domain.batch import Batch
from vectorstore.domain.collection import Collection
from vectorstore.domain.errors import EngineUnavailable, OutcomeUnknown, Overloaded, VectorStoreError
from vectorstore.domain.models import RowId


class WriteCalls(Calls):
    def insert(
        self, database: str, collection: Collection, batch: Batch, partition: str = ""
    ) -> tuple[list[RowId], int]:
        """Write new rows; returns their ids and the engine's timestamp of the write (0 where it has none).

        The ids are known beforehand, so a write without an answer is repeated as one that replaces. Where the
        engine makes the ids (a foreign collection) it is not repeated.
        """
        request = milvus_pb2.InsertRequest(
            db_name=database,
            collection_name=collection.name,
            partition_name=partition,
            fields_data=encode_batch(batch, collection),
            num_rows=batch.size,
        )
        with self.exclusive(database, collection.name):
            try:
                answer = self.rpc.call("Insert", request, CallKind.WRITE_ONCE)
            except (OutcomeUnknown, EngineUnavailable) as first:
                if collection.engine_ids:
                    raise
                return batch.ids, self._replace_after(first, request)
        if collection.engine_ids:
            return list(answer.IDs.int_id.data) or list(answer.IDs.str_id.data), self._stamp(answer)
        return batch.ids, self._stamp(answer)

    def upsert(self, database: str, collection: Collection, batch: Batch, partition: str = "") -> int:
        """Write rows, replacing those with the same id as a whole; returns the engine's timestamp."""
        request = milvus_pb2.InsertRequest(
            db_name=database,
            collection_name=collection.name,
            partition_name=partition,
            fields_data=encode_batch(batch, collection),
            num_rows=batch.size,
        )
        with self.exclusive(database, collection.name):
            return self._replace(request)

    def _replace_after(self, first: VectorStoreError, request: milvus_pb2.InsertRequest) -> int:
        """What may have been applied is not known to be refused because a repeat was not sent."""
        try:
            return self._replace(request)
        except (EngineUnavailable, Overloaded):
            if isinstance(first, OutcomeUnknown):
                raise first from None
            raise

    def _replace(self, request: milvus_pb2.InsertRequest) -> int:
        if self.insert_replaces:  # there an upsert would keep old dynamic fields
            return self._stamp(self.rpc.call("Insert", request, CallKind.WRITE))
        upsert = milvus_pb2.UpsertRequest(
            db_name=request.db_name,
            collection_name=request.collection_name,
            partition_name=request.partition_name,
            fields_data=request.fields_data,
            num_rows=request.num_rows,
        )
        return self._stamp(self.rpc.call("Upsert", upsert, CallKind.WRITE))

    def delete(
        self, database: str, collection: Collection, expression: str, *, by_id: bool, partition: str = ""
    ) -> int:
        """Delete the rows that match, of one partition where it is named; returns the engine's timestamp.

        Repeated on failure only ``by_id``. On Milvus Lite a partition is no limit: there it must not be named.
        """
        request = milvus_pb2.DeleteRequest(
            db_name=database, collection_name=collection.name, partition_name=partition, expr=expression
        )
        with self.exclusive(database, collection.name):
            kind = CallKind.WRITE if by_id else CallKind.WRITE_ONCE
            return self._stamp(self.rpc.call("Delete", request, kind))

    def _stamp(self, answer: milvus_pb2.MutationResult) -> int:
        """When the write happened; Milvus 2.3 does not say so of a delete, so the time after it stands for it."""
        if answer.timestamp or not self.timestamps:
            return int(answer.timestamp)
        return self.now()

    def now(self) -> int:
        """The engine's clock, as its writes are stamped; 0 where it has none."""
        if not self.timestamps:
            return 0
        return int(self.rpc.call("AllocTimestamp", milvus_pb2.AllocTimestampRequest(), CallKind.DESCRIBE).timestamp)
