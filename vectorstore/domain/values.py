"""How a scalar value is read for a field's type. The reasons in the errors are written for the caller."""

import math
from typing import Any

import numpy as np
import orjson

from vectorstore.domain.collection import Field
from vectorstore.domain.models import INTEGER_RANGES, DataType

MAX_JSON_BYTES = 65_536
"""Milvus's limit for one JSON value (``common.maxJSONLength`` by default)."""

FLOAT32_MAX = float(np.finfo(np.float32).max)


def read_scalar(value: Any, field: Field) -> Any:
    """``value`` as the codec takes it: Python scalars, bytes of JSON text for JSON, a list for ARRAY.

    Raises:
        ValueError: with the reason.
    """
    if field.type is DataType.JSON:
        return _read_json(value)
    if field.type is DataType.ARRAY:
        return _read_array(value, field)
    return _read_plain(value, field.type, field.max_length)


def _read_plain(value: Any, kind: DataType, max_length: int | None) -> Any:
    if kind is DataType.BOOL:
        if not isinstance(value, (bool, np.bool_)):
            raise ValueError("the value is not true or false")
        return bool(value)
    if kind.is_integer:
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
            raise ValueError(f"the value is not an integer; the field is {kind}")
        low, high = INTEGER_RANGES[kind]
        if not low <= value <= high:
            raise ValueError(f"the value is outside the range of {kind}, {low} to {high}")
        return int(value)
    if kind.is_float:
        return _read_float(value, kind)
    if not isinstance(value, str):
        raise ValueError("the value is not a string")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise ValueError("the string holds a lone surrogate, which UTF-8 cannot carry") from None
    if max_length is not None and size > max_length:
        raise ValueError(f"the string has {size} bytes, the field holds {max_length}")
    return value


def _read_float(value: Any, kind: DataType) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise ValueError("the value is not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number) or (kind is DataType.FLOAT and abs(number) > FLOAT32_MAX):
        raise ValueError(f"the value is not a finite number within the range of {kind}")
    return number


def _read_array(value: Any, field: Field) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        raise ValueError("the value is not a list")
    if field.max_capacity is not None and len(value) > field.max_capacity:
        raise ValueError(f"the list has {len(value)} elements, the field holds {field.max_capacity}")
    element = field.element_type or DataType.VARCHAR
    read = []
    for index, item in enumerate(value):
        try:
            read.append(_read_plain(item, element, field.max_length))
        except ValueError as error:
            raise ValueError(f"element {index}: {error}") from None
    return read


def _read_json(value: Any) -> bytes:
    try:
        text = orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
    except (TypeError, ValueError):
        raise ValueError("the value is no JSON (integers have at most 64 bits, keys are strings)") from None
    if len(text) > MAX_JSON_BYTES:
        raise ValueError(f"the JSON text has {len(text)} bytes, at most {MAX_JSON_BYTES} are kept")
    return text
