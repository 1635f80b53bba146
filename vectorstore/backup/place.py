"""The repository of this deployment, opened for one piece of work."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from vectorstore.backup.encryption import Keyring, keyring
from vectorstore.backup.repository import Repository
from vectorstore.backup.shipping import fetch
from vectorstore.backup.storages import from_settings
from vectorstore.config.settings import current
from vectorstore.models import JournalSegment


@dataclass(frozen=True, slots=True)
class BackupPlace:
    """``scratch`` is a folder for temporary files; ``locate`` gives a segment, from the storage where it must."""

    repository: Repository
    keys: Keyring
    scratch: Path

    def locate(self, segment: JournalSegment) -> Path:
        return fetch(segment, self.repository.storage)


@contextmanager
def backup_place() -> Iterator[BackupPlace]:
    """
    Raises:
        StorageFailed: or one of its kinds: the storage cannot be used.
        Conflict, BackupTooNew, BackupDamaged: it holds something else.
    """
    scratch = current().data_dir / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    with closing(from_settings()) as storage:
        yield BackupPlace(Repository.open(storage), keyring(), scratch)
