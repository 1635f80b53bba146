"""Entries are durable, numbered without gaps, and what became of them is known."""

import errno
import os
import threading
from pathlib import Path

import pytest
from django.db import connection, connections
from django.utils import timezone

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
    assert [(op, seq) for op, seq, _ in _frames(tmp_path)[1:]] == [(Op.PUT, 1), (Op.VOID, 2), (Op.PUT, 3)]
    assert JournalEntry.objects.get(seq=2).state == "void"


def test_a_write_that_is_ended_half_way_leaves_a_whole_file(
    writer: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(descriptor: int, data: bytes) -> None:
        os.write(descriptor, data[:100])
        raise KeyboardInterrupt

    writer.intend(_draft("before"))
    with monkeypatch.context() as patch:
        patch.setattr(segment, "_write_all", ended)
        with pytest.raises(KeyboardInterrupt):
            writer.intend(_draft("lost"))
    writer.seal()
    assert [(op, seq) for op, seq, _ in _frames(tmp_path)][:4] == [
        (Op.OPENED, 0),
        (Op.PUT, 1),
        (Op.VOID, 2),
        (Op.SEALED, 0),
    ]
    assert JournalEntry.objects.get(seq=2).state == "void"
    assert JournalSegment.objects.order_by("id")[0].last_seq == 2


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
    assert [(op, seq) for op, seq, _ in _frames(tmp_path)[2:]] == [(Op.VOID, 2), (Op.SEALED, 0)]
    row.refresh_from_db()
    assert row.last_seq == 2  # it is kept as long as its numbers are needed


def test_nobody_takes_a_segment_for_a_dead_writers_while_it_is_being_sealed(tmp_path: Path) -> None:
    file = segment.SegmentFile(tmp_path / "a.seg", timezone.now(), {})
    file.seal(timezone.now(), {})
    assert segment.writer_lives(file.path)
    assert segment.SegmentFile.of_the_dead(file.path) is None
    file.close()
    assert not segment.writer_lives(file.path)


def test_a_segment_whose_writer_died_before_it_could_tell_the_index_is_not_ended_twice(
    writer: Writer, tmp_path: Path
) -> None:
    (entry,) = writer.intend(_draft("a"))
    writer.resolve(entry.seq, UID, Op.COMMIT)
    assert writer._file is not None
    writer._file.seal(timezone.now(), {"last_seq": 1})
    writer.abandon()
    (path,) = tmp_path.rglob("*.seg")
    before, stale = path.read_bytes(), JournalSegment.objects.get()
    assert recovery.end_the_dead() == 0
    assert path.read_bytes() == before
    row = JournalSegment.objects.get()
    assert (row.sha256, row.last_seq, row.entries.get().state) == (sha256_of(path), 1, "committed")
    assert recovery._end(stale, path) == 0  # another process, which had looked before
    assert path.read_bytes() == before


def test_what_a_dead_writer_left_open_in_a_segment_that_it_had_sealed_is_in_doubt(writer: Writer) -> None:
    left, done = writer.intend(_draft("a"), _draft("b"))
    writer.seal()
    writer.resolve(done.seq, UID, Op.COMMIT)
    writer.abandon()
    assert recovery.end_the_dead() == 1
    assert dict(JournalEntry.objects.values_list("seq", "state")) == {left.seq: "open", done.seq: "committed"}
    assert JournalEntry.objects.get(seq=left.seq).doubt


def test_a_segment_with_outcomes_only_is_kept_as_long_as_their_entries(writer: Writer, tmp_path: Path) -> None:
    (entry,) = writer.intend(_draft("a"))
    other = Writer(tmp_path)
    other.resolve(entry.seq, UID, Op.ABORT)
    other.seal()
    assert JournalSegment.objects.get(sealed_at__isnull=False).last_seq == entry.seq


def test_a_commit_that_meets_a_full_disk_is_in_the_index(
    writer: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    (entry,) = writer.intend(_draft())
    with monkeypatch.context() as patch:
        patch.setattr(segment, "_write_all", full)
        writer.resolve(entry.seq, UID, Op.COMMIT)
    writer.flush()
    assert JournalEntry.objects.get().state == "committed"  # nobody waits for it
    assert [op for op, _, _ in _frames(tmp_path)] == [Op.OPENED, Op.PUT]


def test_an_entry_in_doubt_opens_no_segments(writer: Writer) -> None:
    (entry,) = writer.intend(_draft())
    writer.doubt(entry.seq)
    writer.seal()
    assert JournalSegment.objects.filter(sealed_at=None).count() == 0


@pytest.mark.parametrize("op", [Op.DEF, Op.MARK])
def test_what_only_tells_what_has_happened_is_never_in_doubt(writer: Writer, op: Op) -> None:
    writer.intend(Draft(op, UID, b"{}", 0, "", {"name": "a"}))
    writer.abandon()
    assert recovery.end_the_dead() == 0
    assert JournalEntry.objects.get().state == "committed"
