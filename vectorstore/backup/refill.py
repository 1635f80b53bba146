"""Rows of a source into a collection that is there: written as any rows are, so that the journal has them."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from vectorstore.backup.loading import batches
from vectorstore.domain.arrow import DEFAULT_PARTITION, PARTITION, from_arrow
from vectorstore.domain.definition import Definition
from vectorstore.domain.errors import Conflict
from vectorstore.service import VectorService
from vectorstore.service.catalogue import KnownCollection
from vectorstore.service.context import Scope
from vectorstore.service.work import Work


def refuse_misfit(definition: Definition, known: KnownCollection) -> None:
    """
    Raises:
        Conflict: the collection cannot take the rows of ``definition``; the first field or partition is named.
    """
    name = known.schema.name
    for field in definition.schema.fields:
        there = known.schema.field(field.name)
        if there is None or (there.type, there.dimension, there.element_type, there.primary) != (
            field.type,
            field.dimension,
            field.element_type,
            field.primary,
        ):
            raise Conflict(f"{name} has no field {field.name} like that of the rows to restore.")
    for field in known.schema.fields:
        lacks = definition.schema.field(field.name) is None
        if lacks and not field.nullable and field.default is None:
            raise Conflict(f"{name} has a field {field.name}, which the rows to restore lack.")
    if definition.schema.dynamic_fields and not known.schema.dynamic_fields:
        raise Conflict(f"{name} has no dynamic fields, and the rows to restore do.")
    for partition in definition.partitions:
        if not _keyed(known) and partition not in known.partitions:
            raise Conflict(f"{name} has no partition {partition}; create it first.")


def refill(work: Work, target: Scope, known: KnownCollection, rows: Iterator[pa.RecordBatch]) -> int:
    """Write every row in place of what has its key; returns how many. What a former run has written is passed over."""
    done = 0
    for number, part in enumerate(batches(rows)):
        work.check()
        if work.finished(f"rows/{number}") is None:
            _write(target, known, part)
            work.finish(f"rows/{number}")
        done += part.num_rows
        work.progress(done, None, "rows")
    return done


def _write(target: Scope, known: KnownCollection, rows: pa.RecordBatch) -> None:
    named = rows.column(PARTITION)
    for place in [None] if _keyed(known) else pc.unique(named).to_pylist():
        part = rows if place is None else rows.filter(pc.equal(named, place))
        where = place if place and place != DEFAULT_PARTITION else None
        VectorService(target).write_batch(known.schema.name, from_arrow(part, known.schema), where, replace=True)


def _keyed(known: KnownCollection) -> bool:
    return any(field.partition_key for field in known.schema.fields)
