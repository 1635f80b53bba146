"""Entries are durable, numbered without gaps, and what became of them is known."""

import errno
import os
import threading
from pathlib import Path

import pytest
from django.db import connection, connections

from vectorstore.domain.errors import JournalUnavailable
from vectorstore.journal import recovery, segment
from vectorstore.journal.entry import Draft
from vectorstore.journal.frame import Op, read_frames
from vectorstore.journal.segment import sha256_of
from vectorstore.journal.writer import Writer
from vectorstore.models import JournalEntry, JournalSegment

UID = "00112233445566778899aabbccddeeff"


@pytest.fixture
def writer(db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    monkeypatch.setattr(recovery, "folder", lambda: tmp_path)
    made = Writer(tmp_path)
    yield made
    made.abandon()


def _draft(text: str = "x") -> Draft:
    return Draft(Op.PUT, UID, text.encode(), 1, "request-1", {"partition": ""})


def _frames(folder: Path) -> list[tuple[Op, int, bytes]]:
    found = []
    for path in sorted(folder.rglob("*.seg")):
        with path.open("rb") as file:
            found += [(frame.op, frame.seq, frame.payload) for frame in read_frames(file)]
    return found


def test_entries_are_numbered_and_in_the_file_before_the_call_returns(writer: Writer, tmp_path: Path) -> None:
    first, second = writer.intend(_draft("a"), _draft("b"))
    (third,) = writer.intend(_draft("c"))
    assert [first.seq, second.seq, third.seq] == [1, 2, 3]
    assert first.at < second.at < third.at
    assert _frames(tmp_path)[1:] == [(Op.PUT, 1, b"a"), (Op.PUT, 2, b"b"), (Op.PUT, 3, b"c")]
    assert list(JournalEntry.objects.values_list("seq", "uid", "op", "rows", "state")) == [
        (number, UID, "PUT", 1, "open") for number in (1, 2, 3)
    ]


def test_outcomes_reach_the_file_at_once_and_the_index_with_the_next_transaction(
    writer: Writer, tmp_path: Path
) -> None:
    first, second = writer.intend(_draft(), _draft())
    writer.resolve(first.seq, UID, Op.COMMIT)
    assert _frames(tmp_path)[-1] == (Op.COMMIT, 1, b"")
    writer.intend(_draft())
    assert JournalEntry.objects.get(seq=1).state == "committed"
    writer.resolve(second.seq, UID, Op.ABORT)
    assert JournalEntry.objects.get(seq=2).state == "aborted"
    assert JournalEntry.objects.get(seq=3).state == "open"


def test_a_sealed_segment_is_what_the_index_says(writer: Writer, tmp_path: Path) -> None:
    (entry,) = writer.intend(_draft())
    writer.resolve(entry.seq, UID, Op.COMMIT)
    writer.seal()
    row = JournalSegment.objects.get()
    path = tmp_path / row.name
    assert row.sealed_at is not None
    assert (row.sha256, row.size_bytes, row.first_seq, row.last_seq) == (sha256_of(path), path.stat().st_size, 1, 1)
    writer.intend(_draft())
    assert JournalSegment.objects.count() == 2


def test_a_full_disk_refuses_the_write_and_what_follows_goes_on(
    writer: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.intend(_draft("before"))

    def full(descriptor: int, data: bytes) -> int:
        os.pwrite(descriptor, data[:10], os.fstat(descriptor).st_size)
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(segment, "_write_all", full)
        with pytest.raises(JournalUnavailable):
            writer.intend(_draft("lost"))
    (after,) = writer.intend(_draft("after"))
    assert after.seq == 3
    assert [seq for _, seq, _ in _frames(tmp_path)[1:]] == [1, 3]
    assert JournalEntry.objects.get(seq=2).state == "void"


@pytest.mark.django_db(transaction=True)
def test_threads_and_processes_write_without_gaps(tmp_path: Path) -> None:
    writers = [Writer(tmp_path), Writer(tmp_path)]

    def work(writer: Writer) -> None:
        for number in range(25):
            for entry in writer.intend(_draft(str(number))):
                writer.resolve(entry.seq, UID, Op.COMMIT)
        connections.close_all()

    threads = [threading.Thread(target=work, args=(writers[number % 2],)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each in writers:
        each.seal()
    assert list(JournalEntry.objects.values_list("seq", flat=True)) == list(range(1, 201))
    assert set(JournalEntry.objects.values_list("state", flat=True)) == {"committed"}
    times = list(JournalEntry.objects.order_by("seq").values_list("at", flat=True))
    assert times == sorted(set(times))
    entries = [(op, seq) for op, seq, _ in _frames(tmp_path)]
    assert sorted(seq for op, seq in entries if op is Op.PUT) == list(range(1, 201))
    assert sorted(seq for op, seq in entries if op is Op.COMMIT) == list(range(1, 201))
    for row in JournalEntry.objects.select_related("segment"):
        assert row.offset > 0, connection.vendor


def test_a_dead_writers_segment_is_ended_and_what_it_left_open_is_in_doubt(writer: Writer, tmp_path: Path) -> None:
    done, refused, left = writer.intend(_draft("a"), _draft("b"), _draft("c"))
    writer.resolve(done.seq, UID, Op.COMMIT)
    writer.resolve(refused.seq, UID, Op.ABORT)
    (path,) = tmp_path.rglob("*.seg")
    assert recovery.end_the_dead() == 0  # it lives
    writer.abandon()
    with path.open("ab") as file:
        file.write(b"VSJ1 torn")
    assert recovery.end_the_dead() == 1
    states = dict(JournalEntry.objects.values_list("seq", "state"))
    assert states == {done.seq: "committed", refused.seq: "aborted", left.seq: "open"}
    assert JournalEntry.objects.get(seq=left.seq).doubt
    row = JournalSegment.objects.get()
    assert (row.sha256, row.last_seq) == (sha256_of(path), 3)
    assert [op for op, _, _ in _frames(tmp_path)][-1] is Op.SEALED
    assert recovery.end_the_dead() == 0


def test_an_entry_whose_frame_never_reached_the_disk_is_void(writer: Writer, tmp_path: Path) -> None:
    writer.intend(_draft("a"))
    row = JournalSegment.objects.get()
    JournalEntry.objects.create(seq=2, at=row.opened_at, uid=UID, op="PUT", segment=row, offset=-1)
    writer.abandon()
    assert recovery.end_the_dead() == 1
    assert JournalEntry.objects.get(seq=2).state == "void"
