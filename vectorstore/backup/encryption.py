"""Files of a backup encrypted with AES-256-GCM in chunks, so that they are written and read as streams.

A file is ``VSBACK01``, the key's id (8 bytes), a salt (16 bytes), then chunks of 1 MiB of plaintext, each with its tag
(16 bytes); the last may be shorter. Each file has a key of its own, derived from the salt. The nonce is the chunk's
number (8 bytes), then 1 for the last chunk and 0 for the others (4 bytes): a file that was cut, or whose chunks were
moved, is not accepted. The header is authenticated with every chunk.
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from vectorstore.backup.storage import Sink, Stored
from vectorstore.config.settings import Settings, current
from vectorstore.domain.errors import BackupDamaged, BackupKeyMissing

ALGORITHM = "AES-256-GCM"
CHUNK = 1024 * 1024
_MAGIC = b"VSBACK01"
_TAG = 16
_HEADER = len(_MAGIC) + 8 + 16


@dataclass(frozen=True, slots=True)
class Key:
    """``id`` tells keys apart and gives nothing of them away."""

    id: str
    secret: bytes = field(repr=False)

    def of_file(self, salt: bytes) -> AESGCM:
        return AESGCM(_derived(self.secret, b"vectorstore backup file 1", salt))


@dataclass(frozen=True, slots=True)
class Keyring:
    """The first key encrypts, all decrypt; without any, backups are written as they are."""

    keys: tuple[Key, ...] = ()

    @property
    def first(self) -> Key | None:
        return self.keys[0] if self.keys else None

    def find(self, identity: str) -> Key:
        """
        Raises:
            BackupKeyMissing: none of the keys has that id.
        """
        for key in self.keys:
            if key.id == identity:
                return key
        raise BackupKeyMissing(
            f"The backup is encrypted with the key {identity}: VECTORSTORE_BACKUP_KEYS has to hold it"
            f" (it holds {', '.join(key.id for key in self.keys) or 'none'})."
        )


def keyring(settings: Settings | None = None) -> Keyring:
    """The keys of VECTORSTORE_BACKUP_KEYS."""
    return Keyring(tuple(make_key(text) for text in (settings or current()).backup_keys))


def make_key(text: str) -> Key:
    """The key that a secret text of at least 32 random characters stands for."""
    secret = _derived(text.encode(), b"vectorstore backups 1")
    return Key(hashlib.sha256(b"vectorstore backup key id 1" + secret).hexdigest()[:16], secret)


def _derived(secret: bytes, info: bytes, salt: bytes | None = None) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=info).derive(secret)


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(8, "big") + int(last).to_bytes(4, "big")


class EncryptedSink(Sink):
    """What is written here goes encrypted to ``target``; ``size`` and ``commit`` tell of the ciphertext."""

    def __init__(self, target: Sink, key: Key) -> None:
        self._target, self._waiting, self._number, self._ended = target, bytearray(), 0, False
        salt = os.urandom(16)
        self._cipher = key.of_file(salt)
        self._header = _MAGIC + bytes.fromhex(key.id) + salt
        target.write(self._header)

    @property
    def size(self) -> int:  # type: ignore[override]
        return self._target.size

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._put(memoryview(data).cast("B"))

    def commit(self) -> Stored:
        self._finish()
        self._ended = True
        return self._target.commit()

    def _put(self, data: memoryview) -> None:
        self._waiting += data
        # The last chunk is marked, so a full one waits until it is known not to be the last.
        while len(self._waiting) > CHUNK:
            self._send(bytes(self._waiting[:CHUNK]), last=False)
            del self._waiting[:CHUNK]

    def _send(self, chunk: bytes, *, last: bool) -> None:
        self._target.write(self._cipher.encrypt(_nonce(self._number, last), chunk, self._header))
        self._number += 1

    def _finish(self) -> None:
        self._send(bytes(self._waiting), last=True)

    def _drop(self) -> None:
        self._target.abort()


def decrypted(stream: BinaryIO, keys: Keyring, path: str) -> Iterator[bytes]:
    """The plaintext of a file, chunk by chunk; ``path`` is for messages.

    Raises:
        BackupKeyMissing: no key fits.
        BackupDamaged: it was altered, cut or added to.
    """
    header = stream.read(_HEADER)
    if len(header) < _HEADER or not header.startswith(_MAGIC):
        raise BackupDamaged(f"{path} is not encrypted as the manifest says.")
    start = len(_MAGIC)
    cipher = keys.find(header[start : start + 8].hex()).of_file(header[start + 8 :])
    number, chunk = 0, stream.read(CHUNK + _TAG)
    while True:
        following = stream.read(CHUNK + _TAG)
        try:
            yield cipher.decrypt(_nonce(number, not following), chunk, header)
        except InvalidTag:
            raise BackupDamaged(f"{path} is not as it was written: chunk {number} does not decrypt.") from None
        if not following:
            return
        number, chunk = number + 1, following
