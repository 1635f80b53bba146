"""Service accounts: programs that call the API with keys."""

from typing import Any

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest

from vectorstore.admin.calls import scope_for
from vectorstore.admin.through_service import ThroughService
from vectorstore.domain.access_requests import ServiceAccountChanges, ServiceAccountRequest
from vectorstore.models import ServiceAccount
from vectorstore.service.account_service import AccountService


@admin.register(ServiceAccount)
class ServiceAccountAdmin(ThroughService):
    rights = {"view": "grant.view", "add": "grant.manage", "change": "grant.manage", "delete": "grant.manage"}
    list_display = ("name", "is_active", "created_at")
    search_fields = ("name",)
    fields = ("name", "attributes", "is_active")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("name",) if obj else ()

    def save_model(self, request: HttpRequest, obj: ServiceAccount, form: ModelForm, change: bool) -> None:
        service = AccountService(scope_for(request))
        if change:
            changes = ServiceAccountChanges(attributes=obj.attributes, is_active=obj.is_active)
            service.update_service_account(obj.name, changes)
        else:
            made = ServiceAccountRequest(name=obj.name, attributes=obj.attributes, is_active=obj.is_active)
            obj.pk = service.create_service_account(made).pk

    def delete_model(self, request: HttpRequest, obj: ServiceAccount) -> None:
        AccountService(scope_for(request)).delete_service_account(obj.name)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        found = super().get_actions(request)
        found.pop("delete_selected", None)  # one at a time: each may be refused
        return found
