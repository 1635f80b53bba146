"""A lost database, and a journal whose end is lost too: nothing that may have been acknowledged is taken away."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backup.test_rebuild import _lose_the_database
from tests.backup.test_run_restore import back_up, held, params_of, rows
from tests.support.engines import RunningEngine
from tests.support.work import LedgerWork
from vectorstore.adapters.milvus_adapter import MilvusAdapter
from vectorstore.backup import upkeep
from vectorstore.backup.place import backup_place
from vectorstore.backup.rebuild import Rebuilt, rebuild
from vectorstore.backup.run_restore import run_restore
from vectorstore.backup.shipping import JOURNAL, ship
from vectorstore.config.settings import current
from vectorstore.domain.errors import InvalidRequest, JournalUnavailable
from vectorstore.domain.models import Metric
from vectorstore.domain.requests import CollectionSpec
from vectorstore.journal import segment, writer
from vectorstore.journal.frame import Frame, Op, read_frames
from vectorstore.journal.sequence import position
from vectorstore.models import CollectionRecord, JournalEntry
from vectorstore.service import CollectionService, VectorService, catalogue
from vectorstore.service.context import Scope


@pytest.fixture
def name(tmp_path: Path, lite: RunningEngine, transactional_db: None, bound: pytest.MonkeyPatch) -> Iterator[str]:
    bound.setenv("VECTORSTORE_BACKUP_URL", f"file://{tmp_path}/backups")
    bound.setenv("VECTORSTORE_DATA_DIR", str(tmp_path / "data"))
    current.cache_clear()
    made = f"r_{secrets.token_hex(6)}"
    CollectionService().create(CollectionSpec(name=made, dimension=4, metric=Metric.L2))
    yield made
    for found in CollectionService().names(made):
        CollectionService().drop(found)


def _segments() -> list[Path]:
    return sorted((current().data_dir / "journal").rglob("*.seg"))


def _frames(path: Path) -> list[Frame]:
    with path.open("rb") as file:
        return list(read_frames(file))


def _lose_all_after(frame: Frame, path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(frame.offset + frame.size)


def _lose_the_collection(name: str) -> None:
    catalogue.look_up(Scope(), name)[0].engine.adapter.drop_collection("default", name)


def _rebuilt() -> Rebuilt:
    _lose_the_database()
    with backup_place() as place:
        return rebuild(LedgerWork(), place)


def _restored(name: str, uid: str) -> None:
    run_restore(LedgerWork(), Scope(), {**params_of(uid, position()[0]), "target": name})


@pytest.mark.parametrize("engine_too", [True, False])
def test_a_write_whose_outcome_is_lost_counts_as_written(name: str, engine_too: bool) -> None:
    uid = CollectionRecord.objects.get(name=name).uid
    VectorService().insert(name, rows("a"))
    VectorService().insert(name, rows("b"))
    wanted = held(name)
    (path,) = _segments()
    _lose_all_after([frame for frame in _frames(path) if frame.op is Op.PUT][-1], path)
    if engine_too:
        _lose_the_collection(name)
    assert _rebuilt().problems == []
    assert upkeep.settle_doubts() == 0
    if engine_too:
        _restored(name, uid)
    assert held(name) == wanted
    assert not JournalEntry.objects.filter(doubt=True).exists()


def test_a_write_that_was_refused_is_not_taken_as_written(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    uid = CollectionRecord.objects.get(name=name).uid
    VectorService().insert(name, rows("a"))

    def refuse(*_: object, **__: object) -> None:
        raise InvalidRequest("Milvus refused a value")

    with monkeypatch.context() as patch:
        patch.setattr(MilvusAdapter, "insert", refuse)
        with pytest.raises(InvalidRequest):
            VectorService().insert(name, rows("b"))
    _lose_the_collection(name)
    _rebuilt()
    _restored(name, uid)
    assert held(name).keys() == {"a"}


def test_a_collection_is_known_by_a_definition_whose_outcome_is_lost(name: str) -> None:
    (path,) = _segments()
    _lose_all_after(next(frame for frame in _frames(path) if frame.op is Op.DEF), path)
    assert _rebuilt().collections == [name]


def test_a_number_whose_write_met_a_full_disk_is_no_gap(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    uid = CollectionRecord.objects.get(name=name).uid

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(segment, "_write_all", full)
        with pytest.raises(JournalUnavailable):
            VectorService().insert(name, rows("lost"))
    VectorService().insert(name, rows("a"))
    wanted = held(name)
    voids = list(JournalEntry.objects.filter(state="void").values_list("seq", flat=True))
    _lose_the_collection(name)
    found = _rebuilt()
    assert (found.gaps, found.problems) == ([], [])
    assert list(JournalEntry.objects.filter(state="void").values_list("seq", flat=True)) == voids
    _restored(name, uid)
    assert held(name) == wanted


def test_a_number_that_is_in_no_segment_is_a_gap_and_never_void(name: str) -> None:
    VectorService().insert(name, rows("a"))
    lost = position()[0]
    (path,) = _segments()
    _lose_all_after([frame for frame in _frames(path) if frame.op is Op.DEF][-1], path)
    writer.writer().flush()
    writer.discard()
    VectorService().insert(name, rows("b"))  # as another process
    assert _rebuilt().gaps == [(lost, lost)]


def test_no_number_is_given_twice_that_a_set_names(name: str) -> None:
    uid = CollectionRecord.objects.get(name=name).uid
    VectorService().insert(name, rows("a"))
    known = position()[0]
    writer.writer().seal()
    with backup_place() as place:
        ship(place.repository.storage)
    VectorService().insert(name, rows("b"))
    backup, wanted = back_up(name), held(name)
    assert backup.end_seq == known + 1
    writer.writer().seal()
    for path in _segments():
        path.unlink()
    _lose_the_collection(name)
    found = _rebuilt()
    assert found.gaps == [(known + 1, known + 1)]
    assert position()[0] == known + 1
    _restored(name, uid)
    assert held(name) == wanted
    VectorService().insert(name, rows("c"))
    assert JournalEntry.objects.get(op="PUT", seq__gt=known).seq > known + 1


def test_a_segment_that_is_not_what_was_sealed_is_named_and_a_whole_copy_preferred(name: str) -> None:
    VectorService().insert(name, rows("a"))
    writer.writer().seal()
    with backup_place() as place:
        ship(place.repository.storage)
        (path,) = _segments()
        whole = path.read_bytes()
        path.write_bytes(whole[:-1])  # it looks as if a crash had torn it
        assert _rebuilt().problems == []
        assert path.read_bytes() == whole
        path.write_bytes(whole[:-1])
        place.repository.storage.write_bytes(JOURNAL + str(path.relative_to(current().data_dir / "journal")), b"x")
        assert any("is not what was sealed" in problem for problem in _rebuilt().problems)
