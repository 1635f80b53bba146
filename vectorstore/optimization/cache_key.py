"""Under which key an answer is kept: everything that it depends on, as one digest."""

import hmac
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any

import msgspec

from vectorstore.adapters.columnar_codec import encode_vector
from vectorstore.adapters.search_calls import VectorQuery

_FORM = 1
"""Moves with the form of what is kept."""
_encoder = msgspec.msgpack.Encoder(order="deterministic")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What an answer depends on beside the search itself.

    ``catalogue``, ``access`` and ``generation`` are those of the shared state, read before the search was planned;
    ``denied`` are the fields that are not there for the caller.
    """

    endpoint: str
    cluster: str
    database: str
    uid: str
    catalogue: int
    access: int
    generation: int
    denied: Sequence[str]


def key_of(secret: bytes, place: Place, queries: Sequence[VectorQuery], more: Sequence[Any] = ()) -> bytes | None:
    """32 bytes; None for a search that cannot be told from others.

    The expression of a query has the caller's row filters in it. ``more`` is what several queries are joined by.
    """
    try:
        message = _encoder.encode((_FORM, astuple(place), [_plain(query) for query in queries], more))
    except (TypeError, OverflowError, msgspec.MsgspecError):
        return None
    return hmac.digest(secret, message, "sha256")


def _plain(query: VectorQuery) -> tuple[Any, ...]:
    return (
        query.field.name,
        query.field.type,
        query.limit,
        query.offset,
        query.params,
        query.nothing,
        query.expression,
        list(query.output_fields),
        sorted(query.partitions),
        query.consistency,
        query.group_by,
        [encode_vector(vector, query.field.type) for vector in query.vectors],
    )
