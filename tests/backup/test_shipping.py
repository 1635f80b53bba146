"""What leaves this machine is whole on the storage, and what needs it finds it again."""

import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from tests.backup.test_run_restore import held, params_of, rows
from tests.support.engines import RunningEngine
from tests.support.work import LedgerWork
from vectorstore.backup import drift, upkeep
from vectorstore.backup.place import BackupPlace, backup_place
from vectorstore.backup.run_restore import run_restore
from vectorstore.backup.shipping import JOURNAL, drop_local, ship
from vectorstore.config.settings import current
from vectorstore.domain.models import Metric
from vectorstore.domain.requests import CollectionSpec
from vectorstore.domain.rows import read_rows
from vectorstore.journal.sequence import position
from vectorstore.journal.writer import folder, writer
from vectorstore.models import CollectionRecord, JournalEntry, JournalSegment
from vectorstore.service import AliasService, CollectionService, VectorService, catalogue, definitions
from vectorstore.service.catalogue import look_up
from vectorstore.service.context import Scope
from vectorstore.service.write_path import put


@pytest.fixture
def name(tmp_path: Path, lite: RunningEngine, transactional_db: None, bound: pytest.MonkeyPatch) -> Iterator[str]:
    bound.setenv("VECTORSTORE_BACKUP_URL", f"file://{tmp_path}/backups")
    bound.setenv("VECTORSTORE_DATA_DIR", str(tmp_path / "data"))
    current.cache_clear()
    made = f"s_{secrets.token_hex(6)}"
    CollectionService().create(CollectionSpec(name=made, dimension=4, metric=Metric.L2))
    yield made
    for found in CollectionService().names(made):
        service = CollectionService()
        for alias in service.describe(found).aliases:
            AliasService().drop(alias)
        service.drop(found)


@pytest.fixture
def place(name: str) -> Iterator[BackupPlace]:
    with backup_place() as found:
        yield found


def _later() -> datetime:
    return timezone.now() + timedelta(hours=1)


def _shipped(place: BackupPlace) -> JournalSegment:
    """The segment so far, sealed and shipped."""
    writer().seal()
    ship(place.repository.storage)
    return JournalSegment.objects.order_by("-id")[0]


def _here(segment: JournalSegment) -> Path:
    return folder() / segment.name


def _as_a_new_process() -> None:
    definitions._recorded.clear()
    catalogue.forget(Scope())


def test_all_goes_on_when_old_segments_have_left_the_machine(name: str, place: BackupPlace) -> None:
    service, uid = VectorService(), CollectionRecord.objects.get(name=name).uid
    service.insert(name, rows("a", "b"))
    wanted, then = held(name), position()[0]
    first = _shipped(place)
    AliasService().create(f"{name}_alias", name)
    second = _shipped(place)
    service.upsert(name, rows("b", value=2.0))
    third = _shipped(place)
    assert drop_local(place.repository.storage, _later()) == 2
    assert [_here(segment).exists() for segment in (first, second, third)] == [False, True, False]
    _as_a_new_process()
    service.upsert(name, rows("c"))
    assert drift.look(Scope(), name, place) is None
    drop_local(place.repository.storage, _later())
    run_restore(LedgerWork(), Scope(), {**params_of(uid, then), "target": f"{name}_then"})
    assert held(f"{name}_then") == wanted
    upkeep.clean(timezone.now() + timedelta(days=2))
    _as_a_new_process()
    service.upsert(name, rows("d"))
    assert held(name).keys() == {"a", "b", "c", "d"}


def test_what_an_unsettled_write_needs_stays(name: str, place: BackupPlace) -> None:
    known = look_up(Scope(), name)[0]
    _shipped(place)
    (entry,) = writer().intend(put(known, read_rows(rows("a", "b"), known.schema), "", "insert"))
    writer().doubt(entry.seq)
    in_doubt = _shipped(place)
    (entry,) = writer().intend(put(known, read_rows(rows("b", value=2.0), known.schema), "", "insert"))
    writer().doubt(entry.seq)
    after = _shipped(place)
    drop_local(place.repository.storage, _later())
    assert _here(in_doubt).exists()
    assert _here(after).exists()
    VectorService().upsert(name, rows("c"))
    assert {key: row["vector"][0] for key, row in held(name).items()} == {"a": 1.0, "b": 2.0, "c": 1.0}
    drop_local(place.repository.storage, _later())
    assert not _here(in_doubt).exists()


def test_the_only_good_copy_stays_and_is_brought_again(name: str, place: BackupPlace) -> None:
    storage = place.repository.storage
    _shipped(place)
    VectorService().insert(name, rows("a"))
    segment = _shipped(place)
    path, whole = JOURNAL + segment.name, _here(segment).read_bytes()
    storage.delete(path)
    assert drop_local(storage, timezone.now() - timedelta(days=1)) == 0  # a lost one is brought again at any age
    assert storage.read_bytes(path) == whole
    storage.write_bytes(path, whole[:100] + bytes([whole[100] ^ 1]) + whole[101:])
    assert drop_local(storage, _later()) == 0
    assert storage.read_bytes(path) == whole == _here(segment).read_bytes()
    assert drop_local(storage, _later()) == 1


def test_another_storage_gets_what_this_machine_has(
    name: str, place: BackupPlace, tmp_path: Path, bound: pytest.MonkeyPatch
) -> None:
    segments = [_shipped(place)]
    VectorService().insert(name, rows("a"))
    segments.append(_shipped(place))
    bound.setenv("VECTORSTORE_BACKUP_URL", f"file://{tmp_path}/elsewhere")
    current.cache_clear()
    with backup_place() as other:
        assert drop_local(other.repository.storage, _later()) == 0
        for segment in segments:
            assert other.repository.storage.read_bytes(JOURNAL + segment.name) == _here(segment).read_bytes()


def test_what_is_damaged_here_and_there_is_left_as_it_is(name: str, place: BackupPlace) -> None:
    _shipped(place)
    VectorService().insert(name, rows("a"))
    segment = _shipped(place)
    _here(segment).write_bytes(b"x")
    place.repository.storage.write_bytes(JOURNAL + segment.name, b"y" * segment.size_bytes)
    assert drop_local(place.repository.storage, _later()) == 0
    assert _here(segment).read_bytes() == b"x"


def test_a_definition_that_is_lost_keeps_nobody_from_writing(name: str, place: BackupPlace) -> None:
    VectorService().insert(name, rows("a"))
    segment = _shipped(place)
    _here(segment).unlink()
    place.repository.storage.delete(JOURNAL + segment.name)
    _as_a_new_process()
    VectorService().insert(name, rows("b"))
    last = JournalEntry.objects.filter(op="DEF").order_by("-seq")[0]
    assert last.segment != segment
    upkeep.clean()
