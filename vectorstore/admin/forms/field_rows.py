"""The fields of a new collection, one form each."""

from typing import Any, cast

from django import forms
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from vectorstore.config import collection_config as limits
from vectorstore.domain.models import DataType
from vectorstore.domain.requests import FieldSpec

_ELEMENTS = [kind for kind in DataType if not kind.is_vector and kind not in (DataType.JSON, DataType.ARRAY)]
_SIZED = " ".join(kind for kind in DataType if kind.is_vector and kind is not DataType.SPARSE_FLOAT_VECTOR)
_MOST_ROWS = limits.MAX_FIELDS


class FieldRow(forms.Form):
    """One field. What does not belong to its type is refused by the service, and said here."""

    name = forms.CharField(required=False, widget=UnfoldAdminTextInputWidget(attrs={"dir": "ltr"}))
    type = forms.ChoiceField(
        choices=[(kind, kind) for kind in DataType], initial=DataType.VARCHAR, widget=UnfoldAdminSelectWidget
    )
    dimension = forms.IntegerField(
        required=False,
        help_text=f"Of a vector: 1 to {limits.MAX_DIMENSION:,}.",
        widget=UnfoldAdminIntegerFieldWidget(attrs={"data-for": _SIZED}),
    )
    max_length = forms.IntegerField(
        required=False,
        label="Longest, in bytes",
        help_text=f"Of a VARCHAR: 1 to {limits.MAX_VARCHAR_BYTES:,} bytes of UTF-8.",
        widget=UnfoldAdminIntegerFieldWidget(attrs={"data-for": "VARCHAR ARRAY"}),
    )
    element_type = forms.ChoiceField(
        required=False,
        choices=[("", "–"), *((kind, kind) for kind in _ELEMENTS)],
        help_text="Of an ARRAY.",
        widget=UnfoldAdminSelectWidget(attrs={"data-for": "ARRAY"}),
    )
    max_capacity = forms.IntegerField(
        required=False,
        label="Most elements",
        help_text=f"Of an ARRAY: 1 to {limits.MAX_ARRAY_CAPACITY:,}.",
        widget=UnfoldAdminIntegerFieldWidget(attrs={"data-for": "ARRAY"}),
    )
    primary = forms.BooleanField(required=False, label="Primary key", widget=UnfoldBooleanWidget)
    partition_key = forms.BooleanField(required=False, widget=UnfoldBooleanWidget)
    nullable = forms.BooleanField(required=False, widget=UnfoldBooleanWidget)

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if self.has_changed() and not values.get("name"):
            self.add_error("name", "Name the field, or remove it.")
        return values

    def spec(self) -> FieldSpec:
        """The field as a request."""
        values = self.cleaned_data
        element = values["element_type"]
        return FieldSpec(
            name=values["name"],
            type=DataType(values["type"]),
            primary=values["primary"],
            dimension=values["dimension"],
            max_length=values["max_length"],
            element_type=DataType(element) if element else None,
            max_capacity=values["max_capacity"],
            nullable=values["nullable"],
            partition_key=values["partition_key"],
        )


class FieldRowSet(forms.BaseFormSet):
    def add_fields(self, form: FieldRow, index: int | None) -> None:
        super().add_fields(form, index)
        form.fields["DELETE"].widget = UnfoldBooleanWidget()
        form.fields["DELETE"].label = "Remove this field"

    def kept(self) -> list[FieldRow]:
        """The forms that describe a field, in order: a field's place in a request is its place here."""
        return [
            form
            for form in self.forms
            if not form.cleaned_data.get("DELETE") and (form.cleaned_data.get("name") or form.has_changed())
        ]


_RowSet = forms.formset_factory(
    FieldRow, formset=FieldRowSet, extra=0, can_delete=True, max_num=_MOST_ROWS, absolute_max=_MOST_ROWS + 1
)

FIRST_ROWS: list[dict[str, Any]] = [
    {"name": "id", "type": "INT64", "primary": True},
    {"name": "vector", "type": "FLOAT_VECTOR", "dimension": 384},
]
"""What a new set of fields begins with."""


def field_rows(data: Any = None) -> FieldRowSet:
    """The rows as sent, or those that a new form begins with."""
    return cast(FieldRowSet, _RowSet(data, prefix="fields", initial=None if data is not None else FIRST_ROWS))
