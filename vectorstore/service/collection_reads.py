"""Collections as they are: listed, described, counted."""

from collections.abc import Sequence

from vectorstore.adapters.read_calls import RowQuery
from vectorstore.config.collection_config import SCRATCH_PREFIX
from vectorstore.domain.errors import NotFound, NotLoaded
from vectorstore.domain.models import Consistency, LoadState
from vectorstore.models import CollectionRecord
from vectorstore.optimization import cache_counts
from vectorstore.optimization.shared_state import shared_state
from vectorstore.service.catalogue import KnownCollection, consistency_for, forget, look_up
from vectorstore.service.engines import engine_of
from vectorstore.service.expressions import where
from vectorstore.service.operation import Service
from vectorstore.service.representations import CollectionStats, CollectionView


class CollectionReads(Service):
    """What ``CollectionService`` has beside the changes."""

    def names(self, search: str = "") -> Sequence[str]:
        """Names of the collections that the caller may know of, sorted; with ``search``, those that contain it."""
        rights, scope = self.rights, self.scope
        with self.listing("collection.view") as act:
            found = [
                name
                for name in engine_of(scope.cluster).adapter.list_collections(scope.database)
                if search.lower() in name.lower()
                and not name.startswith(SCRATCH_PREFIX)
                and rights.decide("collection.view", scope.cluster, scope.database, name).allowed
            ]
            act.rows = len(found)
            return found

    def list(self) -> Sequence[CollectionView]:
        """All collections with their live state; those made elsewhere are adopted."""
        found = []
        for name in self.names():
            try:
                found.append(self.listed(name))
            except NotFound:  # dropped meanwhile
                continue
        return found

    def describe(self, name: str) -> CollectionView:
        """One collection (or what an alias points to) with its live state."""
        with self.on_collection("collection.view", name) as act:
            return self._view(act.known)

    def listed(self, name: str) -> CollectionView:
        """One collection of ``names``, as ``describe`` gives it; the list is what is recorded."""
        self.require("collection.view", name)
        return self._view(self.glance("collection.view", name))

    def _view(self, known: KnownCollection) -> CollectionView:
        """What is shown of it, within what the caller may see."""
        record = self._record(known)
        adapter, schema = known.engine.adapter, known.visible
        load_state, progress = adapter.load_state(self.scope.database, schema.name)
        indexes = adapter.list_indexes(self.scope.database, schema.name)
        return CollectionView(
            collection=schema,
            indexes=known.visible_indexes(indexes),
            load_state=load_state,
            load_progress=progress,
            replicas=record.replicas,
            row_count=self._rows(known) if load_state is LoadState.LOADED else None,
            protected=record.protected,
            owner=record.owner.get_username() if record.owner else None,
            created_at=record.created_at,
            generation=record.generation,
            aliases=sorted(known.aliases),
            partitions=adapter.list_partitions(self.scope.database, schema.name),
            embedding=known.embedding,
            cache_enabled=record.cache_enabled,
            cache_ttl_s=record.cache_ttl_s,
        )

    def _record(self, known: KnownCollection) -> CollectionRecord:
        """Its record; one that was deleted is made again."""
        for _ in range(2):
            record = CollectionRecord.objects.select_related("owner").filter(pk=known.record_id).first()
            if record is not None:
                return record
            forget(self.scope)
            known, _state = look_up(self.scope, known.schema.name)
        raise NotFound(f"There is no collection {known.schema.name!r}.")

    def _rows(self, known: KnownCollection) -> int | None:
        address = self.scope.address(known.schema.name)
        state = shared_state().read(address)
        query = RowQuery(
            **where(known),
            output_fields=[],
            consistency=consistency_for(Consistency.BOUNDED, known, state),
            after=state.written,
        )
        try:
            return known.engine.adapter.count(self.scope.database, known.schema, query)
        except NotLoaded:
            return None

    def stats(self, name: str) -> CollectionStats:
        """Row count (``count(*)``, so deleted rows are gone from it), memory and segments."""
        with self.on_collection("collection.view", name) as act:
            known = act.known
            adapter, canonical = known.engine.adapter, known.schema.name
            loaded = adapter.load_state(self.scope.database, canonical)[0] is LoadState.LOADED
            rows = self._rows(known) if loaded else None
            if not known.is_whole:  # what the engine counts by itself counts the rows of others too
                return CollectionStats(row_count=rows, stored_rows=None, size_bytes=None, segments=[], cache=None)
            segments = adapter.segments(self.scope.database, canonical) if known.engine.capabilities.segments else []
            sizes = [item.memory_bytes for item in segments if item.memory_bytes is not None]
            return CollectionStats(
                row_count=rows,
                stored_rows=adapter.stored_rows(self.scope.database, canonical),
                size_bytes=sum(sizes) if sizes else None,
                segments=segments,
                cache=cache_counts.counts(self.scope.address(canonical)),
            )
