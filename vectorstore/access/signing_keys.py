"""The keys that sign, as a process holds them: parsed once, and asked of the database every few seconds."""

import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from vectorstore.models import SigningKey

REMEMBER_S = 5.0
"""How long a key that another process retired may still be used here."""

_LONGEST_KID = 32
_MISS_S = 1.0
_MOST_MISSES = 1_000
_RELOAD_PAUSE_S = 0.05
"""Unknown ids come from forged tokens too: a flood of them costs at most 20 queries a second."""


@dataclass(frozen=True, slots=True)
class _Public:
    key: Ed25519PublicKey
    pem: str
    retires_at: datetime | None


class KeyRing:
    """The keys of one purpose."""

    def __init__(self, purpose: str, seconds: float = REMEMBER_S) -> None:
        self._purpose = purpose
        self._seconds = seconds
        self._lock = threading.Lock()
        self._public: dict[str, _Public] = {}
        self._loaded_at = float("-inf")
        self._misses: dict[str, float] = {}
        self._signer: tuple[str, Ed25519PrivateKey] | None = None
        self._signer_until = 0.0

    def signing(self) -> tuple[str, Ed25519PrivateKey]:
        """The id and the key to sign with now."""
        signer = self._signer
        if signer is not None and time.monotonic() < self._signer_until:
            return signer
        with self._lock:
            asked_at = time.monotonic()
            row = SigningKey.objects.signing(self._purpose)
            if self._signer is None or self._signer[0] != row.kid:
                self._signer = (row.kid, row.private_key())
            self._signer_until = asked_at + self._seconds
            return self._signer

    def verifying(self, kid: str) -> Ed25519PublicKey | None:
        """The key of that id; None if there is none or it is retired."""
        known, now = self._public.get(kid), time.monotonic()
        if now >= self._loaded_at + self._seconds or (known is None and self._worth_asking(kid, now)):
            if known is None:  # what was signed by a key of this moment must wait, not be refused
                time.sleep(max(0.0, self._loaded_at + _RELOAD_PAUSE_S - now))
            with self._lock:
                if self._loaded_at < now:  # no other thread has asked since
                    self._load()
            known = self._public.get(kid)
            if known is None:
                self._miss(kid)
        if known is None or (known.retires_at is not None and known.retires_at <= timezone.now()):
            return None
        return known.key

    def forget(self) -> None:
        """Ask the database again before a key is used."""
        with self._lock:
            self._public, self._misses, self._signer = {}, {}, None
            self._loaded_at = float("-inf")

    def _worth_asking(self, kid: str, now: float) -> bool:
        return len(kid) <= _LONGEST_KID and now >= self._misses.get(kid, float("-inf")) + _MISS_S

    def _miss(self, kid: str) -> None:
        if len(self._misses) >= _MOST_MISSES:
            self._misses = {}
        if len(kid) <= _LONGEST_KID:
            self._misses[kid] = self._loaded_at

    def _load(self) -> None:
        asked_at, before = time.monotonic(), self._public
        rows = SigningKey.objects.filter(_unretired(timezone.now()), purpose=self._purpose)
        self._public = {row.kid: _parsed(row, before.get(row.kid)) for row in rows}
        self._loaded_at = asked_at


def _parsed(row: SigningKey, before: _Public | None) -> _Public:
    key = before.key if before is not None and before.pem == row.public else row.public_key()
    return _Public(key, row.public, row.retires_at)


def _unretired(at: datetime) -> Q:
    return Q(retires_at=None) | Q(retires_at__gt=at)


@dataclass(frozen=True, slots=True)
class Rotation:
    """``kid`` signs from now on; those of ``former`` verify until ``retires_at``."""

    kid: str
    former: tuple[str, ...]
    retires_at: datetime


def rotate(purpose: str, overlap: timedelta) -> Rotation:
    """A new key that signs; the former ones verify for no longer than ``overlap``.

    Other processes sign with the former key for up to ``REMEMBER_S`` more, and know the new one when they meet it.
    """
    with transaction.atomic():
        retires_at = timezone.now() + overlap
        former = SigningKey.objects.filter(_unretired(retires_at), purpose=purpose)
        kids = tuple(former.values_list("kid", flat=True))
        new = SigningKey.objects.make(purpose)
        SigningKey.objects.filter(kid__in=kids).update(retires_at=retires_at)
    return Rotation(new.kid, kids, retires_at)
