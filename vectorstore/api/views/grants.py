"""``grants/`` and ``roles/``."""

from typing import Any

from vectorstore.access.roles import ROLES
from vectorstore.api.operation import operation
from vectorstore.api.pagination import Key
from vectorstore.api.schemas.access import GrantBody, RoleBody, grant_body, role_body
from vectorstore.api.views.base import View
from vectorstore.domain.access_requests import GrantChanges, GrantRequest
from vectorstore.service.context import Scope
from vectorstore.service.grant_service import GrantService

ROLE_ORDER: dict[str, Key] = {"name": str}


class _GrantView(View):
    tag = "Access"

    @property
    def service(self) -> GrantService:
        return GrantService(Scope(actor=self.actor))


class GrantsView(_GrantView):
    @operation("List grants", answer=GrantBody, order=("id", "role", "collections", "expires_at", "created_at"))
    def get(self) -> dict[str, Any]:
        return self.table(self.service.list(), grant_body, search="collections")

    @operation("Give a right", body=GrantRequest, answer=GrantBody, status=201)
    def post(self, body: GrantRequest) -> GrantBody:
        """Nobody gives more than they hold, nor for longer, nor in more places."""
        return grant_body(self.service.create(body))


class GrantView(_GrantView):
    @operation("Describe a grant", answer=GrantBody)
    def get(self, number: int) -> GrantBody:
        return grant_body(self.service.get(number))

    @operation("Change a grant", body=GrantChanges, answer=GrantBody)
    def patch(self, body: GrantChanges, number: int) -> GrantBody:
        """When and whether it holds; what it gives and where never changes."""
        return grant_body(self.service.update(number, body))

    @operation("Take a right away", status=204)
    def delete(self, number: int) -> None:
        self.service.delete(number)


class RolesView(View):
    tag = "Access"

    @operation("List roles", answer=RoleBody, order=ROLE_ORDER)
    def get(self) -> dict[str, Any]:
        """The fixed roles and the actions that each gives."""
        return self.page(list(ROLES), role_body, search=str, ordering=ROLE_ORDER)
