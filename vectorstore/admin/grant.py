"""Grants: who may do what, given and taken away through the service."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils import timezone
from unfold.decorators import display

from vectorstore.admin.calls import reported, scope_for
from vectorstore.admin.forms.grant import GrantForm
from vectorstore.admin.through_service import ThroughService
from vectorstore.domain.access_requests import GrantChanges
from vectorstore.models import Grant
from vectorstore.service.grant_service import GrantService

_COLOURS = {"valid": "success", "disabled": "warning", "expired": "default", "not yet valid": "info"}


@admin.register(Grant)
class GrantAdmin(ThroughService):
    rights = {"view": "grant.view", "add": "grant.manage", "delete": "grant.manage"}
    form = GrantForm
    list_display = ("to", "role", "on", "limits", "state", "expires_at", "created_by")
    list_filter = ("role", "enabled")
    search_fields = ("user__username", "group__name", "service_account__name", "collections", "reason")
    list_select_related = ("user", "group", "service_account")
    autocomplete_fields = ("user", "group", "service_account")
    actions = ("enable_selected", "disable_selected")
    fieldsets = (
        ("To one of these", {"fields": ("user", "group", "service_account")}),
        ("What", {"fields": ("role", "cluster", "database", "collections")}),
        ("Which rows and fields", {"fields": ("filter_field", "filter_op", "filter_values", "denied")}),
        ("When and why", {"fields": ("valid_from", "expires_at", "reason")}),
    )

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None and self._may(request, "add")  # what a grant gives never changes

    def get_queryset(self, request: HttpRequest) -> QuerySet[Grant]:
        return super().get_queryset(request).filter(pk__in=GrantService(scope_for(request)).reachable())

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        made = super().get_form(request, obj, change=change, **kwargs)
        made.scope = scope_for(request)
        return made

    def save_model(self, request: HttpRequest, obj: Grant, form: ModelForm, change: bool) -> None:
        obj.pk = GrantService(scope_for(request)).create(form.request()).pk  # type: ignore[attr-defined]

    def delete_model(self, request: HttpRequest, obj: Grant) -> None:
        GrantService(scope_for(request)).delete(obj.pk)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Grant]) -> None:
        for grant in queryset:
            with reported(request, f"{grant} was not taken away"):
                self.delete_model(request, grant)

    @admin.action(description="Enable", permissions=["add"])
    def enable_selected(self, request: HttpRequest, chosen: QuerySet[Grant]) -> None:
        _switch(request, chosen, enabled=True)

    @admin.action(description="Disable", permissions=["add"])
    def disable_selected(self, request: HttpRequest, chosen: QuerySet[Grant]) -> None:
        _switch(request, chosen, enabled=False)

    @display(description="To")
    def to(self, grant: Grant) -> str:
        return grant.subject

    @display(description="On", ordering="collections")
    def on(self, grant: Grant) -> str:
        where = [name for name in (grant.cluster, grant.database) if name != "default"]
        return " / ".join([*where, grant.collections])

    @display(description="Within", empty_value="all rows and fields")
    def limits(self, grant: Grant) -> str | None:
        rows = grant.row_filter or {}
        value = rows.get("value")
        listed = ", ".join(map(str, value)) if isinstance(value, list) else value
        parts = [f"rows by {rows['field']} {rows['op']} {listed}"] if rows else []
        if grant.denied_fields:
            parts.append(f"without {', '.join(grant.denied_fields)}")
        return "; ".join(parts) or None

    @display(description="State", label=_COLOURS)
    def state(self, grant: Grant) -> str:
        now = timezone.now()
        if not grant.enabled:
            return "disabled"
        if grant.expires_at is not None and grant.expires_at <= now:
            return "expired"
        return "valid" if grant.valid_from <= now else "not yet valid"


def _switch(request: HttpRequest, chosen: QuerySet[Grant], *, enabled: bool) -> None:
    for grant in chosen:
        with reported(request, f"{grant} was not changed"):
            GrantService(scope_for(request)).update(grant.pk, GrantChanges(enabled=enabled))
            messages.success(request, f"{grant} was {'enabled' if enabled else 'disabled'}.")
