"""``databases/``."""

from typing import Any

from vectorstore.api.operation import operation
from vectorstore.api.pagination import Key
from vectorstore.api.schemas.databases import DatabaseBody, DatabaseRequest, database_body
from vectorstore.api.views.base import EngineView
from vectorstore.service import DatabaseService

ORDERING: dict[str, Key] = {"name": lambda name: name}


class _DatabaseView(EngineView):
    tag = "Databases"

    @property
    def service(self) -> DatabaseService:
        return DatabaseService(self.scope)


class DatabasesView(_DatabaseView):
    @operation("List databases", answer=DatabaseBody, order=ORDERING)
    def get(self) -> dict[str, Any]:
        return self.page(self.service.list(), database_body, search=lambda name: name, ordering=ORDERING)

    @operation("Create a database", body=DatabaseRequest, answer=DatabaseBody, status=201)
    def post(self, body: DatabaseRequest) -> DatabaseBody:
        self.service.create(body.name)
        return database_body(body.name)


class DatabaseView(_DatabaseView):
    @operation("Describe a database", answer=DatabaseBody)
    def get(self, name: str) -> DatabaseBody:
        return database_body(self.service.get(name))

    @operation("Drop a database", status=204)
    def delete(self, name: str) -> None:
        self.service.drop(name)
