"""Callers who proved who they are, remembered for a few seconds: a search then costs no signature check, no query."""

import threading
import time
from dataclasses import dataclass
from hashlib import sha256

from django.db import transaction

from vectorstore.access.actor import Actor

REMEMBER_S = 5.0
"""How long a caller may still be served whose account, password, family of tokens or key has ended elsewhere."""


@dataclass(frozen=True, slots=True)
class Verified:
    """``expires_at``: when the credential itself ends, in seconds since 1970.

    ``rate_limit``: requests a minute; None for the default.
    """

    actor: Actor
    expires_at: float
    rate_limit: int | None = None


class CredentialMemory:
    """At most ``size`` credentials, each for ``seconds``.

    Keys are digests, so that a memory dump holds no usable credential.
    """

    def __init__(self, seconds: float, size: int = 10_000) -> None:
        self._seconds = seconds
        self._size = size
        self._known: dict[bytes, tuple[float, Verified]] = {}
        self._lock = threading.Lock()
        self.epoch = 0
        """Moves with every ``clear``: what was checked before it is not remembered after it."""

    def get(self, credential: bytes) -> Verified | None:
        """Whose credential it is, if that is remembered and not yet stale."""
        found = self._known.get(sha256(credential).digest())
        return found[1] if found is not None and time.monotonic() < found[0] else None

    def put(self, credential: bytes, verified: Verified, epoch: int) -> None:
        """Remember it; ``epoch`` is the memory's from before the check began."""
        until = time.monotonic() + min(self._seconds, verified.expires_at - time.time())
        key = sha256(credential).digest()
        with self._lock:
            if epoch != self.epoch:
                return
            self._known.pop(key, None)  # entries stand in order of insertion, so the first is the oldest
            if len(self._known) >= self._size:
                del self._known[next(iter(self._known))]
            self._known[key] = (until, verified)

    def clear(self) -> None:
        """Forget everybody, so that each credential is checked again."""
        with self._lock:
            self.epoch += 1
            self._known.clear()


remembered = CredentialMemory(REMEMBER_S)
"""The memory of this process."""


def forget() -> None:
    """A credential has ended: each is checked again, now and once the change is committed."""
    remembered.clear()
    transaction.on_commit(remembered.clear)
