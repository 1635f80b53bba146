"""A lost database: from the storage alone the collections come back, to the last write."""

import io
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from tests.backup.test_run_restore import back_up, held, params, params_of, rows
from tests.support.engines import RunningEngine
from tests.support.work import LedgerWork
from vectorstore.backup.history import uid_at
from vectorstore.backup.place import backup_place
from vectorstore.backup.rebuild import rebuild
from vectorstore.backup.run_restore import run_restore
from vectorstore.backup.shipping import ship
from vectorstore.config.settings import current
from vectorstore.domain.errors import Conflict, JournalUnavailable
from vectorstore.domain.models import Metric
from vectorstore.domain.requests import CollectionSpec, DeleteRequest
from vectorstore.journal import segment, writer
from vectorstore.journal.sequence import position
from vectorstore.models import CollectionRecord, JournalEntry
from vectorstore.service import CollectionService, VectorService, catalogue, definitions
from vectorstore.service.context import Scope


@pytest.fixture
def folder(tmp_path: Path, lite: RunningEngine, transactional_db: None, bound: pytest.MonkeyPatch) -> Path:
    bound.setenv("VECTORSTORE_BACKUP_URL", f"file://{tmp_path}/backups")
    bound.setenv("VECTORSTORE_DATA_DIR", str(tmp_path / "data"))
    current.cache_clear()
    return tmp_path


@pytest.fixture
def name(folder: Path) -> Iterator[str]:
    made = f"l_{secrets.token_hex(6)}"
    CollectionService().create(CollectionSpec(name=made, dimension=4, metric=Metric.L2))
    yield made
    for found in CollectionService().names(made):
        CollectionService().drop(found)


def _lose_the_database() -> None:
    writer.discard()
    definitions._recorded.clear()
    call_command("flush", interactive=False, verbosity=0)
    catalogue.forget(Scope())


def _lose_the_machine(name: str) -> None:
    """With its database, its journal and its Milvus; what was not shipped is nowhere."""
    writer.discard()
    for path in (current().data_dir / "journal").rglob("*.seg"):
        path.unlink()
    catalogue.look_up(Scope(), name)[0].engine.adapter.drop_collection("default", name)
    _lose_the_database()


ENTRY = ("seq", "uid", "op", "request_id", "origin")


def _history(name: str) -> dict[str, Any]:
    service = VectorService()
    service.insert(name, rows("a", "b", "c"))
    back_up(name)
    service.origin = "a-transfer"
    service.upsert(name, rows("b", "d", value=5.0))
    service.delete(name, DeleteRequest(ids=["c"]))
    return held(name)


@pytest.mark.parametrize("engine_too", [True, False])
def test_all_comes_back_to_the_last_write(name: str, engine_too: bool) -> None:
    wanted = _history(name)
    uid = CollectionRecord.objects.get(name=name).uid
    entries = list(JournalEntry.objects.values_list(*ENTRY))
    writer.writer().seal()
    with backup_place() as place:
        ship(place.repository.storage)
        for path in (current().data_dir / "journal").rglob("*.seg"):
            path.unlink()  # the machine is lost too
        if engine_too:
            catalogue.look_up(Scope(), name)[0].engine.adapter.drop_collection("default", name)
        _lose_the_database()
        found = rebuild(LedgerWork(), place)
    assert (found.sets, found.gaps, found.problems) == (1, [], [])
    assert list(JournalEntry.objects.values_list(*ENTRY)) == entries
    last = position()[0]
    if engine_too:
        assert uid_at("default", "default", name, last) == uid
        run_restore(LedgerWork(), Scope(), {**params_of(uid, last), "target": name})
    else:
        assert CollectionRecord.objects.get(name=name).uid == uid
    assert held(name) == wanted
    VectorService().upsert(name, rows("e"))
    assert held(name).keys() == {"a", "b", "d", "e"}


def test_the_command_finds_all_and_names_what_is_missing(name: str) -> None:
    _history(name)
    writer.writer().seal()
    VectorService().insert(name, rows("z"))
    _lose_the_database()
    told = io.StringIO()
    call_command("backup", "scan", stdout=told)
    assert "1 backups;" in told.getvalue()
    assert f"collection {name}" in told.getvalue()
    with pytest.raises(CommandError, match="empty database"):
        call_command("backup", "scan", stdout=told)
    for path in sorted((current().data_dir / "journal").rglob("*.seg"))[:1]:
        path.unlink()
    _lose_the_database()
    with pytest.raises(CommandError, match="Not everything"):
        call_command("backup", "scan", stdout=told)
    assert "the journal has no entries 1 to" in told.getvalue()


def test_what_was_not_shipped_is_taken_from_the_machine(name: str) -> None:
    wanted = _history(name)
    with backup_place() as place:
        _lose_the_database()
        found = rebuild(LedgerWork(), place)
        assert found.gaps == []
        with pytest.raises(Conflict, match="empty database"):
            rebuild(LedgerWork(), place)
    run_restore(
        LedgerWork(),
        Scope(),
        {**params_of(CollectionRecord.objects.get(name=name).uid, position()[0]), "target": f"{name}_2"},
    )
    assert held(f"{name}_2") == wanted


def test_a_segment_that_is_nowhere_is_named(name: str) -> None:
    VectorService().insert(name, rows("a"))
    writer.writer().seal()
    VectorService().insert(name, rows("b"))
    writer.writer().seal()
    VectorService().insert(name, rows("c"))
    middle = sorted((current().data_dir / "journal").rglob("*.seg"))[1]
    middle.unlink()
    with backup_place() as place:
        _lose_the_database()
        found = rebuild(LedgerWork(), place)
    assert len(found.gaps) == 1


def test_what_was_in_an_open_segment_of_a_lost_machine_is_lost(name: str) -> None:
    wanted = _history(name)
    writer.writer().seal()
    last = position()[0]
    VectorService().insert(name, rows("unshipped"))
    assert position()[0] > last
    with backup_place() as place:
        ship(place.repository.storage)
        _lose_the_machine(name)
        found = rebuild(LedgerWork(), place)
        assert (found.gaps, found.problems) == ([], [])
    assert position()[0] == last
    told = io.StringIO()
    _lose_the_database()
    call_command("backup", "scan", stdout=told)
    assert f"up to entry {last}, of" in told.getvalue()
    uid = uid_at("default", "default", name, last)
    run_restore(LedgerWork(), Scope(), {**params_of(uid, last), "target": name})
    assert held(name) == wanted


def test_a_set_that_is_newer_than_the_shipped_journal_is_the_last_moment(name: str) -> None:
    _history(name)
    writer.writer().seal()
    with backup_place() as place:
        ship(place.repository.storage)
        VectorService().upsert(name, rows("e", "a", value=7.0))
        newest = back_up(name)
        wanted = held(name)
        VectorService().insert(name, rows("unshipped"))
        _lose_the_machine(name)
        found = rebuild(LedgerWork(), place)
        assert found.problems == []
    assert newest.end_seq is not None
    assert position()[0] >= newest.end_seq  # no number is given twice
    uid = newest.collections[0]["uid"]
    run_restore(LedgerWork(), Scope(), {**params_of(uid, newest.end_seq), "target": name})
    assert held(name) == wanted
    VectorService().insert(name, rows("after"))
    later = back_up(name)
    assert later.start_seq is not None
    assert later.start_seq >= newest.end_seq
    run_restore(LedgerWork(), Scope(), params(name, target=f"{name}_2"))
    assert held(f"{name}_2") == held(name)


def test_a_number_that_nothing_was_written_for_is_no_gap(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    VectorService().insert(name, rows("a"))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(segment, "_write_all", full)
        with pytest.raises(JournalUnavailable):
            VectorService().insert(name, rows("b"))
    voided = JournalEntry.objects.get(state="void").seq
    VectorService().insert(name, rows("c"))
    wanted, last = held(name), position()[0]
    writer.writer().seal()
    with backup_place() as place:
        ship(place.repository.storage)
        _lose_the_machine(name)
        found = rebuild(LedgerWork(), place)
    assert (found.gaps, found.problems) == ([], [])
    assert not JournalEntry.objects.filter(seq=voided).exclude(state="void").exists()
    uid = uid_at("default", "default", name, last)
    run_restore(LedgerWork(), Scope(), {**params_of(uid, last), "target": name})
    assert held(name) == wanted
