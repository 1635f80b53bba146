"""NDJSON: rows as the API writes them, dynamic fields among the others; ids of integers are numbers.

A binary vector is base64, a sparse one ``{"index": weight}``. A nullable JSON field without a value is left out,
because null is a value of JSON.
"""

import base64
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import orjson

from vectorstore.domain.batch import Batch
from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.models import DataType

_ABSENT = object()


class NdjsonFormat:
    media = "application/x-ndjson"

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    def part(self, file: IO[bytes]) -> "_Part":
        return _Part(file, self._collection)

    def join(self, parts: list[Path], file: IO[bytes]) -> None:
        for part in parts:
            with part.open("rb") as source:
                shutil.copyfileobj(source, file, 1024 * 1024)


class _Part:
    def __init__(self, file: IO[bytes], collection: Collection) -> None:
        self._file, self._collection = file, collection

    def write(self, batch: Batch) -> int:
        size = 0
        for row in self._rows(batch):
            line = orjson.dumps(row, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS) + b"\n"
            size += self._file.write(line)
        return size

    def close(self) -> None:
        """Nothing is left to write."""

    def _rows(self, batch: Batch) -> Iterator[dict[str, Any]]:
        fields = self._collection.fields
        columns = [batch.columns[field.name] for field in fields]
        for index in range(batch.size):
            row: dict[str, Any] = {}
            for field, values in zip(fields, columns, strict=True):
                value = _value(values[index], field)
                if value is not _ABSENT:
                    row[field.name] = value
            if batch.dynamic is not None:
                row.update(orjson.loads(batch.dynamic[index]))
            yield row


def _value(value: Any, field: Field) -> Any:
    if field.type is DataType.JSON:
        return _ABSENT if value is None else orjson.Fragment(value)
    if value is None:
        return None
    if field.type is DataType.BINARY_VECTOR:
        return base64.b64encode(value).decode()
    if field.type is DataType.FLOAT:
        return np.float32(value)  # as few digits as tell it apart
    if isinstance(value, np.ndarray):
        return np.ascontiguousarray(value)
    return value
