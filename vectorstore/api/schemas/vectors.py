"""Answers of ``vectors/``. Ids are strings, because an INT64 key passes the 2^53 that JavaScript can hold."""

from collections.abc import Iterable
from typing import Any, NotRequired, TypedDict

from vectorstore.domain.models import RowId


class InsertedBody(TypedDict):
    inserted: int
    ids: list[str]


class UpsertedBody(TypedDict):
    upserted: int
    ids: list[str]


class RowsBody(TypedDict):
    """Rows as flat objects of field to value; ``took_ms`` and ``profile`` where a profile was asked for."""

    results: list[dict[str, Any]]
    took_ms: NotRequired[float]
    profile: NotRequired[dict[str, Any]]


class CountBody(TypedDict):
    count: int
    took_ms: NotRequired[float]
    profile: NotRequired[dict[str, Any]]


class DeletedBody(TypedDict):
    deleted: int


def id_strings(ids: Iterable[RowId]) -> list[str]:
    return [str(row_id) for row_id in ids]


def rows_body(rows: list[dict[str, Any]], primary: str) -> RowsBody:
    """``rows`` with the values of the ``primary`` field as strings."""
    return {"results": [{**row, primary: str(row[primary])} if primary in row else row for row in rows]}
