"""A lost database: from the storage alone the collections come back, to the last write."""

import io
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from tests.backup.test_run_restore import back_up, held, params_of, rows
from tests.support.engines import RunningEngine
from tests.support.work import LedgerWork
from vectorstore.backup.history import uid_at
from vectorstore.backup.place import backup_place
from vectorstore.backup.rebuild import rebuild
from vectorstore.backup.run_restore import run_restore
from vectorstore.backup.shipping import ship
from vectorstore.config.settings import current
from vectorstore.domain.errors import Conflict
from vectorstore.domain.models import Metric
from vectorstore.domain.requests import CollectionSpec, DeleteRequest
from vectorstore.journal import writer
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


def _history(name: str) -> dict[str, Any]:
    service = VectorService()
    service.insert(name, rows("a", "b", "c"))
    back_up(name)
    service.upsert(name, rows("b", "d", value=5.0))
    service.delete(name, DeleteRequest(ids=["c"]))
    return held(name)


@pytest.mark.parametrize("engine_too", [True, False])
def test_all_comes_back_to_the_last_write(name: str, engine_too: bool) -> None:
    wanted = _history(name)
    uid = CollectionRecord.objects.get(name=name).uid
    entries = list(JournalEntry.objects.values_list("seq", "uid", "op"))
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
    assert list(JournalEntry.objects.values_list("seq", "uid", "op")) == entries
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
