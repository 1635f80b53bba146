"""``api-keys/``."""

from typing import Any

from vectorstore.api.operation import operation
from vectorstore.api.schemas.access import ApiKeyBody, api_key_body
from vectorstore.api.views.base import View
from vectorstore.domain.access_requests import ApiKeyRequest
from vectorstore.service.api_key_service import ApiKeyService
from vectorstore.service.context import Scope


class _ApiKeyView(View):
    tag = "Access"

    @property
    def service(self) -> ApiKeyService:
        return ApiKeyService(Scope(actor=self.actor))


class ApiKeysView(_ApiKeyView):
    @operation("List API keys", answer=ApiKeyBody, order=("id", "name", "expires_at", "last_used_at"))
    def get(self) -> dict[str, Any]:
        """The caller's own, and all of them where it may manage keys."""
        return self.table(self.service.list(), api_key_body, search="name")

    @operation("Make an API key", body=ApiKeyRequest, answer=ApiKeyBody, status=201)
    def post(self, body: ApiKeyRequest) -> ApiKeyBody:
        """``key`` is in this answer only: what is kept is a digest of it."""
        return api_key_body(*self.service.create(body))


class ApiKeyView(_ApiKeyView):
    @operation("Describe an API key", answer=ApiKeyBody)
    def get(self, number: int) -> ApiKeyBody:
        return api_key_body(self.service.get(number))

    @operation("Revoke an API key", status=204)
    def delete(self, number: int) -> None:
        self.service.revoke(number)
