"""Seen keys, against a set, with runs so short that files are used."""

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vectorstore.backup.seen import SeenKeys

_SLOW_FIXTURE = (HealthCheck.function_scoped_fixture,)


def _agrees(batches: list[list[int]] | list[list[str]], kind: pa.DataType, scratch: Path) -> None:
    seen, model = SeenKeys(scratch, run=8), set[int | str]()
    for batch in batches:
        expected = []
        for key in batch:
            expected.append(key not in model)
            model.add(key)
        assert seen.add(pa.array(batch, kind)).tolist() == expected


@settings(max_examples=100, deadline=None, suppress_health_check=_SLOW_FIXTURE)
@given(st.lists(st.lists(st.integers(-30, 30) | st.sampled_from([2**63 - 1, -(2**63)]), max_size=12), max_size=8))
def test_integers_agree_with_a_set(scratch: Path, batches: list[list[int]]) -> None:
    _agrees(batches, pa.int64(), scratch)


@settings(max_examples=100, deadline=None, suppress_health_check=_SLOW_FIXTURE)
@given(st.lists(st.lists(st.text("ab\x00é", max_size=3), max_size=12), max_size=8))
def test_text_agrees_with_a_set(scratch: Path, batches: list[list[str]]) -> None:
    _agrees(batches, pa.string(), scratch)


@pytest.mark.parametrize("kind", [pa.int64(), pa.string()])
def test_no_file_is_left(scratch: Path, kind: pa.DataType) -> None:
    seen = SeenKeys(scratch, run=10)
    assert seen.add(pa.array(range(100), pa.int64()).cast(kind)).all()
    assert not seen.add(pa.array(range(100), pa.int64()).cast(kind)).any()
    assert list(scratch.iterdir()) == []
