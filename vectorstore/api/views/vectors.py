"""``collections/{name}/vectors/``."""

from typing import Any

from django.http import HttpResponse

from vectorstore.api.operation import operation
from vectorstore.api.profiled import profiled
from vectorstore.api.schemas.vectors import (
    CountBody,
    DeletedBody,
    InsertedBody,
    RowsBody,
    UpsertedBody,
    id_strings,
    rows_body,
)
from vectorstore.api.views.base import EngineView
from vectorstore.domain.requests import CountRequest, DeleteRequest, GetRequest, QueryRequest, WriteRequest
from vectorstore.service import VectorService
from vectorstore.service.catalogue import look_up


class _VectorView(EngineView):
    tag = "Vectors"

    @property
    def service(self) -> VectorService:
        return VectorService(scope=self.scope)

    def may(self, action: str, **path: Any) -> bool:
        return self.service.may(action, path["name"])

    def rows(self, name: str, found: list[dict[str, Any]]) -> RowsBody:
        known, _ = look_up(self.scope, name)
        return rows_body(found, known.schema.primary.name)


class VectorsView(_VectorView):
    @operation("Insert rows", body=WriteRequest, answer=InsertedBody, status=201, idempotent="vector.insert")
    def post(self, body: WriteRequest, name: str) -> InsertedBody:
        """All or nothing: one bad row refuses the batch, and every bad row is named."""
        ids = id_strings(self.service.insert(name, body.vectors, body.partition))
        return {"inserted": len(ids), "ids": ids}

    @operation("Upsert rows", body=WriteRequest, answer=UpsertedBody, idempotent="vector.upsert")
    def put(self, body: WriteRequest, name: str) -> UpsertedBody:
        """All or nothing, as with an insert; a row that is there is replaced."""
        ids = id_strings(self.service.upsert(name, body.vectors, body.partition))
        return {"upserted": len(ids), "ids": ids}


class GetRowsView(_VectorView):
    @operation("Get rows by id", body=GetRequest, answer=RowsBody)
    def post(self, body: GetRequest, name: str) -> HttpResponse:
        """Ids that are not there are left out of the answer."""
        return profiled(self.began, lambda profile: self.rows(name, self.service.get(name, body, profile)))


class QueryRowsView(_VectorView):
    @operation("Query rows", body=QueryRequest, answer=RowsBody)
    def post(self, body: QueryRequest, name: str) -> HttpResponse:
        return profiled(self.began, lambda profile: self.rows(name, self.service.query(name, body, profile)))


class CountRowsView(_VectorView):
    @operation("Count rows", body=CountRequest, answer=CountBody)
    def post(self, body: CountRequest, name: str) -> HttpResponse:
        return profiled(self.began, lambda profile: {"count": self.service.count(name, body, profile)})


class DeleteRowsView(_VectorView):
    @operation("Delete rows", body=DeleteRequest, answer=DeletedBody, idempotent="vector.delete")
    def post(self, body: DeleteRequest, name: str) -> DeletedBody:
        """By ``ids`` or by a filter: exactly one of them."""
        return {"deleted": self.service.delete(name, body)}
