"""All rows of a collection in columns, by ranges of the primary key: what backups and exports read."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import orjson
from pymilvus.grpc_gen import schema_pb2

from vectorstore.adapters.columnar_codec import decode_column
from vectorstore.adapters.read_calls import MAX_WINDOW, ReadCalls, RowQuery, every_row, row_count
from vectorstore.adapters.schema_codec import DYNAMIC_FIELD
from vectorstore.domain.batch import Batch
from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.errors import PayloadTooLarge
from vectorstore.domain.filters import Compare, FieldRef, Literal, serialise
from vectorstore.domain.models import DataType, RowId
from vectorstore.domain.rows import read_rows

PAGE_BYTES = 24 * 1024 * 1024
"""Milvus sends at most 64 MB in one answer; a page is planned for less, because texts vary."""


_PAGE_DEADLINE_S = 60.0
"""A page is some 24 MB, and who reads all of them is in no hurry."""


class ScanCalls(ReadCalls):
    def scan(
        self,
        database: str,
        collection: Collection,
        query: RowQuery,
        after: RowId | None = None,
        until: RowId | None = None,
    ) -> Iterator[Batch]:
        """Batches of whole rows, keys ascending, with every field of ``collection``.

        ``after`` is a key below the first, ``until`` the last key of the range; without them all rows that match
        ``query`` (its output fields and limits are not used). Ends at an empty page only: Milvus has had short pages
        with rows left. A row written or deleted meanwhile may be seen or not.

        Raises:
            UnsupportedByEngine: a row's vector cannot be read (Milvus 2.3 and the key 2^63-1).
        """
        if query.nothing:
            return
        names = [field.name for field in collection.fields] + ([DYNAMIC_FIELD] if collection.dynamic_fields else [])
        primary, page, last = collection.primary.name, _page_rows(collection), after
        while True:
            parts = [query.expression]
            if last is not None:
                parts.append(serialise(Compare(">", FieldRef(primary), Literal(last))))
            if until is not None:
                parts.append(serialise(Compare("<=", FieldRef(primary), Literal(until))))
            expression = " and ".join(f"({part})" for part in parts if part) or every_row(collection)
            step = replace(query, expression=expression, output_fields=names, limit=page, offset=0, ordered=True)
            step = replace(step, timeout=query.timeout or _PAGE_DEADLINE_S)
            try:
                answer = self._query(database, collection.name, step)
            except PayloadTooLarge:
                if page == 1:
                    raise
                page = max(1, page // 4)
                continue
            batch = _batch(answer.fields_data, row_count(answer), collection)
            if not batch.size:
                break
            last = max(batch.ids)
            yield batch
        if self._may_miss_largest(collection) and until is None:
            rows = self._largest(database, collection, replace(query, output_fields=names))
            if rows:
                yield read_rows(rows, collection)


def _batch(columns: Any, rows: int, collection: Collection) -> Batch:
    batch = Batch(size=rows)
    for data in columns:
        if data.is_dynamic or data.field_name == DYNAMIC_FIELD:
            batch.dynamic = [_plain_json(text) or b"{}" for text in data.scalars.json_data.data]
        elif data.type == schema_pb2.JSON:
            batch.columns[data.field_name] = [_plain_json(text) for text in decode_column(data, rows)]
        else:
            batch.columns[data.field_name] = decode_column(data, rows)
    if collection.dynamic_fields and batch.dynamic is None:
        batch.dynamic = [b"{}"] * rows
    batch.ids = list(batch.columns.get(collection.primary.name, []))
    return batch


def _plain_json(text: bytes | None) -> bytes | None:
    """JSON text as the gateway writes it: Milvus Lite puts spaces in."""
    return orjson.dumps(orjson.loads(text)) if text and b" " in text else text


def _page_rows(collection: Collection) -> int:
    return max(1, min(MAX_WINDOW, PAGE_BYTES // sum(_width(field) for field in collection.fields)))


def _width(field: Field) -> int:
    """About how many bytes a value has."""
    if field.type in (DataType.FLOAT16_VECTOR, DataType.BFLOAT16_VECTOR):
        return 2 * (field.dimension or 0)
    if field.type is DataType.FLOAT_VECTOR:
        return 4 * (field.dimension or 0)
    if field.type is DataType.BINARY_VECTOR:
        return (field.dimension or 0) // 8
    if field.type in (DataType.VARCHAR, DataType.JSON, DataType.ARRAY, DataType.SPARSE_FLOAT_VECTOR):
        return 512
    return 8
