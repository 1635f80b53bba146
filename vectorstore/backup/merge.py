"""Layers of changes come to one outcome for each key: the newest."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from vectorstore.backup.seen import SeenKeys
from vectorstore.domain.arrow import DEFAULT_PARTITION, DYNAMIC, PARTITION, arrow_schema
from vectorstore.domain.collection import Collection
from vectorstore.domain.errors import BackupDamaged
from vectorstore.domain.models import DataType
from vectorstore.journal.changes import Change, Cleared, Gone, Rows


def live_rows(changes: Iterable[Change], collection: Collection, scratch: Path) -> Iterator[pa.RecordBatch]:
    """Every row that is there after ``changes``, once, with the columns of ``merged_schema``.

    ``changes`` come newest first: the journal from its end, overlays, then the base. The first mention of a key
    decides. Nothing older than ``Cleared()`` is asked for.

    Raises:
        BackupDamaged: rows lack a field that cannot be null.
    """
    for change in fold(changes, collection, scratch):
        if isinstance(change, Rows):
            yield change.columns


def fold(changes: Iterable[Change], collection: Collection, scratch: Path) -> Iterator[Change]:
    """What ``changes``, newest first, come to, newest first again: each key at most once, ``Cleared`` at the end.

    Rows have the columns of ``merged_schema``. A key whose row a later ``Cleared(partition)`` removed is ``Gone``:
    an older layer can have it in another partition.

    Raises:
        BackupDamaged: as ``live_rows``.
    """
    key = collection.primary
    kind = pa.int64() if key.type is DataType.INT64 else pa.string()
    seen = SeenKeys(scratch)
    cleared: list[str] = []
    for change in changes:
        match change:
            case Cleared(partition=None):
                yield Cleared()
                return
            case Cleared(partition=str(partition)):
                if (partition or DEFAULT_PARTITION) not in cleared:
                    cleared.append(partition or DEFAULT_PARTITION)
            case Gone(keys=keys):
                named = pa.array(keys, kind)
                if gone := named.filter(pa.array(seen.add(named))).to_pylist():
                    yield Gone(gone)
            case Rows():
                rows = conform(change, collection)
                new = seen.add(rows.column(key.name))
                removed = new & _in_partitions(rows, cleared)
                if removed.any():
                    yield Gone(rows.column(key.name).filter(pa.array(removed)).to_pylist())
                    new &= ~removed
                if new.any():
                    yield Rows(rows if new.all() else rows.filter(pa.array(new)), None)
    for partition in cleared:
        yield Cleared(partition)


def merged_schema(collection: Collection) -> pa.Schema:
    """``arrow_schema`` and ``$partition``."""
    return arrow_schema(collection).append(pa.field(PARTITION, pa.string(), nullable=False))


def conform(change: Rows, collection: Collection) -> pa.RecordBatch:
    """Rows by ``merged_schema``: a field that they lack has its default or is null, what is no field is left out.

    Raises:
        BackupDamaged: a column is missing that cannot be null, or has another type.
    """
    rows, count, schema = change.columns, change.columns.num_rows, merged_schema(collection)
    names = set(rows.schema.names)
    arrays = []
    for column in schema:
        if column.name == PARTITION and (change.partition is not None or PARTITION not in names):
            arrays.append(pa.repeat(pa.scalar(change.partition or "", pa.string()), count))
        elif column.name in names:
            array = rows.column(column.name)
            if array.type != column.type:
                raise BackupDamaged(f"Rows have {column.name} as {array.type}; the collection has {column.type}.")
            arrays.append(array)
        elif column.name == DYNAMIC:
            arrays.append(pa.repeat("{}", count))
        elif (field := collection.field(column.name)) is not None and field.default is not None:
            arrays.append(pa.repeat(pa.scalar(field.default, column.type), count))
        elif column.nullable:
            arrays.append(pa.nulls(count, column.type))
        else:
            raise BackupDamaged(f"Rows lack the field {column.name}, which cannot be null.")
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _in_partitions(rows: pa.RecordBatch, partitions: list[str]) -> npt.NDArray[np.bool_]:
    if not partitions:
        return np.zeros(rows.num_rows, bool)
    # Rows that name no partition are in the default one.
    wanted = pa.array([*partitions, ""] if DEFAULT_PARTITION in partitions else partitions, pa.string())
    found: npt.NDArray[np.bool_] = pc.is_in(rows.column(PARTITION), wanted).to_numpy(zero_copy_only=False)
    return found
