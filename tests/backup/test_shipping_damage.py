"""A flipped bit in a shipped segment: named by verify, and no restore goes across it."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from tests.backup.test_run_restore import back_up, held, params_of, rows
from tests.support.engines import RunningEngine
from tests.support.work import LedgerWork
from vectorstore.backup.place import BackupPlace, backup_place
from vectorstore.backup.run_backup import run_verify
from vectorstore.backup.run_restore import run_restore
from vectorstore.backup.shipping import JOURNAL, checksum_path, drop_local, ship
from vectorstore.config.collection_config import RESTORE_PREFIX
from vectorstore.config.settings import current
from vectorstore.domain.errors import JournalBroken
from vectorstore.domain.models import Metric
from vectorstore.domain.requests import CollectionSpec
from vectorstore.journal.sequence import position
from vectorstore.journal.writer import writer
from vectorstore.models import Backup, CollectionRecord, JournalEntry, JournalSegment
from vectorstore.service import CollectionService, VectorService
from vectorstore.service.context import Scope
from vectorstore.service.engines import engine_of


@dataclass(frozen=True)
class Shipped:
    """A set, and over it three writes in ``segment``, which only the storage has; ``states`` by their numbers."""

    place: BackupPlace
    name: str
    uid: str
    backup: Backup
    segment: JournalSegment
    states: dict[int, dict[str, Any]]

    @property
    def path(self) -> str:
        return JOURNAL + self.segment.name

    def verified(self) -> list[str]:
        """The paths that are named."""
        found = run_verify(LedgerWork(), Scope(), {"backup": self.backup.set_id})
        assert found["intact"] is not bool(found["problems"])
        return [problem["path"] for problem in found["problems"]]

    def restored(self, until: int) -> dict[str, Any]:
        target = f"{self.name}_{secrets.token_hex(4)}"
        run_restore(LedgerWork(), Scope(), {**params_of(self.uid, until), "target": target})
        return held(target)

    def flip(self, byte: int) -> None:
        data = bytearray(self.place.repository.storage.read_bytes(self.path))
        data[byte] ^= 4
        self.place.repository.storage.write_bytes(self.path, bytes(data))


@pytest.fixture
def shipped(
    tmp_path: Path, lite: RunningEngine, transactional_db: None, bound: pytest.MonkeyPatch
) -> Iterator[Shipped]:
    bound.setenv("VECTORSTORE_BACKUP_URL", f"file://{tmp_path}/backups")
    bound.setenv("VECTORSTORE_DATA_DIR", str(tmp_path / "data"))
    current.cache_clear()
    name, service, states = f"d_{secrets.token_hex(6)}", VectorService(), {}
    CollectionService().create(CollectionSpec(name=name, dimension=4, metric=Metric.L2))
    service.insert(name, rows("a"))
    writer().seal()
    backup = back_up(name)
    for number, key in enumerate("bcd"):
        service.upsert(name, rows("a", key, value=float(number)))
        states[position()[0]] = held(name)
    writer().seal()
    with backup_place() as place:
        ship(place.repository.storage)
        drop_local(place.repository.storage, timezone.now() + timedelta(hours=1))
        segment = JournalSegment.objects.order_by("-id")[0]
        uid = CollectionRecord.objects.get(name=name).uid
        yield Shipped(place, name, uid, backup, segment, states)
    for found in CollectionService().names(name):
        CollectionService().drop(found)


def test_an_intact_journal_is_not_complained_about(shipped: Shipped) -> None:
    assert shipped.verified() == []
    last = max(shipped.states)
    assert shipped.restored(last) == shipped.states[last]


def test_a_flipped_bit_is_named_and_only_moments_before_it_are_restored(shipped: Shipped) -> None:
    before, damaged, after = sorted(shipped.states)
    shipped.flip(JournalEntry.objects.get(seq=damaged).offset + 120)
    assert shipped.verified() == [shipped.path]
    shipped.backup.refresh_from_db()
    assert shipped.backup.state == "verified"  # it holds its own moment as before
    there = engine_of().adapter.list_collections("default")
    for until in (damaged, after):
        with pytest.raises(JournalBroken, match=rf"{shipped.segment.name}.*entry {damaged} cannot be read"):
            shipped.restored(until)
    assert engine_of().adapter.list_collections("default") == there
    assert not [name for name in there if name.startswith(RESTORE_PREFIX)]
    assert shipped.restored(before) == shipped.states[before]
    assert shipped.restored(shipped.backup.end_seq or 0).keys() == {"a"}


def test_every_byte_counts(shipped: Shipped) -> None:
    size = shipped.segment.size_bytes
    for byte in range(0, size, size // 20):
        shipped.flip(byte)
        assert shipped.verified() == [shipped.path]
        shipped.flip(byte)
    assert shipped.verified() == []


def test_a_segment_or_its_sum_that_is_lost_or_altered_is_named(shipped: Shipped) -> None:
    storage, beside = shipped.place.repository.storage, checksum_path(shipped.segment.name)
    kept = storage.read_bytes(beside)
    storage.write_bytes(beside, b"0" + kept[1:] if kept[:1] != b"0" else b"1" + kept[1:])
    assert shipped.verified() == [beside]
    storage.delete(beside)
    assert shipped.verified() == [beside]
    storage.write_bytes(beside, kept)
    storage.delete(shipped.path)
    assert shipped.verified() == [shipped.path]
    with pytest.raises(JournalBroken, match=f"is missing: entry {min(shipped.states)} cannot be read"):
        shipped.restored(max(shipped.states))


def test_a_set_needs_the_journal_up_to_the_next_one_only(shipped: Shipped) -> None:
    later = back_up(shipped.name)
    VectorService().upsert(shipped.name, rows("e"))
    writer().seal()
    ship(shipped.place.repository.storage)
    last = JournalSegment.objects.order_by("-id")[0]
    shipped.place.repository.storage.write_bytes(JOURNAL + last.name, b"other")
    assert shipped.verified() == []
    shipped.flip(100)
    assert shipped.verified() == [shipped.path]
    found = run_verify(LedgerWork(), Scope(), {"backup": later.set_id})
    assert [problem["path"] for problem in found["problems"]] == [JOURNAL + last.name]


def test_a_number_that_the_index_lacks_is_told(shipped: Shipped) -> None:
    JournalEntry.objects.filter(seq=min(shipped.states)).delete()
    assert shipped.verified() == [JOURNAL]
