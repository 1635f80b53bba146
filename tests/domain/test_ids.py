"""Minted ids are unique and sort by time."""

import uuid
from concurrent.futures import ThreadPoolExecutor

from vectorstore.domain.ids import IdMint


def test_integers_are_positive_increasing_and_unique_across_threads() -> None:
    mint = IdMint()
    with ThreadPoolExecutor(8) as threads:
        parts = list(threads.map(lambda _: mint.integers(1000), range(20)))
    everything = [identity for part in parts for identity in part]
    assert len(set(everything)) == 20_000
    assert all(0 < identity < 2**63 for identity in everything)
    assert all(part == sorted(part) for part in parts)


def test_uuids_are_version_7_and_unique() -> None:
    made = IdMint().uuids(1000)
    assert len(set(made)) == 1000
    assert all(uuid.UUID(text).version == 7 and uuid.UUID(text).variant == uuid.RFC_4122 for text in made)
    earlier, later = IdMint().uuids(1)[0][:13], made[0][:13]
    assert earlier >= later
