"""Giving a right."""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from vectorstore.access.roles import ROLES
from vectorstore.domain.access_requests import GrantRequest
from vectorstore.domain.errors import VectorStoreError
from vectorstore.domain.row_filter import OPERATORS
from vectorstore.models import Grant
from vectorstore.service import Scope
from vectorstore.service.grant_service import GrantService

_OPERATORS = [("", "no row filter"), *((name, name) for name in OPERATORS)]
_FIELDS = {"row_filter": "filter_field", "denied_fields": "denied"}


class GrantForm(forms.ModelForm):
    """The form asks the service, so that what it accepts can be given. ``scope`` is set by the page."""

    scope: Scope

    role = forms.ChoiceField(
        choices=[(name, name.replace("_", " ")) for name in ROLES],
        widget=UnfoldAdminSelectWidget,
        help_text="Viewers search and read; editors also write; the others administer.",
    )
    filter_field = forms.CharField(
        label="Rows whose field",
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="Leave empty to give all rows.",
    )
    filter_op = forms.ChoiceField(label="is", choices=_OPERATORS, required=False, widget=UnfoldAdminSelectWidget)
    filter_values = forms.CharField(
        label="of these values",
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="By commas, as texts. $user.tenants stands for that attribute of whoever asks.",
    )
    denied = forms.CharField(
        label="Denied fields",
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="Names by commas; these fields do not exist for the subject.",
    )

    class Meta:
        model = Grant
        fields = (
            *("user", "group", "service_account", "role", "cluster", "database", "collections"),
            *("valid_from", "expires_at", "reason"),
        )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                GrantService(self.scope).check(self.request())
            except VectorStoreError as error:
                pointer = error.errors[0].pointer.split("/") if error.errors else ["", ""]
                name = _FIELDS.get(pointer[1], pointer[1]) if len(pointer) > 1 else ""
                self.add_error(name if name in self.fields else None, error.detail)
        return cleaned

    def request(self) -> GrantRequest:
        """What is asked of the service."""
        data = self.cleaned_data
        names = ("role", "cluster", "database", "collections", "valid_from", "expires_at", "reason")
        return GrantRequest(
            user=data["user"].get_username() if data["user"] else None,
            group=data["group"].name if data["group"] else None,
            service_account=data["service_account"].name if data["service_account"] else None,
            row_filter=self._row_filter(),
            denied_fields=_listed(data["denied"]),
            **{name: data[name] for name in names},
        )

    def _row_filter(self) -> dict[str, Any] | None:
        field, op = self.cleaned_data["filter_field"].strip(), self.cleaned_data["filter_op"]
        values = _listed(self.cleaned_data["filter_values"])
        if not (field or op or values):
            return None
        value = values if op == "in" else values[0] if len(values) == 1 else None
        return {"field": field, "op": op, "value": value}


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
