"""Forms of the console, with Unfold's widgets."""

from typing import cast

from django import forms


def offer(form: forms.Form, name: str, choices: list[tuple[str, str]]) -> None:
    """Set what a field of choices offers."""
    cast(forms.ChoiceField, form.fields[name]).choices = choices
