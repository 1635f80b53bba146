"""Values as texts hold them: the cells of CSV, and JSON inside Parquet."""

import re
from typing import Any

import numpy as np
import orjson

from vectorstore.domain.arrow import DYNAMIC
from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.models import DataType

_INTEGER = re.compile(r"\s*[+-]?[0-9]{1,20}\s*", re.ASCII)
_FLOAT = re.compile(r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,5})?\s*", re.ASCII)
_BOOLS = {"true": True, "1": True, "false": False, "0": False}


def read_cells(row: dict[str, Any], collection: Collection) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """A row of cells by field as values for ``read_rows``, and what cannot be read: field and reason.

    A cell without anything is not in ``row``: a text field that takes no null gets the empty string.
    """
    found, errors = dict(row), []
    for field in collection.fields:
        value = row.get(field.name)
        if isinstance(value, str):
            try:
                found[field.name] = read_cell(value, field)
            except ValueError as error:
                errors.append((field.name, str(error)))
        elif value is None and _is_empty_text(field):
            found[field.name] = ""
    return _spread(found, errors)


def read_json(row: dict[str, Any], collection: Collection) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """A row of a file with typed columns: its texts that stand for JSON or vectors, read.

    Null in a column is nothing in a row.
    """
    found: dict[str, Any] = {}
    errors: list[tuple[str, str]] = []
    for name, value in row.items():
        if value is None:
            continue
        field = collection.field(name)
        if isinstance(value, np.ndarray) and (field is None or not field.type.is_vector):
            value = value.tolist()
        found[name] = value
        if field is None:
            continue
        try:
            if isinstance(value, str) and (field.type in (DataType.JSON, DataType.ARRAY) or field.type.is_vector):
                found[name] = read_cell(value, field)
            elif field.type is DataType.SPARSE_FLOAT_VECTOR:
                found[name] = _sparse(value)
        except ValueError as error:
            errors.append((name, str(error)))
    return _spread(found, errors)


def read_cell(text: str, field: Field) -> Any:
    """
    Raises:
        ValueError: with the reason.
    """
    kind = field.type
    if kind is DataType.VARCHAR or (kind is DataType.INT64 and field.primary):
        return text
    if kind is DataType.BOOL:
        if text.strip().lower() not in _BOOLS:
            raise ValueError("the value is not true or false")
        return _BOOLS[text.strip().lower()]
    if kind.is_integer:
        if not _INTEGER.fullmatch(text):
            raise ValueError(f"the value is not an integer; the field is {kind}")
        return int(text)
    if kind.is_float:
        if not _FLOAT.fullmatch(text):
            raise ValueError("the value is not a finite number")
        return float(text)
    if kind.is_vector and not text.lstrip().startswith(("[", "{")):
        return text  # base64
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise ValueError("the text is no JSON") from None


def _is_empty_text(field: Field) -> bool:
    return field.type is DataType.VARCHAR and not field.nullable and not field.primary and field.default is None


def _sparse(value: Any) -> Any:
    """``{"indices", "weights"}`` as exports write it, or the pairs of an Arrow map."""
    if isinstance(value, dict) and value.keys() == {"indices", "weights"}:
        indices, weights = value["indices"], value["weights"]
        if not isinstance(indices, list) or not isinstance(weights, list) or len(indices) != len(weights):
            raise ValueError("a sparse vector has as many indices as weights")
        if len(set(indices)) < len(indices):
            raise ValueError("a sparse index is there twice")
        return dict(zip(indices, weights, strict=True))
    if isinstance(value, list) and all(isinstance(pair, tuple) for pair in value):
        return dict(value)
    return value


def _spread(row: dict[str, Any], errors: list[tuple[str, str]]) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The dynamic fields of a ``$meta`` column, each by its name."""
    text = row.pop(DYNAMIC, None)
    if text is None or text == "":
        return row, errors
    try:
        dynamic = orjson.loads(text)
    except (orjson.JSONDecodeError, TypeError):
        dynamic = None
    if not isinstance(dynamic, dict):
        return row, [*errors, (DYNAMIC, "the dynamic fields are no JSON object")]
    twice = dynamic.keys() & row.keys()
    if twice:
        return row, [*errors, (DYNAMIC, f"{min(twice)[:255]!r} is a column too")]
    return {**row, **dynamic}, errors
