"""Collections: made, changed, dropped; ``collection_reads`` has the rest."""

from collections.abc import Sequence

from vectorstore.config.settings import current
from vectorstore.domain.collection import Collection
from vectorstore.domain.errors import AlreadyExists, Conflict, InvalidRequest, Protected, VectorStoreError
from vectorstore.domain.models import IndexSpec, LoadState
from vectorstore.domain.requests import CollectionChanges, CollectionSpec
from vectorstore.models import CollectionRecord
from vectorstore.optimization.shared_state import shared_state
from vectorstore.service import dropping, records, row_calls
from vectorstore.service.catalogue import KnownCollection, forget
from vectorstore.service.collection_reads import CollectionReads
from vectorstore.service.collection_spec import read_spec, require_name, require_replicas
from vectorstore.service.definitions import changed
from vectorstore.service.embedding_rules import check_embedding
from vectorstore.service.engines import engine_of
from vectorstore.service.plain_text import refuse_nul
from vectorstore.service.representations import CollectionView
from vectorstore.service.write_path import cleared, journalled, writing

_LONGEST_TTL_S = 86_400


class CollectionService(CollectionReads):
    def create(self, spec: CollectionSpec) -> CollectionView:
        """Create, index and load a collection; what fails half-way is taken back.

        Raises:
            InvalidRequest, UnsupportedByEngine: the specification; Milvus was not called.
            AlreadyExists: the name is a collection's or an alias's.
        """
        refuse_nul(spec)
        with self.operation("collection.create", spec.name, spec):
            engine = engine_of(self.scope.cluster)
            collection, indexes = read_spec(spec, engine.capabilities)
            if spec.embedding is not None:
                check_embedding(spec.embedding, collection)
            if engine.adapter.has_collection(self.scope.database, collection.name):
                raise AlreadyExists(f"The name {collection.name!r} is taken by a collection or an alias.")
            replicas = spec.replicas or (current().milvus_replica_factor if engine.capabilities.replicas else 1)
            record = records.begin(self.scope, spec, collection, replicas)
            try:
                self._build(collection, indexes, replicas)
            except VectorStoreError:
                self._take_back(collection)
                record.delete()
                raise
            made = engine.adapter.describe_collection(self.scope.database, collection.name)
            records.finish(record, made, indexes, spec)
            return self._view(changed(self.scope, collection.name, born=True))

    def _build(self, collection: Collection, indexes: Sequence[IndexSpec], replicas: int) -> None:
        adapter = engine_of(self.scope.cluster).adapter
        adapter.create_collection(self.scope.database, collection)
        for index in indexes:
            adapter.create_index(self.scope.database, collection.name, index)
        adapter.load_collection(self.scope.database, collection.name, replicas)

    def _take_back(self, collection: Collection) -> None:
        try:
            engine_of(self.scope.cluster).adapter.drop_collection(self.scope.database, collection.name)
        except VectorStoreError:  # not made at all, or Milvus is gone: then it is adopted when it is back
            return

    def update(self, name: str, changes: CollectionChanges) -> CollectionView:
        """Change what ``changes`` names; None leaves a thing as it is."""
        refuse_nul(changes)
        with self.on_collection("collection.alter", name, changes) as act:
            known = act.known
            adapter, canonical = known.engine.adapter, known.schema.name
            if changes.replicas is not None:
                require_replicas(changes.replicas, known.engine.capabilities)
            if changes.embedding is not None:
                check_embedding(changes.embedding, known.schema)
            if changes.cache_ttl_s is not None and not 0 <= changes.cache_ttl_s <= _LONGEST_TTL_S:
                raise InvalidRequest.at("/cache_ttl_s", f"cache_ttl_s is a whole number from 0 to {_LONGEST_TTL_S}")
            if changes.properties:
                keep = {key: value for key, value in changes.properties.items() if value is not None}
                gone = tuple(key for key, value in changes.properties.items() if value is None)
                adapter.alter_collection(self.scope.database, canonical, keep, gone)
            if changes.replicas is not None:
                loaded = adapter.load_state(self.scope.database, canonical)[0] is LoadState.LOADED
                if loaded and known.engine.capabilities.replicas:
                    adapter.release_collection(self.scope.database, canonical)
                    adapter.load_collection(self.scope.database, canonical, changes.replicas)
            records.change(known.record_id, changes)
            return self._view(changed(self.scope, canonical))

    def drop(self, name: str, confirm: str | None = None) -> None:
        """Drop a collection with all its rows. A protected one is kept for some days under another name.

        Raises:
            Protected: it is protected and ``confirm`` is not its name.
            Conflict: aliases point to it.
        """
        with self.on_collection("collection.drop", name) as act:
            known = act.known
            if known.aliases:
                raise Conflict(f"Aliases point to {known.schema.name}: {', '.join(known.aliases)}; remove them first.")
            protected = CollectionRecord.objects.filter(pk=known.record_id, protected=True).exists()
            if protected and confirm != known.schema.name:
                raise Protected(
                    f"The collection {known.schema.name} is protected; to drop it, give its name as confirm. It is then"
                    f" kept for {current().dropped_days} days under another name."
                )
            dropping.set_aside(self.scope, known) if protected else dropping.drop(self.scope, known)

    def forget_gone(self, name: str) -> None:
        """Remove the record of a collection that was dropped elsewhere.

        Raises:
            Conflict: Milvus still has it.
        """
        with self.operation("collection.drop", name):
            if engine_of(self.scope.cluster).adapter.has_collection(self.scope.database, name):
                raise Conflict(f"Milvus still has the collection {name}; drop it instead.")
            where = {"cluster": self.scope.cluster, "database": self.scope.database, "name": name}
            CollectionRecord.objects.filter(**where).delete()
            forget(self.scope)

    def _unprotected(self, known: KnownCollection) -> KnownCollection:
        if CollectionRecord.objects.filter(pk=known.record_id, protected=True).exists():
            raise Protected(f"The collection {known.schema.name} is protected; take its protection off first.")
        return known

    def load(self, name: str) -> CollectionView:
        """Load into memory with the replicas on record and wait until it is searchable."""
        with self.on_collection("collection.load", name) as act:
            known = act.known
            if not known.indexes:
                raise Conflict(f"The collection {known.schema.name} has no index; create one before loading it.")
            known.engine.adapter.load_collection(self.scope.database, known.schema.name, self._replicas(known))
            CollectionRecord.objects.filter(pk=known.record_id).update(loaded=True)
            return self._view(changed(self.scope, known.schema.name))

    def _replicas(self, known: KnownCollection) -> int:
        return CollectionRecord.objects.values_list("replicas", flat=True).get(pk=known.record_id)

    def release(self, name: str) -> CollectionView:
        """Release from memory; searches answer 409 until it is loaded again."""
        with self.on_collection("collection.load", name) as act:
            known = act.known
            CollectionRecord.objects.filter(pk=known.record_id).update(loaded=False)
            known.engine.adapter.release_collection(self.scope.database, known.schema.name)
            return self._view(changed(self.scope, known.schema.name))

    def flush(self, name: str) -> CollectionView:
        """Seal growing segments and write them to storage."""
        with self.on_collection("collection.alter", name) as act:
            known = act.known
            known.engine.adapter.flush(self.scope.database, known.schema.name)
            return self._view(known)

    def compact(self, name: str) -> CollectionView:
        """Start a compaction; it goes on in Milvus."""
        with self.on_collection("collection.alter", name) as act:
            known = act.known
            known.engine.adapter.compact(self.scope.database, known.schema.name)
            return self._view(known)

    def rename(self, name: str, new_name: str) -> CollectionView:
        """Give a collection another name; its aliases stay. The right is needed on both names."""
        require_name(new_name, "/new_name")
        with self.on_collection("collection.alter", name) as act:
            known = act.known
            self.require("collection.alter", new_name)
            act.parameters = {"new_name": new_name}
            adapter = known.engine.adapter
            if adapter.has_collection(self.scope.database, new_name):
                raise AlreadyExists(f"The name {new_name!r} is taken by a collection or an alias.")
            loaded = adapter.load_state(self.scope.database, known.schema.name)[0] is LoadState.LOADED
            with writing(self.scope, known, None):
                adapter.rename_collection(self.scope.database, known.schema.name, new_name)
                records.rename(known.record_id, new_name)
                forget(self.scope)
                shared_state().wrote(self.scope.address(new_name), adapter.now())  # its writes go by the old name
                if loaded:  # Milvus Lite releases what it renames
                    adapter.load_collection(self.scope.database, new_name, self._replicas(known))
                return self._view(changed(self.scope, new_name))

    def truncate(self, name: str) -> CollectionView:
        """Delete every row and keep the schema, the indexes and the aliases."""
        with self.on_collection("collection.drop", name) as act:
            known = self._unprotected(act.known)
            with writing(self.scope, known, None) as (known, _), journalled(known, cleared(known, None, "truncate")):
                row_calls.truncate(self.scope, known)
            return self._view(known)

    def purge_cache(self, name: str) -> None:
        """No search of the collection gets an answer that was kept until now."""
        with self.on_collection("collection.alter", name) as act:
            shared_state().purge(self.scope.address(act.known.schema.name))
