"""API keys: made with their text shown once, revoked, never changed."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from vectorstore.admin.calls import reported, scope_for
from vectorstore.admin.through_service import ThroughService
from vectorstore.domain.access_requests import ApiKeyRequest, KeyScopesRequest
from vectorstore.models import ApiKey
from vectorstore.service.api_key_service import ApiKeyService

_COLOURS = {"valid": "success", "revoked": "danger", "expired": "default"}


class _KeyForm(forms.ModelForm):
    actions = forms.CharField(
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="Actions by commas, such as vector.search. Empty: all that the owner may do.",
    )
    collections = forms.CharField(
        initial="*", widget=UnfoldAdminTextInputWidget, help_text="A name, or a pattern with * and ?."
    )

    class Meta:
        model = ApiKey
        fields = ("name", "user", "service_account", "expires_at", "cidr", "rate_limit")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["cidr"].label = "Network"
        self.fields["cidr"].help_text = "Such as 10.0.0.0/8: the key is refused from anywhere else."
        self.fields["rate_limit"].help_text = "Requests a minute. Empty: the gateway's limit."
        self.fields["expires_at"].required = False
        self.fields["expires_at"].help_text = "Empty: in 90 days; at most 365."
        self.fields["user"].help_text = "Neither a user nor a service account: a key of your own."

    def request(self) -> ApiKeyRequest:
        data = self.cleaned_data
        actions = [part.strip() for part in data["actions"].split(",") if part.strip()] or None
        narrowed = actions is not None or data["collections"] != "*"
        return ApiKeyRequest(
            name=data["name"],
            user=data["user"].get_username() if data["user"] else None,
            service_account=data["service_account"].name if data["service_account"] else None,
            expires_at=data["expires_at"],
            scopes=KeyScopesRequest(actions=actions, collections=data["collections"]) if narrowed else None,
            cidr=data["cidr"],
            rate_limit=data["rate_limit"],
        )

    def _post_clean(self) -> None:
        """The row is made by the service: here is nothing to check but what the fields are."""


@admin.register(ApiKey)
class ApiKeyAdmin(ThroughService):
    rights = {"view": "apikey.own", "add": "apikey.own"}
    form = _KeyForm
    list_display = ("name", "prefix", "owner", "state", "expires_at", "last_used_at")
    search_fields = ("name", "prefix", "user__username", "service_account__name")
    list_select_related = ("user", "service_account")
    autocomplete_fields = ("user", "service_account")
    actions = ("revoke_selected",)
    fieldsets = (
        (None, {"fields": ("name", "user", "service_account", "expires_at")}),
        ("Narrower than its owner", {"fields": ("actions", "collections", "cidr", "rate_limit")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        return super().get_queryset(request).filter(pk__in=ApiKeyService(scope_for(request)).reachable())

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None and self._may(request, "add")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return super().get_fieldsets(request, obj)
        shown = ("name", "prefix", "user", "service_account", "scopes", "cidr", "rate_limit")
        return ((None, {"fields": (*shown, "created_at", "created_by", "expires_at", "revoked_at", "last_used_at")}),)

    def save_model(self, request: HttpRequest, obj: ApiKey, form: forms.ModelForm, change: bool) -> None:
        made, text = ApiKeyService(scope_for(request)).create(form.request())  # type: ignore[attr-defined]
        obj.pk, obj.prefix = made.pk, made.prefix
        messages.warning(request, f"The key is {text} – copy it now, it is not shown again.")

    @admin.action(description="Revoke", permissions=["add"])
    def revoke_selected(self, request: HttpRequest, chosen: QuerySet[ApiKey]) -> None:
        for key in chosen:
            with reported(request, f"{key} was not revoked"):
                ApiKeyService(scope_for(request)).revoke(key.pk)
                messages.success(request, f"{key} was revoked.")

    @display(description="Owner")
    def owner(self, key: ApiKey) -> str:
        return str(key.user or key.service_account)

    @display(description="State", label=_COLOURS)
    def state(self, key: ApiKey) -> str:
        if key.revoked_at is not None:
            return "revoked"
        return "expired" if key.expires_at <= timezone.now() else "valid"
