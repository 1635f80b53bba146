"""Callers' filters as expressions of the engine: parsed alone, checked, composed as trees, written by us."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypedDict

from vectorstore.domain.collection import Collection
from vectorstore.domain.errors import InvalidFilter, InvalidRequest, PermissionDenied
from vectorstore.domain.filters import (
    FieldRef,
    Node,
    check,
    conjunction,
    from_object,
    ids_in,
    parse,
    rewrite,
    serialise,
)
from vectorstore.domain.filters.failures import invalid, refuse_deep
from vectorstore.domain.filters.operands import is_plain_name
from vectorstore.domain.filters.tree import META, Path, any_of, children
from vectorstore.domain.row_filter import RowFilter
from vectorstore.service.catalogue import KnownCollection

log = logging.getLogger(__name__)


def refuse_denied(known: KnownCollection, node: Node) -> None:
    """Raises InvalidFilter where a condition of the caller's names a field that is not there for it."""
    if not known.denied:
        return
    name: str | int | None = node.name if isinstance(node, FieldRef) else None
    if isinstance(node, Path):
        name = node.keys[0] if node.field == META else node.field
    if name in known.denied:
        raise invalid(node.source, f"there is no field {str(name)[:255]!r} that you may use")
    for child in children(node):
        refuse_denied(known, child)


def read_filter(known: KnownCollection, text: str | None, structured: dict[str, Any] | None) -> Node | None:
    """The checked tree of ``filter`` or ``filters``; None where neither is given.

    Raises:
        InvalidFilter: with the position of what is wrong.
    """
    if text is not None and structured is not None:
        raise InvalidFilter.at("/filters", "give filter or filters, not both", InvalidFilter.code)
    if text is not None and text.strip():
        return _checked(known, parse(text))
    if structured:
        return _checked(known, from_object(structured))
    return None


def _checked(known: KnownCollection, node: Node) -> Node:
    refuse_deep(node)
    refuse_denied(known, node)
    return check(node, known.schema)


@contextmanager
def rooted(pointer: str) -> Iterator[None]:
    """What is wrong inside is said of the part of the request at ``pointer``."""
    try:
        yield
    except InvalidRequest as error:
        errors = tuple(replace(item, pointer=pointer + item.pointer) for item in error.errors)
        raise type(error)(error.detail, errors=errors) from None


class Where(TypedDict):
    """What queries are given of a condition; see ``RowQuery`` and ``VectorQuery``."""

    expression: str
    nothing: bool


def where(known: KnownCollection, *nodes: Node | None) -> Where:
    """All nodes together, rewritten, within the rows that are the caller's; empty where every row is meant.

    Raises:
        UnsupportedByEngine: the engine's language lacks something.
    """
    if any(node is not None for node in nodes):
        return _written(known, conjunction(*nodes, own_rows(known)))
    return _of_own_rows(known) if known.rows else _written(known, None)


_kept: dict[tuple[int, ...], tuple[Collection, tuple[RowFilter, ...], Where]] = {}
_MOST_KEPT = 1_000


def _of_own_rows(known: KnownCollection) -> Where:
    """For requests without a condition of their own: kept while schema and row filters are the same objects.

    Compared they are not: to Python a filter for 1 equals one for true.
    """
    key = (id(known.schema), *map(id, known.rows))
    found = _kept.get(key)
    if found is None:
        if len(_kept) >= _MOST_KEPT:
            _kept.clear()
        # What is kept holds the objects, so that no others get their numbers.
        found = _kept[key] = known.schema, known.rows, _written(known, own_rows(known))
    return found[2]


def _written(known: KnownCollection, whole: Node | None) -> Where:
    if whole is None:
        return Where(expression="", nothing=False)
    rewritten = rewrite(whole, known.schema)
    node = ids_in(known.schema.primary, []) if rewritten.nothing else rewritten.node
    expression = serialise(node, known.engine.capabilities.dialect) if node is not None else ""
    return Where(expression=expression, nothing=rewritten.nothing)


def own_rows(known: KnownCollection) -> Node | None:
    """The condition of the caller's rows; None where all are.

    Raises:
        PermissionDenied: no row filter fits the collection's schema, so no row is the caller's.
    """
    if not known.rows:
        return None
    fitting = []
    for rows in known.rows:
        try:
            fitting.append(rows.condition(known.schema))
        except InvalidFilter:
            log.warning("a row filter on %s does not fit the schema of %s", rows.field, known.schema.name)
    if not fitting:
        raise PermissionDenied("The row filter of your grant does not fit this collection; no row of it is yours.")
    return any_of(fitting)


def output_fields(known: KnownCollection, asked: list[str] | None, *, default_all: bool) -> list[str]:
    """Names to ask the engine for. ``*`` is every field with the dynamic ones.

    Raises:
        InvalidRequest: a name that is neither a field nor can be a dynamic one.
    """
    schema = known.visible
    everything = [field.name for field in schema.fields] + (["$meta"] if schema.dynamic_fields else [])
    if asked is None:
        return everything if default_all else []
    if "*" in asked:
        return everything
    for index, name in enumerate(asked):
        if schema.field(name) is None and not (schema.dynamic_fields and _may_be_dynamic(known, name)):
            names = ", ".join(field.name for field in schema.fields)
            raise InvalidRequest.at(f"/output_fields/{index}", f"there is no field {name[:255]!r}; there is {names}")
    return list(dict.fromkeys(asked))


def _may_be_dynamic(known: KnownCollection, name: str) -> bool:
    """A path such as ``$meta["k"]`` would reach a denied key under another name."""
    return bool(name) and (not known.denied or (name not in known.denied and (name == META or is_plain_name(name))))


def without_denied(known: KnownCollection, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows without the dynamic keys that are not there for the caller."""
    if not known.denied:
        return rows
    return [{name: value for name, value in row.items() if name not in known.denied} for row in rows]
