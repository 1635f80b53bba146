"""The part of a collection that a restore is asked for: of some partitions, and by a filter."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from vectorstore.domain.arrow import DEFAULT_PARTITION, DYNAMIC, PARTITION
from vectorstore.domain.collection import Collection
from vectorstore.domain.definition import Definition
from vectorstore.domain.errors import InvalidFilter, InvalidRequest
from vectorstore.domain.filters import FieldRef, Node, check, parse
from vectorstore.domain.filters.evaluate import matches
from vectorstore.domain.filters.failures import refuse_deep
from vectorstore.domain.filters.tree import IsNull, children
from vectorstore.domain.models import DataType


@dataclass(frozen=True, slots=True)
class Selection:
    """No partitions: all of them; an empty filter: every row."""

    partitions: tuple[str, ...] = ()
    filter: str = ""

    @classmethod
    def of(cls, params: dict[str, Any]) -> "Selection":
        return cls(tuple(params.get("partitions") or ()), str(params.get("filter") or "").strip())

    @property
    def whole(self) -> bool:
        return not self.partitions and not self.filter

    def check(self, definition: Definition) -> None:
        """
        Raises:
            InvalidRequest, InvalidFilter: there is no such part.
        """
        if self.partitions and any(field.partition_key for field in definition.schema.fields):
            raise InvalidRequest.at("/partitions", "the collection has a partition key: select by a filter on it")
        there = (DEFAULT_PARTITION, *definition.partitions)
        for name in self.partitions:
            if name not in there:
                detail = f"the collection had no partition {name[:255]!r} then; it had {', '.join(there)}"
                raise InvalidRequest.at("/partitions", detail)
        self._tree(definition.schema)

    def narrowed(self, definition: Definition) -> Definition:
        """Without the partitions that stay empty."""
        if not self.partitions:
            return definition
        return replace(definition, partitions=tuple(name for name in definition.partitions if name in self.partitions))

    def rows(self, parts: Iterator[pa.RecordBatch], schema: Collection) -> Iterator[pa.RecordBatch]:
        node, wanted = self._tree(schema), pa.array(self.partitions, pa.string())
        for part in parts:
            if self.partitions:
                places = pc.if_else(pc.equal(part.column(PARTITION), ""), DEFAULT_PARTITION, part.column(PARTITION))
                part = part.filter(pc.is_in(places, wanted))
            if node is not None:
                part = part.filter(pa.array([matches(node, row, schema) for row in _plain(part, schema)], pa.bool_()))
            if part.num_rows:
                yield part

    def _tree(self, schema: Collection) -> Node | None:
        if not self.filter:
            return None
        node = parse(self.filter)
        refuse_deep(node)
        node = check(node, schema)
        _refuse_nullable(node, schema)
        return node


def _refuse_nullable(node: Node, schema: Collection) -> None:
    """Raises InvalidFilter: engines do not agree what a condition on null means."""
    if isinstance(node, IsNull):
        return
    field = schema.field(node.name) if isinstance(node, FieldRef) else None
    if field is not None and field.nullable:
        detail = f"{field.name} can be null: a filter of a restore may only ask whether it is"
        raise InvalidFilter.at("/filter", detail, InvalidFilter.code)
    for child in children(node):
        _refuse_nullable(child, schema)


def _plain(rows: pa.RecordBatch, schema: Collection) -> Iterator[dict[str, Any]]:
    """Each row without its vectors, dynamic keys beside the fields."""
    fields = [field for field in schema.fields if not field.type.is_vector]
    columns = [rows.column(field.name).to_pylist() for field in fields]
    texts = rows.column(DYNAMIC).to_pylist() if schema.dynamic_fields else ["{}"] * rows.num_rows
    for text, *values in zip(texts, *columns, strict=True):
        row: dict[str, Any] = orjson.loads(text)
        for field, value in zip(fields, values, strict=True):
            row[field.name] = orjson.loads(value) if field.type is DataType.JSON and value is not None else value
        yield row
