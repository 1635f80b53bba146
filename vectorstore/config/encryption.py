"""Secrets at rest: what is kept in the database and must be read again.

The keys come from ``VECTORSTORE_ENCRYPTION_KEYS``, or, on a machine that was given none, from a file in the data
folder. The first key encrypts and all decrypt, so a key is rotated by putting a new one first, running
``manage.py rotate_encryption_key`` and taking the old one away.
"""

import base64
from functools import cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.core.exceptions import ImproperlyConfigured

from vectorstore.config.kept_key import kept_key
from vectorstore.config.settings import current


def encrypt(secret: str) -> str:
    """The ciphertext to keep; an empty secret stays empty."""
    return _ring().encrypt(secret.encode()).decode() if secret else ""


def decrypt(ciphertext: str) -> str:
    """The inverse of ``encrypt``.

    Raises:
        ImproperlyConfigured: none of the keys is the one it was encrypted with.
    """
    if not ciphertext:
        return ""
    try:
        return _ring().decrypt(ciphertext.encode()).decode()
    except InvalidToken:
        raise ImproperlyConfigured(
            "VECTORSTORE_ENCRYPTION_KEYS should hold the key that the kept secrets were encrypted with."
        ) from None


def rotate(ciphertext: str) -> str:
    """The same secret under the first key.

    Raises:
        ImproperlyConfigured: as ``decrypt``.
    """
    return encrypt(decrypt(ciphertext))


def key_for(purpose: str) -> bytes:
    """32 bytes from the first of the keys that serve ``purpose`` alone; they change when that key does."""
    return _derived(_keys()[0], f"vectorstore {purpose}")


def _keys() -> tuple[str, ...]:
    settings = current()
    return settings.encryption_keys or (kept_key(settings.data_dir / "encryption_key"),)


def _ring() -> MultiFernet:
    return _made(_keys())


@cache
def _made(keys: tuple[str, ...]) -> MultiFernet:
    made = (_derived(key, "vectorstore secrets at rest 1") for key in keys)
    return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in made])


def _derived(key: str, purpose: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose.encode()).derive(key.encode())
