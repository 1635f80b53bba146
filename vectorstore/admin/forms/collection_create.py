"""The form of a new collection, and where the errors of the service belong on it."""

from collections.abc import Container
from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminBigIntegerFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from vectorstore.admin.forms import offer
from vectorstore.admin.forms.field_rows import FieldRow, FieldRowSet
from vectorstore.admin.forms.index_choice import index_request, kind_choices, parameter_fields, parameter_name
from vectorstore.config import collection_config as limits
from vectorstore.domain.errors import VectorStoreError
from vectorstore.domain.models import IndexKind, Metric
from vectorstore.domain.requests import CollectionSpec

SHORT, FULL = "short", "full"
_SCHEMAS = [
    (SHORT, "Short: a VARCHAR key named id, one FLOAT_VECTOR named vector"),
    (FULL, "Full: fields one by one"),
]


class CreateForm(forms.Form):
    name = forms.CharField(
        help_text=f"A name {limits.NAME_RULE}.",
        widget=UnfoldAdminTextInputWidget(attrs={"dir": "ltr", "autocomplete": "off", "spellcheck": "false"}),
    )
    description = forms.CharField(required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}))
    schema = forms.ChoiceField(
        choices=_SCHEMAS,
        initial=SHORT,
        label="Form of the schema",
        widget=UnfoldAdminRadioSelectWidget(choices=_SCHEMAS),
    )
    dimension = forms.IntegerField(
        required=False,
        help_text=f"Components of each vector, 1 to {limits.MAX_DIMENSION:,}.",
        widget=UnfoldAdminIntegerFieldWidget,
    )
    make_ids = forms.BooleanField(
        required=False,
        label="Make ids for rows that come without",
        help_text="Sortable 64-bit numbers or UUIDs, made by the gateway.",
        widget=UnfoldBooleanWidget,
    )
    dynamic_fields = forms.BooleanField(
        required=False,
        initial=True,
        label="Dynamic fields",
        help_text="Rows may carry fields that the schema does not name.",
        widget=UnfoldBooleanWidget,
    )
    metric = forms.ChoiceField(
        required=False,
        choices=[("", "Choose for me: COSINE where the type allows it"), *((item, item) for item in Metric)],
        help_text="How two vectors are compared.",
        widget=UnfoldAdminSelectWidget,
    )
    index_kind = forms.ChoiceField(label="Index", widget=UnfoldAdminSelectWidget)
    expected_rows = forms.IntegerField(required=False, min_value=0, widget=UnfoldAdminBigIntegerFieldWidget)
    shards = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=limits.MAX_SHARDS,
        help_text=f"Left empty, the suggestion is taken. At most {limits.MAX_SHARDS}.",
        widget=UnfoldAdminIntegerFieldWidget,
    )
    protected = forms.BooleanField(
        required=False, help_text="A protected collection cannot be dropped or truncated.", widget=UnfoldBooleanWidget
    )

    def __init__(self, *args: Any, kinds: Container[IndexKind] | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer(self, "index_kind", kind_choices(kinds))
        self.fields["index_kind"].initial = IndexKind.AUTO.value
        self.fields.update(parameter_fields(kinds))

    def spec(self, rows: list[FieldRow]) -> CollectionSpec:
        """The request; ``rows`` are left out in the short form."""
        values = self.cleaned_data
        full = values["schema"] == FULL
        return CollectionSpec(
            name=values["name"],
            description=values["description"],
            dimension=None if full else values["dimension"],
            metric=Metric(values["metric"]) if values["metric"] else None,
            auto_id=values["make_ids"],
            fields=[row.spec() for row in rows] if full else None,
            index=index_request(values),
            dynamic_fields=values["dynamic_fields"],
            shards=values["shards"],
            expected_rows=values["expected_rows"],
            protected=values["protected"],
        )


def place_errors(error: VectorStoreError, form: CreateForm, rows: FieldRowSet) -> None:
    """Put each error of the service beside the input that it is about; the rest above the form."""
    if not error.errors:
        form.add_error("name" if error.code == "already_exists" else None, error.detail)
    kept = rows.kept() if form.cleaned_data["schema"] == FULL else []
    for item in error.errors:
        parts = item.pointer.strip("/").split("/")
        if parts[0] == "fields" and len(parts) > 1 and parts[1].isdigit() and int(parts[1]) < len(kept):
            row = kept[int(parts[1])]
            row.add_error(parts[2] if len(parts) > 2 and parts[2] in row.fields else None, item.detail)
        else:
            form.add_error(_input_of(parts, form), item.detail)


def _input_of(parts: list[str], form: CreateForm) -> str | None:
    if parts[0] == "fields":
        return "schema"
    if parts[0] == "index" and len(parts) > 1:
        name = {"metric": "metric"}.get(parts[1], "index_kind")
        if parts[1] == "params" and len(parts) > 2:
            name = parameter_name(form.cleaned_data.get("index_kind", ""), parts[2])
    else:
        name = parts[0]
    return name if name in form.fields else None
