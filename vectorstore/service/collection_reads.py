"""Collections as they are: listed, described, counted."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from django.db import connections

from vectorstore.adapters.read_calls import RowQuery
from vectorstore.config.collection_config import SCRATCH_PREFIX
from vectorstore.domain.errors import EngineUnavailable, NotFound, NotLoaded, PermissionDenied, VectorStoreError
from vectorstore.domain.models import Consistency, IndexState, LoadState
from vectorstore.models import CollectionRecord
from vectorstore.optimization import cache_counts
from vectorstore.optimization.shared_state import shared_state
from vectorstore.service.catalogue import KnownCollection, consistency_for, forget, look_up
from vectorstore.service.engines import engine_of
from vectorstore.service.expressions import where
from vectorstore.service.operation import Service
from vectorstore.service.representations import CollectionStats, CollectionView

_AT_ONCE = 8
"""Questions to Milvus about the collections of a list; more gain nothing on a few cores."""


@dataclass(frozen=True, slots=True)
class _Live:
    """What Milvus says of a collection."""

    load_state: LoadState
    load_progress: int
    indexes: list[IndexState]
    partitions: Sequence[str]
    rows: int | None


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
        found = self.listed(self.names()).values()
        for item in found:
            if isinstance(item, VectorStoreError):
                raise item
        return [item for item in found if isinstance(item, CollectionView)]

    def describe(self, name: str) -> CollectionView:
        """One collection (or what an alias points to) with its live state."""
        with self.on_collection("collection.view", name) as act:
            return self._view(act.known)

    def listed(self, names: Sequence[str]) -> dict[str, CollectionView | VectorStoreError]:
        """Collections of ``names``, as ``describe`` gives them, or why one of them cannot be shown; the list is what is
        recorded.

        Those that are gone meanwhile, or may no longer be seen, are left out. Partitions are those that were there when
        the gateway last read the schema.

        Raises:
            EngineUnavailable: Milvus does not answer.
        """
        found: dict[str, CollectionView | VectorStoreError] = {}
        there: dict[str, KnownCollection] = {}
        for name in names:
            try:
                self.require("collection.view", name)
                there[name] = self.glance("collection.view", name)
            except (NotFound, PermissionDenied):
                continue
            except EngineUnavailable:
                raise
            except VectorStoreError as error:
                found[name] = error
        loaded = engine_of(self.scope.cluster).adapter.load_states(self.scope.database) if there else {}
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="listing") as pool:
            asked = {name: pool.submit(self._live, known, loaded) for name, known in there.items()}
        ids = [known.record_id for known in there.values()]
        records = CollectionRecord.objects.select_related("owner").in_bulk(ids)
        for name, known in there.items():
            try:
                record = records.get(known.record_id) or self._record(known)
                found[name] = self._shown(known, record, asked[name].result())
            except NotFound:
                continue
            except EngineUnavailable:
                raise
            except VectorStoreError as error:
                found[name] = error
        return {name: found[name] for name in names if name in found}

    def _live(self, known: KnownCollection, loaded: dict[str, tuple[LoadState, int]]) -> _Live:
        name = known.schema.name
        state, progress = loaded.get(name, (LoadState.NOT_LOADED, 0))
        try:
            indexes = known.engine.adapter.list_indexes(self.scope.database, name)
            rows = self._rows(known) if state is LoadState.LOADED else None
        finally:
            connections.close_all()  # of this thread, should it have needed the database
        return _Live(state, progress, indexes, known.partitions, rows)

    def _view(self, known: KnownCollection) -> CollectionView:
        """What is shown of it, within what the caller may see."""
        adapter, database, name = known.engine.adapter, self.scope.database, known.schema.name
        state, progress = adapter.load_state(database, name)
        rows = self._rows(known) if state is LoadState.LOADED else None
        indexes, partitions = adapter.list_indexes(database, name), adapter.list_partitions(database, name)
        return self._shown(known, self._record(known), _Live(state, progress, indexes, partitions, rows))

    def _shown(self, known: KnownCollection, record: CollectionRecord, live: _Live) -> CollectionView:
        return CollectionView(
            collection=known.visible,
            indexes=known.visible_indexes(live.indexes),
            load_state=live.load_state,
            load_progress=live.load_progress,
            replicas=record.replicas,
            row_count=live.rows,
            protected=record.protected,
            owner=record.owner.get_username() if record.owner else None,
            created_at=record.created_at,
            generation=record.generation,
            aliases=sorted(known.aliases),
            partitions=list(live.partitions),
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
