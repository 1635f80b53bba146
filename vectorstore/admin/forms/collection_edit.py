"""The small forms of a collection's page."""

from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)


class EditForm(forms.Form):
    description = forms.CharField(
        required=False, max_length=2000, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}), strip=True
    )
    protected = forms.BooleanField(
        required=False, widget=UnfoldBooleanWidget, help_text="A protected collection cannot be dropped or truncated."
    )
    cache_enabled = forms.BooleanField(
        required=False, label="Cache", widget=UnfoldBooleanWidget, help_text="Keep answers to searches for a while."
    )
    cache_ttl_s = forms.IntegerField(
        min_value=0,
        max_value=86_400,
        label="Seconds in the cache",
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="How long an answer is kept. 0: as the gateway's setting says.",
    )


class DropForm(forms.Form):
    """Valid only with the collection's own name."""

    name = forms.CharField(
        required=False,
        strip=True,
        label="Name of the collection",
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "spellcheck": "false", "dir": "ltr"}),
    )

    def __init__(self, *args: Any, name: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._name = name

    def clean_name(self) -> str:
        given: str = self.cleaned_data["name"]
        if given != self._name:
            raise forms.ValidationError(f"Type {self._name} exactly as it is written here. Nothing was dropped.")
        return given
