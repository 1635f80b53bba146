"""The performance log: one JSON object a line for each profile that is kept, in files that several processes share."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
from concurrent_log_handler import ConcurrentRotatingFileHandler

from vectorstore.config.settings import current
from vectorstore.models import SearchProfile

KEPT = 5
"""Older files beside the one that is written: ``performance.jsonl.1`` is the newest of them."""

_FIELDS = (
    *("request_id", "actor", "cluster", "database", "collection", "kind", "kept_for", "outcome", "took_ms", "stages"),
    *("batch", "attempts", "rows", "shape_hash", "request", "plan"),
)


def place() -> Path:
    """The file that is written."""
    return current().data_dir / "logs" / "performance.jsonl"


def write(rows: Sequence[SearchProfile]) -> None:
    """Add a line for each; a file that has got too large is set aside first.

    Raises:
        OSError: they could not be written.
    """
    text = "\n".join(orjson.dumps(_line(row)).decode() for row in rows)
    # One record for all of them: each takes the lock that the processes share.
    record = logging.LogRecord("vectorstore.performance", logging.INFO, "", 0, text, None, None)
    _handler(place(), current().performance_log_mb * 1024 * 1024).emit(record)


def _line(row: SearchProfile) -> dict[str, Any]:
    return {"ts": row.at.isoformat(timespec="milliseconds"), **{name: getattr(row, name) for name in _FIELDS}}


def close() -> None:
    """Let go of the file; the next line opens it again."""
    while _open:
        _open.popitem()[1].close()


class _Handler(ConcurrentRotatingFileHandler):
    """What fails is the caller's to count, not to be printed."""

    def handleError(self, record: logging.LogRecord) -> None:
        raise


_open: dict[tuple[Path, int], _Handler] = {}


def _handler(path: Path, most_bytes: int) -> _Handler:
    found = _open.get((path, most_bytes))
    if found is None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = _open[path, most_bytes] = _Handler(
            str(path), "a", maxBytes=most_bytes, backupCount=KEPT, encoding="utf-8", chmod=0o600
        )
    return found


os.register_at_fork(after_in_child=_open.clear)  # an open file and its lock are the parent's
