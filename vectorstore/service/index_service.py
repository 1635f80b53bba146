"""Indexes: listed, made, dropped, rebuilt."""

from collections.abc import Sequence
from typing import Any

from vectorstore.adapters.index_calls import BUILD_DEADLINE_S
from vectorstore.domain.errors import AlreadyExists, DeadlineExceeded, InvalidRequest, NotFound
from vectorstore.domain.models import IndexKind, IndexSpec, IndexState
from vectorstore.domain.requests import IndexRequest
from vectorstore.models import CollectionRecord, IndexRecord, Job
from vectorstore.service import records
from vectorstore.service.aio import async_twin
from vectorstore.service.catalogue import KnownCollection, forget
from vectorstore.service.collection_spec import index_for
from vectorstore.service.context import Scope
from vectorstore.service.definitions import changed
from vectorstore.service.job_service import submit
from vectorstore.service.operation import Service
from vectorstore.service.work import Work


class IndexService(Service):
    """``create``, ``drop`` and ``rebuild`` with their asynchronous twins."""

    def list(self, collection_name: str) -> Sequence[IndexState]:
        """The indexes of all vector fields with their build state."""
        with self.on_collection("index.view", collection_name) as act:
            found = act.known.engine.adapter.list_indexes(self.scope.database, act.known.schema.name)
            return act.known.visible_indexes(found)

    def get(self, collection_name: str, field: str) -> IndexState:
        """The index of one field.

        Raises:
            NotFound: the field has none.
        """
        for state in self.list(collection_name):
            if state.spec.field == field:
                return state
        raise NotFound(f"The field {field[:255]!r} has no index.")

    def create(self, collection_name: str, request: IndexRequest | None = None) -> IndexState:
        """Build an index, wait for it and load the collection, so that it is searchable.

        Raises:
            AlreadyExists: the field has an index; drop it first or rebuild.
            DeadlineExceeded: the build did not end in time; it goes on in Milvus.
        """
        request = request or IndexRequest()
        with self.on_collection("index.create", collection_name, request) as act:
            known = act.known
            field = known.vector_field(request.field)
            if field.name in known.indexes:
                kind = known.indexes[field.name].kind
                raise AlreadyExists(f"The field {field.name} has a {kind} index; drop it first.")
            spec = index_for(field, request, request.metric, self._rows(known), known.engine.capabilities)
            state = self._build(known, spec)
            records.record_index(known.record_id, spec, str(request.type))
            changed(self.scope, known.schema.name)
            return state

    def _rows(self, known: KnownCollection) -> int:
        """The size to choose an index for: what was expected when it was made, or what is there."""
        expected = CollectionRecord.objects.values_list("expected_rows", flat=True).get(pk=known.record_id) or 0
        return max(expected, known.engine.adapter.stored_rows(self.scope.database, known.schema.name))

    def _build(self, known: KnownCollection, spec: IndexSpec, work: Work | None = None) -> IndexState:
        """With ``work`` it may take as long as it needs, and be stopped: Milvus goes on with the build."""
        adapter, name = known.engine.adapter, known.schema.name
        adapter.create_index(self.scope.database, name, spec)
        forget(self.scope)
        while True:
            try:
                deadline = BUILD_DEADLINE_S if work is None else 1.0
                state = adapter.wait_for_index(self.scope.database, name, spec.field, deadline)
                break
            except DeadlineExceeded:
                if work is None:
                    raise
                work.check()
        if all(field.name in known.indexes or field.name == spec.field for field in known.schema.vector_fields):
            replicas = CollectionRecord.objects.values_list("replicas", flat=True).get(pk=known.record_id)
            adapter.load_collection(self.scope.database, name, replicas)
        return state

    def drop(self, collection_name: str, field: str | None = None) -> None:
        """Drop the index of a field. The collection is released: Milvus cannot search without an index."""
        with self.on_collection("index.drop", collection_name) as act:
            known = act.known
            name = self._indexed(known, field)
            self._drop(known, name)
            IndexRecord.objects.filter(collection_id=known.record_id, field=name).delete()
            changed(self.scope, known.schema.name)

    def _drop(self, known: KnownCollection, field: str) -> None:
        known.engine.adapter.release_collection(self.scope.database, known.schema.name)
        known.engine.adapter.drop_index(self.scope.database, known.schema.name, field)
        forget(self.scope)

    def start_rebuild(self, collection_name: str, field: str | None = None) -> Job:
        """``rebuild`` as a job."""
        with self.on_collection("index.create", collection_name) as act:
            target = self._indexed(act.known, field)
            params = {"collection": act.known.schema.name, "field": target}
            return submit(self.scope, "rebuild_index", params, act.known.schema.name)

    def _indexed(self, known: KnownCollection, field: str | None) -> str:
        name = known.vector_field(field).name
        if name not in known.indexes:
            raise NotFound(f"The field {name} has no index.")
        return name

    def rebuild(self, collection_name: str, field: str | None = None, work: Work | None = None) -> IndexState:
        """Drop and build the index again with its kind, metric and parameters.

        An index that was asked for as AUTO is chosen again for the rows there are now. Searches answer 409
        until it is built.
        """
        with self.on_collection("index.create", collection_name) as act:
            known = act.known
            target = known.vector_field(self._indexed(known, field))
            spec = known.indexes[target.name]
            record = IndexRecord.objects.filter(collection_id=known.record_id, field=target.name).first()
            if record is not None and record.requested == IndexKind.AUTO:
                request = IndexRequest(field=target.name)
                spec = index_for(target, request, spec.metric, self._rows(known), known.engine.capabilities)
            self._drop(known, target.name)
            state = self._build(known, spec, work)
            records.record_index(known.record_id, spec, record.requested if record else str(spec.kind))
            changed(self.scope, known.schema.name)
            return state

    def create_of_type(self, collection_name: str, index_type: str) -> IndexState:
        """``create`` with the kind's default parameters.

        Raises:
            InvalidRequest: there is no such kind.
        """
        return self.create(collection_name, IndexRequest(type=_kind(index_type)))

    create_index = async_twin(create_of_type)
    drop_index = async_twin(drop)
    rebuild_index = async_twin(rebuild)


def run_rebuild(work: Work, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
    """The job of ``start_rebuild``."""
    work.stage("building")
    state = IndexService(scope).rebuild(params["collection"], params["field"], work)
    return {"collection": params["collection"], "field": params["field"], "type": str(state.spec.kind)}


def _kind(name: str) -> IndexKind:
    try:
        return IndexKind(name.upper())
    except ValueError:
        raise InvalidRequest.at("/type", f"{name[:64]!r} is no index kind; there is {', '.join(IndexKind)}") from None
