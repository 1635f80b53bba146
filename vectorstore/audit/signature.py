"""Signed marks: the signature over the chain up to one record."""

from dataclasses import dataclass, fields

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from vectorstore.audit.chain import canonical_json, stamp
from vectorstore.models import AuditCheckpoint, SigningKey

DOMAIN = b"vectorstore.audit.checkpoint.1\0"


@dataclass(frozen=True, slots=True)
class Mark:
    """A checkpoint as it is signed and written outside the database; ``signature`` is in hexadecimal."""

    seq: int
    hash: str
    ts: str
    kid: str
    signature: str

    @classmethod
    def of(cls, checkpoint: AuditCheckpoint) -> "Mark":
        return cls(checkpoint.seq, checkpoint.hash, stamp(checkpoint.ts), checkpoint.kid, checkpoint.signature)

    @classmethod
    def read(cls, line: bytes | str) -> "Mark":
        """The inverse of ``line``.

        Raises:
            ValueError: it is no such line.
        """
        return cls.from_map(orjson.loads(line))

    @classmethod
    def from_map(cls, data: object) -> "Mark":
        """Raises ValueError unless ``data`` has exactly the members, each of its type."""
        types = {field.name: field.type for field in fields(cls)}
        if not isinstance(data, dict) or any(type(data.get(name)) is not kind for name, kind in types.items()):
            raise ValueError("this is no checkpoint")
        return cls(**{name: data[name] for name in types})

    def as_map(self) -> dict[str, int | str]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def line(self) -> bytes:
        return canonical_json(self.as_map()) + b"\n"

    def message(self) -> bytes:
        """What is signed."""
        return signed_message(self.seq, self.hash, self.ts, self.kid)


def signed_message(seq: int, hash_: str, ts: str, kid: str) -> bytes:
    return DOMAIN + canonical_json({"seq": seq, "hash": hash_, "ts": ts, "kid": kid})


def sign(seq: int, hash_: str) -> AuditCheckpoint:
    """A checkpoint, not yet saved."""
    key = SigningKey.objects.signing(SigningKey.Purpose.AUDIT)
    now = timezone.now()
    signature = key.private_key().sign(signed_message(seq, hash_, stamp(now), key.kid))
    return AuditCheckpoint(seq=seq, hash=hash_, ts=now, kid=key.kid, signature=signature.hex())


class Keyring:
    """Verifies marks. A retired key still does: it signed when it was valid.

    The public key is derived from the encrypted private one, not read from its column: whoever can write to the
    database can put a key of his own there, and cannot encrypt one.
    """

    def __init__(self) -> None:
        self._keys: dict[str, Ed25519PublicKey | None] = {}

    def verifies(self, mark: Mark) -> bool:
        if mark.kid not in self._keys:
            self._keys[mark.kid] = _public_key(mark.kid)
        key = self._keys[mark.kid]
        if key is None:
            return False
        try:
            key.verify(bytes.fromhex(mark.signature), mark.message())
        except (InvalidSignature, ValueError):
            return False
        return True


def _public_key(kid: str) -> Ed25519PublicKey | None:
    found = SigningKey.objects.filter(kid=kid, purpose=SigningKey.Purpose.AUDIT).first()
    if found is None:
        return None
    try:
        return found.private_key().public_key()
    except (ImproperlyConfigured, ValueError, AssertionError):
        return None
