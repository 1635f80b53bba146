"""JSON out."""

import json
from datetime import UTC, datetime

import numpy as np

from vectorstore.api.renderers import JSONRenderer, encode
from vectorstore.domain.models import SearchHit


def test_numpy_arrays_dates_and_dataclasses_have_a_json_form() -> None:
    value = {
        "vector": np.asarray([0.5, 1.5], dtype=np.float32),
        "at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "hit": SearchHit("a", 0.5),
    }
    assert json.loads(encode(value)) == {
        "vector": [0.5, 1.5],
        "at": "2026-01-02T03:04:05Z",
        "hit": {"id": "a", "score": 0.5, "fields": {}},
    }


def test_integer_keys_and_integers_beyond_64_bits_are_exact() -> None:
    value = {"sparse": {7: 0.5}, "big": 2**80, "vector": np.asarray([1.0], dtype=np.float32)}
    assert json.loads(encode(value)) == {"sparse": {"7": 0.5}, "big": 2**80, "vector": [1.0]}


def test_what_json_cannot_say_becomes_null() -> None:
    assert encode([float("nan"), float("inf")]) == b"[null,null]"
    assert encode({1: float("nan")}) == b'{"1":null}'


def test_the_framework_renderer_writes_the_same() -> None:
    assert JSONRenderer().render({"a": 1}) == b'{"a":1}'
    assert JSONRenderer().render(None) == b""
