from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.audit import an_entry
from vectorstore.audit.plain import columns_of, plain, text
from vectorstore.domain.models import Metric


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (1.5, "1.5"),
        (float("nan"), "nan"),
        (2**53, "9007199254740992"),
        (2**53 - 1, 2**53 - 1),
        (2**5000, "an integer of 5001 bits"),
        (True, True),
        (Metric.L2, "L2"),
        ((1, 2), [1, 2]),
        ({"b", "a"}, ["a", "b"]),
        ({1: None, "é": 2}, {"1": None, "\\xe9": 2}),
        (datetime(2026, 1, 31, tzinfo=UTC), "2026-01-31T00:00:00+00:00"),
        (object(), "object"),
        (b"secret", "bytes"),
    ],
)
def test_what_json_would_change_becomes_text(given: Any, kept: Any) -> None:
    found = plain(given)
    assert found == kept
    assert type(found) is type(kept)


def test_what_no_database_can_keep_is_replaced() -> None:
    assert text("a\0b") == "a\ufffdb"
    assert text("a\ud800b") == "a\ufffdb"
    assert text("\ud83d\ude00") == "😀"


def test_endless_nesting_ends() -> None:
    value: Any = 1
    for _ in range(500):
        value = [value]
    assert "…" in str(plain(value))


def test_texts_are_cut_to_their_columns() -> None:
    row = columns_of(an_entry(actor="a" * 200, request_id="r" * 200, source="s" * 200, key_prefix="k" * 200))
    assert [len(row[name]) for name in ("actor", "request_id", "source", "key_prefix")] == [150, 128, 45, 16]


def test_a_time_without_zone_is_utc() -> None:
    assert columns_of(an_entry(ts=datetime(2026, 1, 31)))["ts"] == datetime(2026, 1, 31, tzinfo=UTC)
