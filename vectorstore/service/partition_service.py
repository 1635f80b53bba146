"""Partitions of a collection."""

from collections.abc import Sequence

from vectorstore.adapters.read_calls import RowQuery
from vectorstore.domain.arrow import DEFAULT_PARTITION
from vectorstore.domain.errors import AlreadyExists, Conflict, NotFound
from vectorstore.domain.models import LoadState
from vectorstore.service import row_calls
from vectorstore.service.catalogue import KnownCollection, consistency_for
from vectorstore.service.collection_spec import require_name
from vectorstore.service.definitions import changed
from vectorstore.service.expressions import where
from vectorstore.service.operation import Service
from vectorstore.service.representations import PartitionView
from vectorstore.service.write_path import cleared, journalled, writing


class PartitionService(Service):
    def list(self, collection_name: str) -> Sequence[PartitionView]:
        """Partitions with their exact row counts (None while the collection is not loaded)."""
        with self.on_collection("partition.view", collection_name) as act:
            known, state = act.known, act.state
            adapter, schema = known.engine.adapter, known.schema
            loaded = adapter.load_state(self.scope.database, schema.name)[0] is LoadState.LOADED
            found = []
            for name in adapter.list_partitions(self.scope.database, schema.name):
                query = RowQuery(
                    **where(known),
                    output_fields=[],
                    partitions=[name],
                    consistency=consistency_for(None, known, state),
                    after=state.written,
                )
                rows = adapter.count(self.scope.database, schema, query) if loaded else None
                found.append(PartitionView(name=name, row_count=rows))
            return found

    def create(self, collection_name: str, partition: str) -> PartitionView:
        """Make a partition and load it where the collection is loaded."""
        require_name(partition)
        with self.on_collection("partition.create", collection_name) as act:
            known = self._manual(act.known)
            act.parameters = {"partition": partition}
            adapter, name = known.engine.adapter, known.schema.name
            if partition in adapter.list_partitions(self.scope.database, name):
                raise AlreadyExists(f"The collection {name} has a partition {partition!r} already.")
            with writing(self.scope, known, None):  # the journal tells of it before anybody writes into it
                row_calls.keep_deleted(self.scope, known)
                adapter.create_partition(self.scope.database, name, partition)
                loaded = adapter.load_state(self.scope.database, name)[0] is LoadState.LOADED
                if loaded:
                    adapter.load_partition(self.scope.database, name, partition)
                changed(self.scope, name)
            return PartitionView(name=partition, row_count=0 if loaded else None)

    def _manual(self, known: KnownCollection) -> KnownCollection:
        if any(field.partition_key for field in known.schema.fields):
            raise Conflict("The collection has a partition key: Milvus makes and chooses its partitions.")
        return known

    def drop(self, collection_name: str, partition: str) -> None:
        """Drop a partition with its rows.

        Raises:
            Conflict: the default partition cannot be dropped.
        """
        with self.on_collection("partition.drop", collection_name) as act:
            known = self._manual(act.known)
            act.parameters = {"partition": partition[:255]}
            adapter, name = known.engine.adapter, known.schema.name
            if partition == DEFAULT_PARTITION:
                raise Conflict("The default partition cannot be dropped.")
            if partition not in adapter.list_partitions(self.scope.database, name):
                raise NotFound(f"The collection {name} has no partition {partition[:255]!r}.")
            with writing(self.scope, known, None):
                with journalled(known, cleared(known, partition, "partition.drop")):
                    if adapter.load_state(self.scope.database, name)[0] is LoadState.LOADED:
                        adapter.release_partition(self.scope.database, name, partition)
                    adapter.drop_partition(self.scope.database, name, partition)
                changed(self.scope, name)
