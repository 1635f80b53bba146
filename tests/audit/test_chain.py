import hashlib
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from tests.support.audit import an_entry
from vectorstore.audit.chain import COLUMNS, DOMAIN, FIRST, canonical, canonical_json, link, stamp
from vectorstore.audit.plain import MOST, columns_of, plain
from vectorstore.models import AuditRecord

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary() | st.datetimes(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner) | st.tuples(inner),
    max_leaves=20,
)
kept = st.recursive(
    st.none() | st.booleans() | st.integers(-MOST, MOST) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="ascii")), inner),
    max_leaves=20,
)


@given(kept)
def test_what_the_chain_holds_is_written_as_rfc_8785_says(value: Any) -> None:
    assert canonical_json(value) == rfc8785.dumps(value)


@given(values)
def test_anything_else_is_first_made_into_what_the_chain_holds(value: Any) -> None:
    found = plain(value)
    assert canonical_json(found) == rfc8785.dumps(found)
    assert b"\\u0000" not in canonical_json(found)
    assert plain(found) == found


@given(st.text(st.characters()), st.integers(), st.dictionaries(st.text(), values))
def test_any_entry_can_be_hashed(text: str, number: int, parameters: dict[str, Any]) -> None:
    entry = an_entry(actor=text, collection=text, request_id=text * 50, ids=number, parameters=parameters)
    row = columns_of(entry) | {"seq": 1}
    assert len(link(FIRST, row)) == 64
    assert canonical(row) == rfc8785.dumps(row | {"ts": stamp(row["ts"])})


def test_the_hash_covers_every_column_but_the_two_hashes() -> None:
    columns = {field.name for field in AuditRecord._meta.concrete_fields}
    assert set(COLUMNS) == columns - {"hash", "prev_hash"}


def test_the_hash_is_of_the_tag_the_hash_before_and_the_canonical_json() -> None:
    row = columns_of(an_entry(ts=datetime(2026, 1, 31, 12, tzinfo=UTC), event_id="0" * 32)) | {"seq": 1}
    text = (
        b'{"action":"vector.insert","actor":"ada","actor_id":"1","actor_kind":"user","allowed":true,'
        b'"cluster":"default","collection":"documents","database":"default","event_id":"' + b"0" * 32 + b'",'
        b'"grants":[7],"ids":3,"key_prefix":"","method":"","outcome":"ok","parameters":{"vectors":3},'
        b'"phase":"outcome","request_id":"","result":{"rows":3,"us":1234},"seq":1,"source":"",'
        b'"ts":"2026-01-31T12:00:00.000000Z"}'
    )
    assert canonical(row) == text
    assert link("ab" * 32, row) == hashlib.sha256(b"vectorstore.audit.1\0" + b"\xab" * 32 + text).hexdigest()
    assert DOMAIN == b"vectorstore.audit.1\0"


@pytest.mark.parametrize("column", COLUMNS)
def test_no_column_can_change_without_the_hash(column: str) -> None:
    row = columns_of(an_entry()) | {"seq": 1}
    others = {"seq": 2, "ts": row["ts"] + timedelta(microseconds=1), "ids": 4, "allowed": False}
    other = others.get(column, {"other": 1} if column in ("grants", "parameters", "result") else "other")
    assert link(FIRST, row | {column: other}) != link(FIRST, row)


def test_times_are_hashed_in_utc() -> None:
    east = datetime(2026, 1, 31, 14, tzinfo=timezone(timedelta(hours=2)))
    assert stamp(east) == "2026-01-31T12:00:00.000000Z"
