"""CSV by RFC 4180 with a header: vectors, lists and JSON as JSON text, binary vectors as base64, dynamic fields
together as ``$meta``. A cell without anything is null; the empty string has quotes."""

import base64
import shutil
from pathlib import Path
from typing import IO, Any

import numpy as np
import orjson

from vectorstore.domain.arrow import DYNAMIC
from vectorstore.domain.batch import Batch
from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.models import DataType

_QUOTED = frozenset('",\r\n')
_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


class CsvFormat:
    media = "text/csv; charset=utf-8"

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    def part(self, file: IO[bytes]) -> "_Part":
        return _Part(file, self._collection)

    def join(self, parts: list[Path], file: IO[bytes]) -> None:
        names = [field.name for field in self._collection.fields]
        if self._collection.dynamic_fields:
            names.append(DYNAMIC)
        file.write((",".join(names) + "\r\n").encode())
        for part in parts:
            with part.open("rb") as source:
                shutil.copyfileobj(source, file, 1024 * 1024)


class _Part:
    def __init__(self, file: IO[bytes], collection: Collection) -> None:
        self._file, self._collection = file, collection

    def write(self, batch: Batch) -> int:
        columns = [[cell(value, field) for value in batch.columns[field.name]] for field in self._collection.fields]
        if batch.dynamic is not None:
            columns.append([quoted(text.decode()) for text in batch.dynamic])
        return sum(self._file.write((",".join(cells) + "\r\n").encode()) for cells in zip(*columns, strict=True))

    def close(self) -> None:
        """Nothing is left to write."""


def cell(value: Any, field: Field) -> str:
    """A value as it stands between commas."""
    if value is None:
        return ""
    if field.type is DataType.VARCHAR:
        return quoted(value)
    if field.type is DataType.JSON:
        return quoted(value.decode())
    if field.type is DataType.BINARY_VECTOR:
        return base64.b64encode(value).decode()
    if field.type is DataType.BOOL:
        return "true" if value else "false"
    if field.type is DataType.FLOAT:
        value = np.float32(value)
    elif isinstance(value, np.ndarray):
        value = np.ascontiguousarray(value)
    return quoted(orjson.dumps(value, option=_OPTIONS).decode())


def quoted(text: str) -> str:
    """``text`` with quotes around where it needs them; the empty one does."""
    if text and not _QUOTED & set(text):
        return text
    return '"' + text.replace('"', '""') + '"'
