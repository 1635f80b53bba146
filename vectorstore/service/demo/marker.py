"""What the data folder remembers of the demo, and the lock that lets one process at a time make it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from vectorstore.config.settings import current
from vectorstore.domain.errors import Conflict


@dataclass(frozen=True, slots=True)
class Marker:
    """``build`` names one attempt; ``rows`` were inserted by it once it is ``complete``."""

    build: str
    complete: bool = False
    rows: int = 0


def read_marker() -> Marker | None:
    """What was last written; None if nothing readable was."""
    try:
        return Marker(**orjson.loads(_path().read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def write_marker(marker: Marker) -> None:
    """Replace the marker in one step; it survives a crash right after."""
    path = _path()
    draft = path.with_suffix(".new")
    with draft.open("wb") as file:
        file.write(orjson.dumps(asdict(marker)))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


@contextmanager
def only_one() -> Iterator[None]:
    """Held by one process; the kernel lets go of it when that process ends, however it ends.

    Raises:
        Conflict: another process holds it.
    """
    folder = _path().parent
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict("Another process is loading the demo data.") from None
        yield


def _path() -> Path:
    return current().data_dir / "demo" / "python_docs.json"
