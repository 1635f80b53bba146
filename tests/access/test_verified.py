"""The memory of checked credentials."""

import time

from vectorstore.access.actor import Actor
from vectorstore.access.verified import REMEMBER_S, CredentialMemory, Verified


def _of(name: str, expires_in: float = 60) -> Verified:
    return Verified(Actor("user", 1, name), time.time() + expires_in)


def test_the_memory_is_at_most_five_seconds_long() -> None:
    assert REMEMBER_S <= 5


def test_the_memory_ends_with_the_credential_itself() -> None:
    memory = CredentialMemory(60)
    memory.put(b"token", _of("ada", expires_in=-1), memory.epoch)
    assert memory.get(b"token") is None


def test_the_memory_is_bounded_and_drops_the_oldest() -> None:
    memory = CredentialMemory(60, size=2)
    for token in (b"a", b"b", b"a", b"c"):
        memory.put(token, _of(token.decode()), memory.epoch)
    names = [found and found.actor.name for found in map(memory.get, (b"a", b"b", b"c"))]
    assert names == ["a", None, "c"]


def test_what_was_checked_before_a_revocation_is_not_remembered_after_it() -> None:
    memory = CredentialMemory(60)
    epoch = memory.epoch
    memory.clear()
    memory.put(b"token", _of("ada"), epoch)
    assert memory.get(b"token") is None
