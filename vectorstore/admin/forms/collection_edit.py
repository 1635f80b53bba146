"""The small forms of a collection's page."""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget, UnfoldBooleanWidget


class EditForm(forms.Form):
    description = forms.CharField(
        required=False, max_length=2000, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}), strip=True
    )
    protected = forms.BooleanField(
        required=False, widget=UnfoldBooleanWidget, help_text="A protected collection cannot be dropped or truncated."
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
