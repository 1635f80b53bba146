"""The form of the search playground. It is sent by GET, so that its address can be shared."""

import json
from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from vectorstore.admin.forms import offer
from vectorstore.config.collection_config import MAX_WINDOW
from vectorstore.domain.errors import VectorStoreError
from vectorstore.domain.models import DataType
from vectorstore.domain.requests import SearchRequest
from vectorstore.service.representations import CollectionView

TEXT, ROW, VECTOR = "text", "id", "vector"
_BY = {TEXT: "Text", ROW: "A stored row", VECTOR: "A vector"}
DYNAMIC = "$meta"
"""All dynamic fields of a row, by Milvus's own name for them."""

_INPUTS = {"field": "field", "filter": "filter", "top_k": "top_k", "output_fields": "columns"}
_LTR = {"dir": "ltr", "spellcheck": "false", "autocomplete": "off"}
_SHOWN_AT_FIRST = 6


class SearchForm(forms.Form):
    """What to search for in one collection; ``view`` is the collection."""

    by = forms.ChoiceField(label="Search by", widget=UnfoldAdminRadioSelectWidget)
    text = forms.CharField(
        required=False,
        strip=False,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "What are you looking for?"}),
    )
    id = forms.CharField(
        required=False,
        strip=False,
        label="Id of the row",
        help_text="Finds rows near this one; the row itself is left out.",
        widget=UnfoldAdminTextInputWidget(attrs=_LTR),
    )
    vector = forms.CharField(
        required=False,
        help_text='JSON: a list of numbers, or {"index": weight} for a sparse vector.',
        widget=UnfoldAdminTextareaWidget(attrs={**_LTR, "rows": 2, "placeholder": "[0.12, -0.03, …]"}),
    )
    field = forms.ChoiceField(required=False, label="Vector field", widget=UnfoldAdminSelectWidget)
    filter = forms.CharField(
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs=_LTR),
    )
    top_k = forms.IntegerField(
        required=False,
        label="Results",
        initial=10,
        min_value=1,
        max_value=MAX_WINDOW,
        widget=UnfoldAdminIntegerFieldWidget,
    )
    columns = forms.MultipleChoiceField(required=False, widget=UnfoldAdminCheckboxSelectMultipleWidget)

    def __init__(self, data: Any, *, view: CollectionView | None) -> None:
        scalars = [item.name for item in view.collection.scalar_fields if not item.primary] if view else []
        choices = [(name, name) for name in scalars]
        if view and view.collection.dynamic_fields:
            choices.append((DYNAMIC, "dynamic fields"))
        vectors = [item.name for item in view.collection.vector_fields] if view else []
        ways = list(_BY) if view is None or view.embedding else [ROW, VECTOR]
        filled = data.copy()
        if filled.get("by") not in ways:
            filled["by"] = next((way for way in ways if filled.get(way)), ways[0])
        filled.setdefault("top_k", "10")
        if "chosen" not in filled and "columns" not in filled:
            filled.setlist("columns", scalars[:_SHOWN_AT_FIRST] or [name for name, _ in choices])
        super().__init__(filled)
        offer(self, "by", [(way, _BY[way]) for way in ways])
        offer(self, "columns", choices)
        offer(self, "field", [(name, name) for name in vectors])
        if TEXT not in ways:
            del self.fields["text"]
        if len(vectors) < 2:
            del self.fields["field"]
        if not choices:
            del self.fields["columns"]
        self.fields["filter"].help_text = _example(view)
        if view is not None:
            self.fields["id"].widget.attrs["placeholder"] = f"A value of {view.collection.primary.name}"

    @property
    def asked(self) -> bool:
        """Whether there is something to search for."""
        return bool(self.data.get(self.data["by"], ""))

    def request(self) -> SearchRequest:
        """The search; only what ``by`` names is looked at."""
        values = self.cleaned_data
        by = values["by"]
        return SearchRequest(
            text=values["text"] if by == TEXT else None,
            id=values["id"] if by == ROW else None,
            vector=json.loads(values["vector"]) if by == VECTOR else None,
            field=values.get("field") or None if by != TEXT else None,
            filter=values["filter"] or None,
            top_k=values["top_k"] or 10,
            output_fields=values.get("columns", []),
        )

    def clean_vector(self) -> str:
        text: str = self.cleaned_data["vector"]
        if text:
            try:
                json.loads(text)
            except (ValueError, RecursionError):
                raise forms.ValidationError("This is no JSON, such as [0.12, -0.03].") from None
        return text

    def place_errors(self, error: VectorStoreError) -> None:
        """Put each error beside the input that it is about."""
        if not error.errors:
            about_query = error.code in ("invalid", "not_found", "embedding_failed")
            self.add_error(self.cleaned_data["by"] if about_query else None, error.detail)
        for item in error.errors:
            first = item.pointer.strip("/").split("/")[0]
            name = _INPUTS.get(first, first)
            self.add_error(name if name in self.fields else None, item.detail)


def _example(view: CollectionView | None) -> str:
    """A filter that fits the schema."""
    fields = [item for item in view.collection.scalar_fields if not item.primary] if view else []
    text = next((item.name for item in fields if item.type is DataType.VARCHAR), None)
    number = next((item.name for item in fields if item.type.is_integer), None)
    parts = [f'{text} like "abc%"' if text else "", f"{number} >= 10" if number else ""]
    example = " and ".join(part for part in parts if part)
    return f"For example {example}" if example else "An expression over the row's fields; empty for all rows."
