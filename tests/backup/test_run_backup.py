"""What a set holds of what happens while it is made, and that it holds what it should."""

import secrets
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.backup.test_drift import bypass
from tests.backup.test_run_restore import back_up, params
from tests.support.backups import held, rows, store_at
from tests.support.engines import RunningEngine
from tests.support.work import LedgerWork
from vectorstore.adapters.milvus_adapter import MilvusAdapter
from vectorstore.backup import capture, drift
from vectorstore.backup import run_restore as run_restore_module
from vectorstore.backup.history import newest_set
from vectorstore.backup.ledgers import up_to_date
from vectorstore.backup.place import backup_place
from vectorstore.backup.run_backup import run_backup, run_verify
from vectorstore.backup.run_restore import run_restore
from vectorstore.domain.batch import Batch
from vectorstore.domain.errors import Conflict, EngineFailed, JournalBroken, VectorStoreError
from vectorstore.domain.models import Metric
from vectorstore.domain.requests import CollectionSpec
from vectorstore.journal.sequence import position
from vectorstore.journal.writer import folder, writer
from vectorstore.models import Backup, CollectionRecord, Drift, JournalEntry
from vectorstore.service import CollectionService, PartitionService, VectorService
from vectorstore.service.catalogue import forget, look_up
from vectorstore.service.context import Scope
from vectorstore.service.engines import engine_of
from vectorstore.service.work import Cancelled


class Meanwhile(LedgerWork):
    """A work at whose stages other things happen, once each."""

    def __init__(self, **at: Callable[[], Any]) -> None:
        super().__init__()
        self.at = at

    def stage(self, name: str) -> None:
        super().stage(name)
        if act := self.at.pop(name, None):
            act()


@pytest.fixture
def store_folder(tmp_path: Path, lite: RunningEngine, transactional_db: None, bound: pytest.MonkeyPatch) -> Path:
    return store_at(bound, tmp_path / "backups")


@pytest.fixture
def name(store_folder: Path) -> Iterator[str]:
    made = f"r_{secrets.token_hex(6)}"
    CollectionService().create(CollectionSpec(name=made, dimension=4, metric=Metric.L2))
    VectorService().insert(made, rows("a", "b", "c"))
    yield made
    for found in CollectionService().names(made):
        CollectionService().drop(found)


def placed(name: str) -> dict[str, int | None]:
    return {view.name: view.row_count for view in PartitionService().list(name)}


def test_a_partition_that_is_made_meanwhile_is_in_the_set_with_its_rows(name: str) -> None:
    def north() -> None:
        PartitionService().create(name, "north")
        VectorService().insert(name, rows("n"), partition="north")
        VectorService().upsert(name, rows("a", value=2.0), partition="north")

    backup = back_up(name, work=Meanwhile(folding=north))
    assert (backup.state, backup.rows) == ("verified", 4)
    with backup_place() as place:
        (entry,) = place.repository.manifest(backup.set_id).collections
        assert place.repository.definition(entry).partitions == ("north",)
    run_restore(LedgerWork(), Scope(), params(name, backup.end_seq))
    assert placed(f"{name}_back") == placed(name) == {"_default": 2, "north": 2}
    assert held(f"{name}_back") == held(name)


class Busy(Meanwhile):
    """Somebody writes a row at each of the first checks after S1."""

    def __init__(self, name: str, **at: Callable[[], Any]) -> None:
        super().__init__(**at)
        self.name, self.written = name, 0

    def check(self) -> None:
        super().check()
        if self.stages[-1:] == ["folding"] and self.written < 3:
            self.written += 1
            VectorService().upsert(self.name, rows(f"busy{self.written}"))


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Milvus leaves a row out of what it gives."""
    whole = MilvusAdapter.scan

    def scan(self: MilvusAdapter, *args: Any, **options: Any) -> Iterator[Batch]:
        for batch in whole(self, *args, **options):
            columns = {name: values[1:] for name, values in batch.columns.items()}
            dynamic = batch.dynamic[1:] if batch.dynamic is not None else None
            yield Batch(size=batch.size - 1, columns=columns, dynamic=dynamic, ids=batch.ids[1:])

    with monkeypatch.context() as patch:
        patch.setattr(MilvusAdapter, "scan", scan)
        yield patch


def failed(name: str, work: LedgerWork, kind: type[VectorStoreError], words: str) -> Backup:
    with pytest.raises(kind, match=words):
        back_up(name, work=work)
    return Backup.objects.latest("pk")


def files() -> list[str]:
    with backup_place() as place:
        return [item.path for item in place.repository.storage.list("sets/")]


@pytest.mark.parametrize("work", [lambda name: Meanwhile(), Busy], ids=["quiet", "busy"])
def test_a_scan_that_leaves_rows_out_makes_no_set(
    name: str, short: pytest.MonkeyPatch, work: Callable[[str], Meanwhile]
) -> None:
    tried = work(name)
    row = failed(name, tried, EngineFailed, r"Milvus has 3 rows of \S+ and gave 2")
    assert (row.state, files(), Drift.objects.count()) == ("failed", [], 0)
    short.undo()
    tried.at = {}
    run_backup(tried, Scope(), {"backup": row.set_id})  # what was read wrongly is read again
    row.refresh_from_db()
    assert (row.state, row.rows) == ("verified", len(held(name)))


@pytest.mark.parametrize("work", [lambda name: Meanwhile(), Busy], ids=["quiet", "busy"])
@pytest.mark.parametrize("extra", [["alien"], []], ids=["a row more", "as many rows"])
def test_a_set_of_rows_that_bypassed_the_gateway_is_kept_and_says_so(
    name: str, work: Callable[[str], Meanwhile], extra: list[str]
) -> None:
    first = back_up(name)
    bypass(name, "a", *extra)
    in_milvus = held(name)
    row = failed(name, work(name), Conflict, "around the gateway")
    assert (row.state, row.rows, row.verified_at) == ("succeeded", 3 + len(extra), None)
    assert row.error is not None
    assert row.error["code"] == "rows_in_doubt"
    assert "The backup holds what Milvus held. Adopt or revert the drift." in row.error["detail"]
    found = Drift.objects.get()
    assert (found.expected, found.found, found.since) == (3, 3 + len(extra), first.end_at)
    run_restore(LedgerWork(), Scope(), params(name, row.end_seq, set=row.set_id))
    assert {key: held(f"{name}_back")[key] for key in in_milvus} == in_milvus
    with backup_place() as place:
        assert run_verify(LedgerWork(), Scope(), {"backup": row.set_id})["intact"]
        row.refresh_from_db()
        assert row.state == "succeeded"
        assert newest_set(look_up(Scope(), name)[0].uid, position()[0]) == first
        drift.adopt(Scope(), name, place)
    assert back_up(name).state == "verified"


def test_the_ledger_may_be_further_on_than_the_set(name: str) -> None:
    back_up(name)

    class Looked(Busy):
        def check(self) -> None:
            super().check()
            if self.written == 3:
                with backup_place() as place:
                    assert drift.look(Scope(), name, place) is None

    assert back_up(name, work=Looked(name)).state == "verified"


def test_what_was_made_elsewhere_is_counted_at_its_first_backup(store_folder: Path, request: Any) -> None:
    name, adapter = f"r_{secrets.token_hex(6)}", engine_of().adapter
    CollectionService().create(CollectionSpec(name=name, dimension=4, metric=Metric.L2))
    VectorService().insert(name, rows("a", "b", "c"))
    CollectionRecord.objects.filter(name=name).delete()  # and so it is another one, of which no journal tells
    forget(Scope())
    try:
        short = request.getfixturevalue("short")
        row = failed(name, Busy(name), EngineFailed, r"Milvus has 3 rows of \S+ and gave 2")
        assert (row.state, files()) == ("failed", [])
        short.undo()
        assert back_up(name, work=Busy(name)).state == "verified"
    finally:
        adapter.drop_collection("default", name)


@pytest.fixture
def fuzzy(store_folder: Path) -> Iterator[str]:
    made = f"r_{secrets.token_hex(6)}"
    CollectionService().create(CollectionSpec(name=made, dimension=4, metric=Metric.L2))
    CollectionRecord.objects.filter(name=made).update(point_in_time=False)
    forget(Scope())
    VectorService().insert(made, rows("a", "b", "c"))
    yield made
    CollectionService().drop(made)


def test_without_a_journal_the_count_is_compared(fuzzy: str, short: pytest.MonkeyPatch) -> None:
    row = failed(fuzzy, Meanwhile(), EngineFailed, r"Milvus has 3 rows of \S+ and gave 2")
    assert (row.state, files()) == ("failed", [])
    row = failed(fuzzy, Busy(fuzzy), Conflict, r"2 rows of \S+ were read; Milvus counted 3 before and 5 afterwards")
    assert (row.state, row.consistency) == ("succeeded", "fuzzy")
    short.undo()
    row = back_up(fuzzy, work=Busy(fuzzy))
    assert (row.state, row.consistency) == ("verified", "fuzzy")


def test_a_collection_that_is_replaced_meanwhile_makes_no_set(name: str) -> None:
    def replaced() -> None:
        CollectionService().drop(name)
        CollectionService().create(CollectionSpec(name=name, dimension=4, metric=Metric.L2))

    row = failed(name, Meanwhile(folding=replaced), Conflict, "renamed, replaced or dropped meanwhile")
    assert (row.state, files()) == ("failed", [])


def test_a_collection_that_is_replaced_between_two_chunks_is_read_no_further(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture, "_CHUNK_BYTES", 1)
    monkeypatch.setattr("vectorstore.adapters.scan_calls._page_rows", lambda collection: 1)
    work, steps = Meanwhile(), list[int]()

    def progress(done: int, total: int | None = None, unit: str = "") -> None:
        steps.append(done)
        if done == 1:
            CollectionService().drop(name)
            CollectionService().create(CollectionSpec(name=name, dimension=4, metric=Metric.L2))

    work.progress = progress  # type: ignore[method-assign]
    failed(name, work, Conflict, "renamed, replaced or dropped meanwhile")
    assert (steps[-1], files()) == (1, [])


def test_a_partition_that_is_dropped_meanwhile_is_not_in_the_set(name: str) -> None:
    PartitionService().create(name, "north")
    VectorService().insert(name, rows("n"), partition="north")
    row = back_up(name, work=Meanwhile(folding=lambda: PartitionService().drop(name, "north")))
    assert (row.state, row.rows) == ("verified", 3)
    run_restore(LedgerWork(), Scope(), params(name, row.end_seq))
    assert placed(f"{name}_back") == {"_default": 3}


def test_it_is_succeeded_when_its_bytes_are_proved_and_verified_when_its_rows_are(name: str) -> None:
    states = list[str]()
    note = lambda: states.append(Backup.objects.latest("pk").state)  # noqa: E731
    row = back_up(name, work=Meanwhile(files=note, checksums=note, rows=note))
    assert [*states, row.state] == ["running", "running", "succeeded", "verified"]


def test_a_backup_that_waits_for_a_write_can_be_cancelled(name: str) -> None:
    VectorService().insert(name, rows("d"))
    writer().flush()
    JournalEntry.objects.filter(op="PUT").update(state="open")

    class Impatient(Meanwhile):
        left = 3

        def check(self) -> None:
            self.left -= self.stages[-1:] == ["folding"]
            if not self.left:
                raise Cancelled

    with pytest.raises(Cancelled):
        back_up(name, work=Impatient())
    assert (files(), Backup.objects.count()) == ([], 0)
    JournalEntry.objects.filter(op="PUT").update(state="committed")


def test_a_restore_keeps_the_set_while_it_proves_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    backup = back_up(name)
    monkeypatch.setattr(run_restore_module, "_HOLD", timedelta(microseconds=4))
    leases = list[Any]()
    work = Meanwhile(
        checksums=lambda: Backup.objects.update(lease_until=None),
        created=lambda: leases.append(Backup.objects.get(pk=backup.pk).lease_until),
    )
    run_restore(work, Scope(), params(name, backup.end_seq))
    assert leases != [None]


def test_a_damaged_journal_keeps_nobody_from_making_a_new_base(name: str) -> None:
    writer().flush()
    entry = JournalEntry.objects.filter(op="PUT").select_related("segment").latest("seq")
    path = folder() / entry.segment.name
    content = bytearray(path.read_bytes())
    content[entry.offset + 100] ^= 1
    path.write_bytes(content)
    with backup_place() as place, pytest.raises(JournalBroken):
        up_to_date(look_up(Scope(), name)[0], place)
    assert back_up(name, work=Busy(name)).state == "verified"
    with backup_place() as place:
        assert drift.look(Scope(), name, place) is None
