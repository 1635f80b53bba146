"""Frames tell what was written from what a crash or a bad disk left behind."""

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectorstore.journal.frame import FIRST, BrokenFrame, Op, encode, hash_of, read_frame, read_frames

AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
UID = "00112233445566778899aabbccddeeff"


def _file(*payloads: bytes) -> tuple[bytes, list[int]]:
    """A file of frames with those payloads, and where each begins."""
    data, before, offsets = b"", FIRST, []
    for number, payload in enumerate(payloads, 1):
        offsets.append(len(data))
        frame = encode(Op.PUT, number, AT, UID, {"rows": number}, payload, before)
        data, before = data + frame, hash_of(frame)
    return data, offsets


@given(st.binary(max_size=300), st.integers(0, 2**63), st.dictionaries(st.text(max_size=5), st.integers(0, 9)))
def test_a_frame_gives_back_what_it_was_made_of(payload: bytes, seq: int, notes: dict[str, Any]) -> None:
    data = encode(Op.DEL, seq, AT, UID, notes, payload, FIRST)
    frame = read_frame(io.BytesIO(data), 0)
    assert frame is not None
    assert (frame.op, frame.seq, frame.at, frame.uid) == (Op.DEL, seq, AT, UID)
    assert (frame.notes, frame.payload, frame.previous, frame.hash) == (notes, payload, FIRST, hash_of(data))
    assert frame.size == len(data)


def test_frames_follow_each_other() -> None:
    data, offsets = _file(b"one", b"", b"three")
    frames = list(read_frames(io.BytesIO(data)))
    assert [frame.offset for frame in frames] == offsets
    assert [frame.payload for frame in frames] == [b"one", b"", b"three"]


def test_a_file_that_ends_within_a_frame_is_torn_at_every_place() -> None:
    data, offsets = _file(b"one", b"two")
    for end in range(offsets[1] + 1, len(data)):
        with pytest.raises(BrokenFrame) as raised:
            list(read_frames(io.BytesIO(data[:end])))
        assert raised.value.torn
        assert raised.value.offset == offsets[1]


def test_each_flipped_bit_is_found_and_the_frames_before_it_are_read() -> None:
    data, offsets = _file(b"first", b"second", b"third")
    for place in range(offsets[1], offsets[2]):
        bad = bytearray(data)
        bad[place] ^= 1 << (place % 8)
        frames = read_frames(io.BytesIO(bytes(bad)))
        first = next(frames)
        assert first.payload == b"first"
        with pytest.raises(BrokenFrame) as raised:
            next(frames)
        assert raised.value.offset == offsets[1]


def test_a_frame_taken_out_put_in_or_moved_is_found() -> None:
    data, offsets = _file(b"a", b"b", b"c")
    first, second, third = data[: offsets[1]], data[offsets[1] : offsets[2]], data[offsets[2] :]
    for wrong in (first + third, first + third + second, first + first + second, second + third):
        with pytest.raises(BrokenFrame, match="does not follow"):
            list(read_frames(io.BytesIO(wrong)))
