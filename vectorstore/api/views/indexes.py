"""``collections/{name}/indexes/``."""

from typing import Any

from vectorstore.api.operation import operation
from vectorstore.api.pagination import Key
from vectorstore.api.schemas.indexes import IndexBody, index_body
from vectorstore.api.schemas.jobs import JobBody, job_body
from vectorstore.api.views.base import EngineView
from vectorstore.domain.requests import IndexRequest
from vectorstore.service import IndexService
from vectorstore.service.recall_service import RecallService

ORDERING: dict[str, Key] = {"field": lambda state: state.spec.field, "type": lambda state: state.spec.kind}


class _IndexView(EngineView):
    tag = "Indexes"

    @property
    def service(self) -> IndexService:
        return IndexService(scope=self.scope)


class IndexesView(_IndexView):
    @operation("List indexes", answer=IndexBody, order=ORDERING)
    def get(self, name: str) -> dict[str, Any]:
        return self.page(self.service.list(name), index_body, search=lambda state: state.spec.field, ordering=ORDERING)

    @operation("Create an index", body=IndexRequest, answer=IndexBody, status=201)
    def post(self, body: IndexRequest, name: str) -> IndexBody:
        """Type ``AUTO`` chooses kind and parameters; refusing a kind names those that the engine has."""
        return index_body(self.service.create(name, body))


class IndexView(_IndexView):
    @operation("Describe an index", answer=IndexBody)
    def get(self, name: str, field: str) -> IndexBody:
        return index_body(self.service.get(name, field))

    @operation("Drop an index", status=204)
    def delete(self, name: str, field: str) -> None:
        self.service.drop(name, field)


class MeasureView(_IndexView):
    @operation("Measure the recall of an index", answer=JobBody, status=202)
    def post(self, name: str, field: str) -> JobBody:
        """Searches with a ``recall_target`` then take the parameters that reached it. All rows are read once."""
        return job_body(RecallService(self.scope).start(name, field))


class RebuildView(_IndexView):
    @operation("Rebuild an index", answer=JobBody, status=202)
    def post(self, name: str, field: str) -> JobBody:
        """One that was asked for as ``AUTO`` is chosen again for the rows there are. Searches answer 409 until it is
        built.
        """
        return job_body(self.service.start_rebuild(name, field))
