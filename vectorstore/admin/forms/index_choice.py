"""Choosing an index: ``AUTO``, or a kind that the connected engine has with its build parameters."""

from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Any

from django import forms
from django.forms import BoundField
from unfold.widgets import UnfoldAdminIntegerFieldWidget

from vectorstore.config.index_config import RULES
from vectorstore.domain.models import IndexKind
from vectorstore.domain.requests import IndexRequest

AUTO_TEXT = "Choose for me, by type, size and what the engine has"


@dataclass(frozen=True, slots=True)
class KindFields:
    """One kind on the page: its explanation and the inputs of its parameters."""

    kind: str
    help: str
    types: str
    inputs: list[BoundField]


def kind_choices(available: Container[IndexKind] | None) -> list[tuple[str, str]]:
    """``AUTO`` and the engine's kinds; every kind that the product knows while the engine cannot be asked."""
    kinds = [kind for kind in RULES if available is None or kind in available]
    return [(IndexKind.AUTO.value, AUTO_TEXT), *((kind.value, f"{kind}: {RULES[kind].help}") for kind in kinds)]


def parameter_name(kind: str, parameter: str) -> str:
    return f"param_{kind}_{parameter}"


def parameter_fields(available: Container[IndexKind] | None) -> dict[str, forms.Field]:
    """An input for each build parameter of each kind; left empty, it has its default."""
    return {
        parameter_name(kind, name): forms.IntegerField(
            required=False,
            min_value=rule.low,
            max_value=rule.high,
            label=name,
            help_text=f"{rule.help} {rule.low:,} to {rule.high:,}.",
            widget=UnfoldAdminIntegerFieldWidget(attrs={"placeholder": f"{rule.default} unless you say otherwise"}),
        )
        for kind, rules in RULES.items()
        if available is None or kind in available
        for name, rule in rules.build.items()
    }


def kinds_of(form: forms.Form, available: Container[IndexKind] | None) -> Iterator[KindFields]:
    """The kinds that have parameters, with the inputs of ``form``."""
    for kind, rules in RULES.items():
        if (available is None or kind in available) and rules.build:
            inputs = [form[parameter_name(kind, name)] for name in rules.build]
            yield KindFields(kind.value, rules.help, ", ".join(rules.types), inputs)


def index_request(values: dict[str, Any]) -> IndexRequest:
    """What was chosen; parameters of other kinds are left out."""
    kind = IndexKind(values["index_kind"])
    rules = RULES.get(kind)
    given = {name: values.get(parameter_name(kind, name)) for name in rules.build} if rules else {}
    return IndexRequest(type=kind, params={name: value for name, value in given.items() if value is not None})
