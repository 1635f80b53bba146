"""From rows as callers write them to a checked ``Batch``: one bad row refuses all and each is named."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from vectorstore.domain.batch import Batch
from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.errors import FieldError, InvalidRequest
from vectorstore.domain.ids import mint
from vectorstore.domain.models import INTEGER_RANGES, DataType, RowId
from vectorstore.domain.values import read_scalar
from vectorstore.domain.vector import read_vector

MAX_REPORTED = 100
"""At most this many errors are listed; the detail gives the full number."""

_MISSING = object()


class _Errors:
    def __init__(self, pointer: str) -> None:
        self._pointer = pointer
        self.count = 0
        self.items: list[FieldError] = []

    def add(self, row: int, name: str, detail: str, code: str = "invalid") -> None:
        self.count += 1
        if len(self.items) < MAX_REPORTED:
            escaped = name.replace("~", "~0").replace("/", "~1")
            pointer = f"{self._pointer}/{row}/{escaped}" if name else f"{self._pointer}/{row}"
            self.items.append(FieldError(pointer, code, detail))


def read_rows(
    rows: Sequence[Mapping[str, Any]], collection: Collection, *, pointer: str = "/vectors", engine_ids: bool = False
) -> Batch:
    """Check every value of ``rows`` against the schema.

    Ids are minted where the collection has ``auto_id`` and a row has none. With ``engine_ids`` (a foreign
    collection whose engine makes them) rows carry none and ``Batch.ids`` stays empty.

    Raises:
        InvalidRequest: naming each bad value as ``/vectors/17/vector``.
    """
    errors = _Errors(pointer)
    for index, row in enumerate(rows):
        if not isinstance(row, Mapping):
            errors.add(index, "", "a row is an object of field names and values")
    _raise(errors, len(rows))
    batch = Batch(size=len(rows))
    for field in collection.fields:
        values = [row.get(field.name, _MISSING) for row in rows]
        if field.primary:
            if engine_ids:
                _refuse_ids(values, field, errors)
            else:
                batch.columns[field.name] = batch.ids = _read_ids(values, field, collection.auto_id, errors)
        elif field.type.is_vector:
            batch.columns[field.name] = _read_vectors(values, field, errors)
        else:
            batch.columns[field.name] = _read_scalars(values, field, errors)
    _read_dynamic(rows, collection, batch, errors)
    _raise(errors, len(rows))
    return batch


def read_id(value: Any, primary: Field) -> RowId:
    """One primary key: VARCHAR as a string, INT64 as an integer or its decimal string.

    Raises:
        ValueError: with the reason.
    """
    if primary.type is DataType.INT64:
        if isinstance(value, str):
            digits = value.removeprefix("-")
            if not digits.isascii() or not digits.isdigit() or len(digits) > 19:
                raise ValueError("an id of this collection is an integer, or the same as a string")
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
            raise ValueError("an id of this collection is an integer, or the same as a string")
        low, high = INTEGER_RANGES[DataType.INT64]
        if not low <= value <= high:
            raise ValueError(f"the id is outside {low} to {high}")
        return int(value)
    if not isinstance(value, str):
        raise ValueError("an id of this collection is a string")
    return str(read_scalar(value, primary))


def _raise(errors: _Errors, rows: int) -> None:
    if not errors.count:
        return
    bad = len({item.pointer.split("/")[2] for item in errors.items})
    more = f", the first {MAX_REPORTED} listed" if errors.count > MAX_REPORTED else ""
    raise InvalidRequest(
        f"{errors.count} values in {bad} of {rows} rows are invalid{more}; nothing was written",
        errors=tuple(errors.items),
    )


def _refuse_ids(values: list[Any], field: Field, errors: _Errors) -> None:
    for index, value in enumerate(values):
        if value is not _MISSING:
            errors.add(index, field.name, "the engine makes the ids of this collection; leave the field out")


def _read_ids(values: list[Any], field: Field, auto_id: bool, errors: _Errors) -> list[RowId]:
    missing = [index for index, value in enumerate(values) if value is _MISSING or value is None]
    if missing and auto_id:
        made: Sequence[RowId] = (
            mint.integers(len(missing)) if field.type is DataType.INT64 else mint.uuids(len(missing))
        )
        for index, value in zip(missing, made, strict=True):
            values[index] = value
    seen: dict[RowId, int] = {}
    for index, value in enumerate(values):
        if value is _MISSING or value is None:
            errors.add(index, field.name, "the id is missing", "required")
            continue
        try:
            identity = read_id(value, field)
        except ValueError as error:
            errors.add(index, field.name, str(error))
            continue
        if identity in seen:
            errors.add(index, field.name, f"the id is used by row {seen[identity]} of this request too", "duplicate")
        seen[identity] = index
        values[index] = identity
    return values


def _read_vectors(values: list[Any], field: Field, errors: _Errors) -> Any:
    fast = _fast_dense(values, field)
    if fast is not None:
        return fast
    read: list[Any] = []
    for index, value in enumerate(values):
        if value is _MISSING or value is None:
            if field.nullable:
                read.append(None)
            else:
                errors.add(index, field.name, "the vector is missing", "required")
            continue
        try:
            read.append(read_vector(value, field.type, field.dimension))
        except ValueError as error:
            errors.add(index, field.name, str(error))
    if field.type is DataType.FLOAT_VECTOR and not errors.count and not any(item is None for item in read):
        return np.vstack(read) if read else np.empty((0, field.dimension or 0), np.float32)
    return read


def _fast_dense(values: list[Any], field: Field) -> Any:
    """All vectors at once where every one is a list of floats; None where the slow way has to name a bad one."""
    if field.type is not DataType.FLOAT_VECTOR or not all(isinstance(value, (list, np.ndarray)) for value in values):
        return None
    if any(len(value) != field.dimension for value in values):
        return None
    try:
        exact = np.asarray(values)
        if exact.dtype.kind not in "fi" or exact.ndim != 2:
            return None
        with np.errstate(over="ignore"):
            array = exact.astype(np.float32)
    except (TypeError, ValueError, OverflowError):
        return None
    return array if np.isfinite(array).all() else None


def _read_scalars(values: list[Any], field: Field, errors: _Errors) -> list[Any]:
    for index, value in enumerate(values):
        if value is _MISSING and field.default is not None:
            value = field.default
        if value is _MISSING or (value is None and field.type is not DataType.JSON):
            if field.nullable:
                values[index] = None
            elif value is None and field.default is not None:
                values[index] = read_scalar(field.default, field)
            else:
                errors.add(index, field.name, f"the field is missing; it is {field.type} and not nullable", "required")
            continue
        try:
            values[index] = read_scalar(value, field)
        except ValueError as error:
            errors.add(index, field.name, str(error))
    return values


def _read_dynamic(rows: Sequence[Mapping[str, Any]], collection: Collection, batch: Batch, errors: _Errors) -> None:
    known = {field.name for field in collection.fields}
    dynamic: list[bytes] = []
    for index, row in enumerate(rows):
        extra = {name: value for name, value in row.items() if name not in known}
        if not collection.dynamic_fields:
            for name in extra:
                errors.add(index, str(name), "the collection has no such field and no dynamic fields", "unknown_field")
            continue
        for name in extra:
            if not isinstance(name, str) or not name or name.startswith("$"):
                errors.add(index, str(name), "a dynamic field's name is a non-empty string that does not begin with $")
        try:
            dynamic.append(orjson.dumps(extra, option=orjson.OPT_SERIALIZE_NUMPY))
        except (TypeError, ValueError):
            errors.add(index, "", "a dynamic field holds a value that is no JSON (integers have at most 64 bits)")
    batch.dynamic = dynamic if collection.dynamic_fields else None
