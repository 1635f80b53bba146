"""Every form a vector may come in, and what is wrong with those that do not."""

import base64
from typing import Any

import numpy as np
import pytest

from vectorstore.domain.models import DataType
from vectorstore.domain.vector import SPARSE_INDEX_LIMIT, Vector, read_vector

DENSE = (DataType.FLOAT_VECTOR, DataType.FLOAT16_VECTOR, DataType.BFLOAT16_VECTOR)


def packed(*values: float, kind: str = "<f4") -> str:
    return base64.b64encode(np.array(values, kind).tobytes()).decode()


@pytest.mark.parametrize("kind", DENSE)
@pytest.mark.parametrize(
    "value",
    [
        [1, 2.5, -3],
        (1, 2.5, -3),
        [np.float32(1), np.int64(1) * 2.5, np.float64(-3)],
        np.array([1, 2.5, -3], np.float32),
        np.array([1, 2.5, -3], np.float64),
        np.array([1, 2.5, -3], ">f4"),
        np.array([1, 0, 2.5, 0, -3], np.float32)[::2],
        packed(1, 2.5, -3),
    ],
)
def test_a_dense_vector_becomes_float32(kind: DataType, value: Any) -> None:
    read = read_vector(value, kind, 3)
    assert read.dtype == np.float32
    assert read.shape == (3,)
    assert read.tolist() == [1, 2.5, -3]


def test_float32_values_keep_their_bits() -> None:
    values = np.array([0.1, -0.0, 1e-45, np.finfo(np.float32).max], np.float32)
    for form in (values, values.tolist(), packed(*values)):
        assert read_vector(form, DataType.FLOAT_VECTOR, 4).tobytes() == values.tobytes()


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([1, 2], "has 2 dimensions, the field has 3"),
        ([], "has 0 dimensions"),
        ([1, 2, 3, 4], "has 4 dimensions"),
        (np.ones((1, 3), np.float32), "dimensions"),
        (np.float32(1), "a list of numbers or a base64 string"),
        (packed(1, 2), "has 2 dimensions"),
        (packed(1, 2, 3, kind="<f8"), "has 6 dimensions"),
        ("", "has 0 dimensions"),
        ([1, 2, "3"], "a list of numbers"),
        ([1, 2, None], "a list of numbers"),
        ([1, 2, True], "a list of numbers"),
        ([1, 2, [3]], "a list of numbers"),
        ([1, 2, 3j], "a list of numbers"),
        ([1, 2, 10**400], "a list of numbers|finite"),
        (np.array(["a", "b", "c"]), "a list of numbers"),
        (np.array([1, 2, None], object), "a list of numbers|finite"),
        (np.array([1, 2, 3j]), "a list of numbers"),
        ([1, 2, float("nan")], "finite"),
        ([1, 2, float("inf")], "finite"),
        ([1, 2, 1e39], "finite"),
        (np.array([1, 2, 1e39]), "finite"),
        (packed(1, 2, float("nan")), "finite"),
        (packed(1, float("-inf"), 2), "finite"),
        ("not base64!", "not valid base64"),
        ("AAAA\nAAAA", "not valid base64"),
        ("AAA", "not valid base64"),
        ("é", "not valid base64"),
        ("AAAA", "whole number of float32"),
        (None, "a list of numbers or a base64 string"),
        (5, "a list of numbers or a base64 string"),
        ({"0": 1}, "a list of numbers or a base64 string"),
        (b"\0" * 12, "a list of numbers or a base64 string"),
    ],
)
def test_a_bad_dense_vector_is_refused_with_a_reason(value: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_vector(value, DataType.FLOAT_VECTOR, 3)


@pytest.mark.parametrize("value", [b"\xff\x01", [255, 1], base64.b64encode(b"\xff\x01").decode()])
def test_a_binary_vector_becomes_bytes(value: Any) -> None:
    assert read_vector(value, DataType.BINARY_VECTOR, 16) == b"\xff\x01"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"\xff", "has 8 bits, the field has 16"),
        ([1, 2, 3], "has 24 bits"),
        ("", "has 0 bits"),
        ([1, 256], "list of bytes"),
        ([1, -1], "list of bytes"),
        ([1, 2.0], "list of bytes"),
        ([1, "2"], "list of bytes"),
        ([1, True], "list of bytes"),
        ([1, None], "list of bytes"),
        ("??", "not valid base64"),
        (None, "list of bytes"),
        (7, "list of bytes"),
        ({"0": 1}, "list of bytes"),
    ],
)
def test_a_bad_binary_vector_is_refused_with_a_reason(value: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_vector(value, DataType.BINARY_VECTOR, 16)


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ({"7": 0.5, "2": 1}, {2: 1.0, 7: 0.5}),
        ({7: 0.5, 2: np.float32(1)}, {2: 1.0, 7: 0.5}),
        ({0: -1, SPARSE_INDEX_LIMIT - 1: 2}, {0: -1.0, SPARSE_INDEX_LIMIT - 1: 2.0}),
        ({}, {}),
    ],
)
def test_a_sparse_vector_becomes_a_mapping_in_the_order_of_its_indices(value: Any, read: dict[int, float]) -> None:
    found = read_vector(value, DataType.SPARSE_FLOAT_VECTOR, None)
    assert found == read
    assert list(found) == sorted(found)
    assert all(type(key) is int and type(weight) is float for key, weight in found.items())


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([1, 2], "an object"),
        ("AAAA", "an object"),
        (None, "an object"),
        ({"x": 1}, "'x' is not an integer"),
        ({"x" * 99: 1}, f"'{'x' * 40}' is not an integer"),
        ({"1.5": 1}, "is not an integer"),
        ({1.5: 1}, "is not an integer"),
        ({None: 1}, "is not an integer"),
        ({True: 1}, "is not an integer"),
        ({-1: 1}, "outside 0 to 4294967294"),
        ({SPARSE_INDEX_LIMIT: 1}, "outside 0 to 4294967294"),
        ({"9" * 5000: 1}, "is not an integer|outside"),
        ({1: "x"}, "weight at index 1 is not a number"),
        ({1: None}, "weight at index 1 is not a number"),
        ({1: True}, "weight at index 1 is not a number"),
        ({1: 1j}, "weight at index 1 is not a number"),
        ({1: float("nan")}, "weight at index 1 is not a finite"),
        ({1: float("inf")}, "weight at index 1 is not a finite"),
        ({1: 1e39}, "weight at index 1 is not a finite"),
        ({1: 10**400}, "weight at index 1 is not a finite"),
        ({1: 1, "1": 2}, "index 1 is there twice"),
        ({"1": 1, "01": 2}, "index 1 is there twice"),
        ({" 1": 1}, "' 1' is not an integer"),
        ({"١": 1}, "is not an integer"),
    ],
)
def test_a_bad_sparse_vector_is_refused_with_a_reason(value: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_vector(value, DataType.SPARSE_FLOAT_VECTOR, None)


def test_a_row_has_its_own_fields() -> None:
    one, other = Vector([1.0]), Vector([1.0], id="b", fields={"tag": "x"})
    assert one.id is None
    assert dict(one.fields) == {}
    assert other.fields["tag"] == "x"
    assert one != Vector([1.0])  # arrays have no single answer to ==
