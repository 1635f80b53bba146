"""Users and groups: Django's own pages, kept from giving anybody more than who works with them has."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from unfold.admin import ModelAdmin, StackedInline
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from vectorstore.admin.audited import Audited
from vectorstore.admin.calls import scope_for
from vectorstore.domain.errors import InvalidRequest
from vectorstore.models import UserAttributes
from vectorstore.service.account_service import AccountService, read_attributes

admin.site.unregister((User, Group))

_POWERS = ("is_staff", "is_superuser", "user_permissions", "groups")


class _AttributesForm(forms.ModelForm):
    class Meta:
        model = UserAttributes
        fields = ("values",)

    def clean_values(self) -> dict[str, Any]:
        values = self.cleaned_data["values"]
        try:
            return read_attributes(values if isinstance(values, dict) else {"": values})
        except InvalidRequest as error:
            raise forms.ValidationError(error.detail) from None


class _Attributes(StackedInline):
    model = UserAttributes
    form = _AttributesForm
    extra = 0

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_superuser

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_superuser

    has_delete_permission = has_view_permission = has_change_permission


class _NotAboveOneself(Audited):
    """Django's permission to change accounts ends at those that hold more than who has it."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and _may(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and _may(request, obj)


def _may(request: HttpRequest, obj: Any) -> bool:
    return obj is None or obj == request.user or AccountService(scope_for(request)).may_change(obj)


@admin.register(User)
class UserAdmin(_NotAboveOneself, DjangoUserAdmin, ModelAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "email", "is_staff", "is_superuser", "is_active", "last_login")

    def get_inlines(self, request: HttpRequest, obj: Any) -> tuple[Any, ...]:
        return (_Attributes,) if obj else ()

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if request.user.is_superuser else _POWERS

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        found = super().get_actions(request)
        if not request.user.is_superuser:
            found.pop("delete_selected", None)  # one at a time: each may be refused
        return found


@admin.register(Group)
class GroupAdmin(_NotAboveOneself, DjangoGroupAdmin, ModelAdmin):
    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if request.user.is_superuser else ("permissions",)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        found = super().get_actions(request)
        if not request.user.is_superuser:
            found.pop("delete_selected", None)
        return found
