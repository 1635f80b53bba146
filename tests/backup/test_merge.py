"""Merging and folding, against a dict that is changed from the oldest to the newest."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.backup.made import EVERYTHING, NARROW, definition, everything, make_set, narrow, row, rows_of
from vectorstore.backup.encryption import Keyring
from vectorstore.backup.merge import fold, live_rows, merged_schema
from vectorstore.backup.repository import Repository
from vectorstore.backup.storage_local import LocalStorage
from vectorstore.domain.arrow import PARTITION
from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.errors import BackupDamaged
from vectorstore.domain.models import DataType
from vectorstore.journal.changes import Change, Cleared, Gone, Rows

_PARTITIONS = ("", "_default", "p", "q")
_keys = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=4, unique=True)
_numbers = st.integers(0, 99).map(str)


@st.composite
def _mixed(draw: st.DrawFn) -> Rows:
    """Rows whose partitions a column names."""
    keys = draw(_keys)
    rows = narrow(*keys, note=draw(_numbers)).columns
    names = [draw(st.sampled_from(_PARTITIONS)) for _ in keys]
    return Rows(rows.append_column(PARTITION, pa.array(names, pa.string())), None)


_changes = st.lists(
    st.one_of(
        st.builds(
            lambda keys, note, partition: narrow(*keys, note=note, partition=partition),
            _keys,
            _numbers,
            st.sampled_from(_PARTITIONS),
        ),
        _mixed(),
        st.builds(Gone, _keys),
        st.builds(Cleared, st.sampled_from(["_default", "p", "q"])),
        st.just(Cleared()),
    ),
    max_size=10,
)

State = dict[str, tuple[str, str | None]]


def _apply(state: State, change: Change) -> None:
    match change:
        case Rows(columns=rows, partition=partition):
            names = rows.column(PARTITION).to_pylist() if partition is None else [partition] * rows.num_rows
            for each, name in zip(rows.to_pylist(), names, strict=True):
                state[each["id"]] = (name, each["note"])
        case Gone(keys=keys):
            for key in keys:
                state.pop(str(key), None)
        case Cleared(partition=None):
            state.clear()
        case Cleared(partition=partition):
            for key in [key for key, (name, _) in state.items() if (name or "_default") == partition]:
                del state[key]


def _state(batches: Iterable[pa.RecordBatch]) -> State:
    found: State = {}
    for rows in batches:
        assert rows.schema == merged_schema(NARROW)
        for each in rows.to_pylist():
            assert each["id"] not in found
            found[each["id"]] = (each[PARTITION], each["note"])
    return found


@settings(max_examples=300, deadline=None, suppress_health_check=(HealthCheck.function_scoped_fixture,))
@given(_changes)
def test_live_rows_are_those_of_the_model(scratch: Path, oldest_first: list[Change]) -> None:
    model: State = {}
    for change in oldest_first:
        _apply(model, change)
    assert _state(live_rows(reversed(oldest_first), NARROW, scratch)) == model


@settings(max_examples=300, deadline=None, suppress_health_check=(HealthCheck.function_scoped_fixture,))
@given(_changes, _changes)
def test_a_fold_over_older_changes_comes_to_the_same(scratch: Path, older: list[Change], newer: list[Change]) -> None:
    model: State = {}
    for change in (*older, *newer):
        _apply(model, change)
    folded = list(fold(reversed(newer), NARROW, scratch))
    rows = [change.columns for change in folded if isinstance(change, Rows)]
    mentioned = [key for each in rows for key in each.column("id").to_pylist()]
    mentioned += [key for change in folded if isinstance(change, Gone) for key in change.keys]
    assert len(mentioned) == len(set(mentioned))
    assert _state(live_rows([*folded, *reversed(older)], NARROW, scratch)) == model


@settings(max_examples=40, deadline=None, suppress_health_check=(HealthCheck.function_scoped_fixture,))
@given(st.lists(_changes, min_size=1, max_size=3))
def test_a_chain_of_sets_holds_what_the_model_does(
    tmp_path_factory: pytest.TempPathFactory, layers: list[list[Change]]
) -> None:
    folder = tmp_path_factory.mktemp("chain")
    repository = Repository.open(LocalStorage(folder / "backups"))
    model: State = {}
    of = definition(NARROW, partitions=("p", "q"))
    for number, changes in enumerate(layers):
        parent = f"s{number - 1}" if number else None
        for change in changes:
            _apply(model, change)
        manifest = make_set(repository, folder, f"s{number}", parent=parent, overlay=tuple(reversed(changes)), of=of)
        assert manifest.rows == len(model)
    found = repository.changes(f"s{len(layers) - 1}", "c1", Keyring(), folder)
    assert _state(live_rows(found, NARROW, folder)) == model


def test_nothing_older_than_a_clearing_of_all_is_read(scratch: Path) -> None:
    def changes() -> Iterable[Change]:
        yield narrow("a")
        yield Cleared()
        raise AssertionError("it was read")

    assert _state(live_rows(changes(), NARROW, scratch)).keys() == {"a"}


def test_a_row_moved_out_of_a_cleared_partition_and_back_into_it_is_gone(scratch: Path) -> None:
    newest_first = [Cleared("p"), narrow("a", partition="p"), narrow("a", partition="q")]
    assert _state(live_rows(newest_first, NARROW, scratch)) == {}
    assert list(fold(newest_first[:2], NARROW, scratch)) == [Gone(["a"]), Cleared("p")]


def test_rows_of_an_older_schema_get_defaults_and_nulls(scratch: Path) -> None:
    added = (Field("level", DataType.INT64, default=3), Field("tag", DataType.VARCHAR, nullable=True, max_length=9))
    wider = Collection(name="narrow", fields=(*NARROW.fields, *added))
    (rows,) = live_rows([narrow("a")], wider, scratch)
    assert rows.schema == merged_schema(wider)
    assert (rows.column("level").to_pylist(), rows.column("tag").to_pylist()) == ([3], [None])
    strict = Collection(name="narrow", fields=(*NARROW.fields, Field("level", DataType.INT64)))
    with pytest.raises(BackupDamaged, match="level"):
        list(live_rows([narrow("a")], strict, scratch))


def test_rows_with_another_type_are_refused(scratch: Path) -> None:
    other = Collection(name="narrow", fields=(*NARROW.fields[:2], Field("note", DataType.INT64, nullable=True)))
    with pytest.raises(BackupDamaged, match="note"):
        list(live_rows([narrow("a")], other, scratch))


def test_values_of_every_type_go_through_unchanged(scratch: Path) -> None:
    newest_first: list[Any] = [Rows(rows_of([row(2, text="new")])), Gone([0]), Rows(everything(5))]
    found = pa.Table.from_batches(live_rows(newest_first, EVERYTHING, scratch)).sort_by("id").drop_columns(PARTITION)
    kept = pa.Table.from_batches([everything(5).slice(1), rows_of([row(2, text="new")])])
    wanted = kept.filter(pa.compute.invert(pa.array([False, True, False, False, False]))).sort_by("id")
    assert found.to_pylist() == wanted.to_pylist()
