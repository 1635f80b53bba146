"""``Vector``: one row as the Python services take it, and how a vector value is read."""

import base64
import binascii
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from vectorstore.domain.models import DataType, RowId, Sparse
from vectorstore.domain.values import FLOAT32_MAX

Floats = npt.NDArray[np.float32]
VectorValue = list[float] | Floats | Sparse | str | bytes

SPARSE_INDEX_LIMIT = 2**32 - 1
"""Milvus keeps sparse indices as uint32 and reserves the largest."""

_INDEX = re.compile(r"-?[0-9]+")


@dataclass(frozen=True, slots=True, eq=False)
class Vector:
    """One row: a vector, its id and the values of other fields.

    ``values`` has shape (dimension,), float32, for dense vectors; a mapping of index to weight for
    sparse ones; ``dimension / 8`` bytes for binary ones. ``id`` may be left out where the gateway mints
    ids. A collection with several vector fields takes the others in ``fields``.
    """

    values: VectorValue
    id: RowId | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


def read_vector(value: Any, kind: DataType, dimension: int | None) -> Any:
    """One vector as the codec takes it.

    Dense: a float32 array of shape (dimension,); binary: bytes of dimension / 8; sparse: a dict sorted
    by index. Accepts lists, arrays, base64 of little-endian float32 (dense), base64 of the bits (binary)
    and ``{index: weight}`` (sparse).

    Raises:
        ValueError: with the reason, written for the caller.
    """
    if kind is DataType.SPARSE_FLOAT_VECTOR:
        return _read_sparse(value)
    if kind is DataType.BINARY_VECTOR:
        return _read_binary(value, dimension or 0)
    return _read_dense(value, dimension or 0)


def _read_dense(value: Any, dimension: int) -> Floats:
    if isinstance(value, str):
        raw = _decode_base64(value)
        if len(raw) % 4:
            raise ValueError("base64 vector is not a whole number of float32 values")
        array: Floats = np.frombuffer(raw, dtype="<f4")
    elif isinstance(value, (list, tuple, np.ndarray)):
        if isinstance(value, (list, tuple)) and not all(
            issubclass(kind, (int, float, np.number)) and kind is not bool for kind in set(map(type, value))
        ):
            raise ValueError("a vector is a list of numbers")
        if isinstance(value, np.ndarray) and value.dtype.kind not in "iufV":  # V: bfloat16
            raise ValueError("a vector is a list of numbers")
        try:
            with np.errstate(over="ignore"):
                array = np.asarray(value, dtype=np.float32)
        except (TypeError, ValueError, OverflowError):
            raise ValueError("a vector is a list of numbers") from None
    else:
        raise ValueError("a vector is a list of numbers or a base64 string of little-endian float32")
    if array.ndim != 1 or array.size != dimension:
        raise ValueError(f"the vector has {array.size} dimensions, the field has {dimension}")
    if not np.isfinite(array).all():
        raise ValueError("a vector holds finite float32 numbers only, no NaN or infinity")
    return array


def _read_binary(value: Any, dimension: int) -> bytes:
    if isinstance(value, str):
        raw = _decode_base64(value)
    elif isinstance(value, bytes):
        raw = value
    elif isinstance(value, list) and all(type(item) is int and 0 <= item <= 255 for item in value):
        raw = bytes(value)
    else:
        raise ValueError("a binary vector is base64 of its bits or a list of bytes (0 to 255)")
    if len(raw) * 8 != dimension:
        raise ValueError(f"the vector has {len(raw) * 8} bits, the field has {dimension}")
    return raw


def _read_sparse(value: Any) -> Sparse:
    if not isinstance(value, Mapping):
        raise ValueError('a sparse vector is an object {"index": weight}')
    sparse: Sparse = {}
    for key, weight in value.items():
        index = _read_index(key)
        if not 0 <= index < SPARSE_INDEX_LIMIT:
            raise ValueError(f"sparse index {str(index)[:40]} is outside 0 to {SPARSE_INDEX_LIMIT - 1}")
        if index in sparse:
            raise ValueError(f"sparse index {index} is there twice")
        if isinstance(weight, bool) or not isinstance(weight, (int, float, np.integer, np.floating)):
            raise ValueError(f"the weight at index {index} is not a number")
        try:
            sparse[index] = float(weight)
        except OverflowError:
            sparse[index] = math.inf
        if not abs(sparse[index]) <= FLOAT32_MAX:
            raise ValueError(f"the weight at index {index} is not a finite float32 number")
    return dict(sorted(sparse.items()))


def _read_index(key: Any) -> int:
    if isinstance(key, (int, np.integer)) and not isinstance(key, bool):
        return int(key)
    if isinstance(key, str) and len(key) <= 40 and _INDEX.fullmatch(key):
        return int(key)
    raise ValueError(f"sparse index {str(key)[:40]!r} is not an integer")


def _decode_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("the string is not valid base64") from None
