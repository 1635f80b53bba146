"""How one record's hash covers it and, through the hash before it, everything that went before."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

DOMAIN = b"vectorstore.audit.1\0"
FIRST = "0" * 64
"""What the first record names as the hash before it."""

COLUMNS = (
    "seq",
    "ts",
    "event_id",
    "request_id",
    "phase",
    "actor_kind",
    "actor_id",
    "actor",
    "method",
    "key_prefix",
    "source",
    "action",
    "cluster",
    "database",
    "collection",
    "ids",
    "allowed",
    "grants",
    "parameters",
    "outcome",
    "result",
)
"""What a hash covers. Spelt out: a column added to the model must not change the hashes there are."""

WITH_HASHES = (*COLUMNS, "prev_hash", "hash")


def link(prev_hash: str, record: Mapping[str, Any]) -> str:
    """SHA-256 of the domain tag, the 32 bytes before, and the canonical JSON of the record, in hexadecimal.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: the record holds something that was never written by us.
    """
    return hashlib.sha256(DOMAIN + bytes.fromhex(prev_hash) + canonical(record)).hexdigest()


def canonical(record: Mapping[str, Any]) -> bytes:
    """RFC 8785 JSON of the columns that a hash covers. ``ts`` may be a time or already text."""
    ts = record["ts"]
    columns = {name: record[name] for name in COLUMNS}
    columns["ts"] = ts if isinstance(ts, str) else stamp(ts)
    return canonical_json(columns)


def canonical_json(value: object) -> bytes:
    """RFC 8785, of the values that ``audit.plain`` leaves over: no floats, ASCII keys."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATETIME)


def stamp(ts: datetime) -> str:
    """``2026-01-31T12:00:00.000000Z``."""
    return ts.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
