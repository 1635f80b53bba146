"""Callers' filters as expressions of the engine: parsed alone, checked, composed as trees, written by us."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from vectorstore.domain.errors import InvalidFilter, InvalidRequest
from vectorstore.domain.filters import Node, check, conjunction, from_object, parse, serialise
from vectorstore.service.catalogue import KnownCollection


def read_filter(known: KnownCollection, text: str | None, structured: dict[str, Any] | None) -> Node | None:
    """The checked tree of ``filter`` or ``filters``; None where neither is given.

    Raises:
        InvalidFilter: with the position of what is wrong.
    """
    if text is not None and structured is not None:
        raise InvalidFilter.at("/filters", "give filter or filters, not both", InvalidFilter.code)
    if text is not None and text.strip():
        return check(parse(text), known.schema)
    if structured:
        return check(from_object(structured), known.schema)
    return None


@contextmanager
def rooted(pointer: str) -> Iterator[None]:
    """What is wrong inside is said of the part of the request at ``pointer``."""
    try:
        yield
    except InvalidRequest as error:
        errors = tuple(replace(item, pointer=pointer + item.pointer) for item in error.errors)
        raise type(error)(error.detail, errors=errors) from None


def write(known: KnownCollection, *nodes: Node | None) -> str:
    """The expression of all nodes together; empty where there is none.

    Raises:
        UnsupportedByEngine: the engine's language lacks something.
    """
    whole = conjunction(*nodes)
    return serialise(whole, known.engine.capabilities.dialect) if whole is not None else ""


def output_fields(known: KnownCollection, asked: list[str] | None, *, default_all: bool) -> list[str]:
    """Names to ask the engine for. ``*`` is every field with the dynamic ones.

    Raises:
        InvalidRequest: a name that is neither a field nor can be a dynamic one.
    """
    everything = [field.name for field in known.schema.fields] + (["$meta"] if known.schema.dynamic_fields else [])
    if asked is None:
        return everything if default_all else []
    if "*" in asked:
        return everything
    for index, name in enumerate(asked):
        if known.schema.field(name) is None and not (known.schema.dynamic_fields and name):
            names = ", ".join(field.name for field in known.schema.fields)
            raise InvalidRequest.at(f"/output_fields/{index}", f"there is no field {name[:255]!r}; there is {names}")
    return list(dict.fromkeys(asked))
