"""An answer as it is kept. Whoever can write to the cache's Redis cannot make a value that is taken for an answer."""

import hmac
from typing import Any

import msgspec

from vectorstore.domain.models import SearchHit

Hits = list[list[SearchHit]]

_MAC_BYTES = 32
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[list[tuple[str | int, float, dict[str, Any]]]])


def pack(hits: Hits) -> bytes | None:
    """The hits alone; None where a value has no exact form."""
    try:
        return _encoder.encode([[(hit.id, hit.score, hit.fields) for hit in found] for found in hits])
    except (TypeError, OverflowError, msgspec.MsgspecError):
        return None


def unpack(body: bytes) -> Hits:
    """The inverse of ``pack``, in objects of the caller's own.

    Raises:
        ValueError: it is none.
    """
    return [[SearchHit(*hit) for hit in found] for found in _decoder.decode(body)]


def seal(secret: bytes, key: bytes, body: bytes) -> bytes:
    """The key, a code over key and body, the body."""
    return key + hmac.digest(secret, key + body, "sha256") + body


def unseal(secret: bytes, key: bytes, value: bytes) -> Hits | None:
    """The hits that were kept under ``key``; None where the value is another key's, or was not made by ``seal``."""
    place, mac, body = value[: len(key)], value[len(key) : len(key) + _MAC_BYTES], value[len(key) + _MAC_BYTES :]
    if place != key or not hmac.compare_digest(mac, hmac.digest(secret, key + body, "sha256")):
        return None
    try:
        return unpack(body)
    except ValueError:
        return None
