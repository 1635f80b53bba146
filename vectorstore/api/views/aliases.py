"""``aliases/``."""

from typing import Any

from vectorstore.api.operation import operation
from vectorstore.api.pagination import Key
from vectorstore.api.schemas.aliases import AliasBody, AliasRequest, AliasTarget, alias_body
from vectorstore.api.views.base import EngineView
from vectorstore.domain.errors import InvalidRequest
from vectorstore.service import AliasService

ORDERING: dict[str, Key] = {"alias": lambda view: view.alias, "collection": lambda view: view.collection}


class _AliasView(EngineView):
    tag = "Aliases"

    @property
    def service(self) -> AliasService:
        return AliasService(self.scope)


class AliasesView(_AliasView):
    @operation("List aliases", answer=AliasBody, order=ORDERING)
    def get(self) -> dict[str, Any]:
        return self.page(self.service.list(), alias_body, search=lambda view: view.alias, ordering=ORDERING)

    @operation("Create an alias", body=AliasRequest, answer=AliasBody, status=201)
    def post(self, body: AliasRequest) -> AliasBody:
        self.service.create(body.alias, body.collection)
        return alias_body(self.service.get(body.alias))


class AliasView(_AliasView):
    @operation("Describe an alias", answer=AliasBody)
    def get(self, alias: str) -> AliasBody:
        return alias_body(self.service.get(alias))

    @operation("Re-point an alias", body=AliasTarget, answer=AliasBody)
    def put(self, body: AliasTarget, alias: str) -> AliasBody:
        if body.alias not in (None, alias):
            raise InvalidRequest.at("/alias", "the body names another alias than the address")
        self.service.alter(alias, body.collection)
        return alias_body(self.service.get(alias))

    @operation("Drop an alias", status=204)
    def delete(self, alias: str) -> None:
        self.service.drop(alias)
