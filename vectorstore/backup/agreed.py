"""When a collection was last seen to hold what the journal says, in a file beside its ledger.

What others have written was written after that. Where the file is lost, after the collection's first entry.
"""

import os
from datetime import datetime
from pathlib import Path
from typing import Literal

import orjson

from vectorstore.config.settings import current
from vectorstore.models import JournalEntry

What = Literal["count", "rows"]
"""The number of rows, or every one of them."""


def note(uid: str, at: datetime, *what: What) -> None:
    """They agreed at that time or later."""
    path = _path(uid)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_bytes(orjson.dumps(_read(path) | dict.fromkeys(what, at.isoformat())))
    part.rename(path)


def since(uid: str, what: What) -> datetime | None:
    """The last time; None where nothing is known of the collection at all."""
    found = _read(_path(uid)).get(what)
    if found is not None:
        return datetime.fromisoformat(found)
    return JournalEntry.objects.filter(uid=uid).order_by("seq").values_list("at", flat=True).first()


def _path(uid: str) -> Path:
    return current().data_dir / "ledger" / f"{uid}.agreed"


def _read(path: Path) -> dict[str, str]:
    try:
        found: dict[str, str] = orjson.loads(path.read_bytes())
        return found
    except (FileNotFoundError, orjson.JSONDecodeError):
        return {}
