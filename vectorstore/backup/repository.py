"""The sets on a storage, by what the storage alone tells.

``repo.json`` marks the folder as ours. A set is there once its manifest is, which is written last, and is gone as soon
as its manifest is: what else lies in its folder is then nobody's, and is swept later.
"""

import hashlib
import re
import secrets
from collections.abc import Callable, Iterator
from collections.abc import Collection as Group
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import orjson
import pyarrow as pa

from vectorstore.backup.encryption import Keyring
from vectorstore.backup.manifest import CHECKSUM, NAME, PRODUCT, CollectionEntry, File, Layers, Manifest
from vectorstore.backup.manifest import read as read_manifest
from vectorstore.backup.parts import never, read_part
from vectorstore.backup.storage import Storage
from vectorstore.domain import definition
from vectorstore.domain.arrow import PARTITION
from vectorstore.domain.errors import BackupDamaged, BackupTooNew, Conflict, InvalidRequest, NotFound
from vectorstore.journal.changes import Change, Cleared, Gone, Rows

MARK = "repo.json"
SETS = "sets/"
FORMAT = 1
LEFT_ALONE = timedelta(days=1)
"""How long a folder without a manifest may still be one that somebody is writing."""

_SET_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}")


@dataclass(frozen=True, slots=True)
class Found:
    """A set of a scan; without ``manifest``, ``problem`` says why it cannot be used."""

    set_id: str
    manifest: Manifest | None = None
    sha256: str = ""
    problem: str = ""


def new_set_id(now: datetime) -> str:
    """An id that nobody has; ids sort by time."""
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"


def folder_of(set_id: str) -> str:
    """The set's folder, with its slash.

    Raises:
        InvalidRequest: this is no id of a set.
    """
    if not _SET_ID.fullmatch(set_id):
        raise InvalidRequest(f"{set_id[:64]!r} is no id of a backup.")
    return f"{SETS}{set_id}/"


def manifest_checksum(text: bytes) -> bytes:
    """What ``manifest.sha256`` holds, as ``sha256sum`` writes it."""
    return f"{hashlib.sha256(text).hexdigest()}  {NAME}\n".encode()


@dataclass(frozen=True, slots=True)
class Repository:
    """``identity`` tells repositories apart, whatever address they are reached by."""

    storage: Storage
    identity: str
    created: datetime

    @classmethod
    def open(cls, storage: Storage) -> Self:
        """The repository on ``storage``; an empty one becomes one.

        Raises:
            Conflict: it holds other things.
            BackupTooNew: a newer version made it.
            BackupDamaged: its mark cannot be read.
            StorageFailed: or one of its kinds.
        """
        if not storage.exists(MARK):
            if next(iter(storage.list()), None) is not None:
                raise Conflict(
                    f"The place that VECTORSTORE_BACKUP_URL names is not empty and holds no {MARK}: name an empty"
                    " folder or prefix, or one that holds backups."
                )
            mark = {"format": FORMAT, "product": PRODUCT, "created": datetime.now(UTC), "id": secrets.token_hex(16)}
            storage.write_bytes(MARK, orjson.dumps(mark, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        # Read in any case: of two that made it at once, one has won.
        try:
            found = orjson.loads(storage.read_bytes(MARK))
            number, product = int(found["format"]), str(found["product"])
            result = cls(storage, str(found["id"]), datetime.fromisoformat(found["created"]))
        except (ValueError, KeyError, TypeError):
            raise BackupDamaged(f"{MARK} cannot be read; put back the file that was there.") from None
        if number > FORMAT:
            raise BackupTooNew(f"{MARK} has format {number}, which {product} has; {PRODUCT} reads up to {FORMAT}.")
        return result

    def manifest(self, set_id: str) -> Manifest:
        """
        Raises:
            NotFound: there is no such set.
            BackupDamaged: its manifest is not as it was written.
            BackupTooNew: a newer version is needed to read it.
        """
        return self.sealed(set_id)[0]

    def sealed(self, set_id: str) -> tuple[Manifest, str]:
        """The manifest and its SHA-256. Raises as ``manifest``."""
        folder = folder_of(set_id)
        try:
            text = self.storage.read_bytes(folder + NAME)
        except NotFound:
            raise NotFound(f"There is no backup {set_id}.") from None
        try:
            kept = self.storage.read_bytes(folder + CHECKSUM)
        except NotFound:
            raise BackupDamaged(
                f"{folder}{CHECKSUM} is missing: the set was never finished, or the file lost."
            ) from None
        if kept != manifest_checksum(text):
            raise BackupDamaged(
                f"{folder}{NAME} does not have the SHA-256 that {folder}{CHECKSUM} names: one of the two was altered."
            )
        found = read_manifest(text, folder + NAME)
        if found.set_id != set_id:
            raise BackupDamaged(f"{folder}{NAME} is the manifest of another set, {found.set_id}.")
        return found, hashlib.sha256(text).hexdigest()

    def chain(self, set_id: str) -> list[Manifest]:
        """The set and those it is built on, newest first.

        Raises:
            NotFound, BackupDamaged, BackupTooNew: as ``manifest``; of a parent too, named.
        """
        found = [self.manifest(set_id)]
        while (parent := found[-1].parent) is not None:
            if any(item.set_id == parent for item in found):
                raise BackupDamaged(f"{folder_of(parent)}{NAME} is built on itself.")
            try:
                found.append(self.manifest(parent))
            except NotFound:
                child = found[-1].set_id
                raise BackupDamaged(f"{folder_of(parent)}{NAME} is missing; {child} is built on it.") from None
        return found

    def definition(self, entry: CollectionEntry) -> definition.Definition:
        """
        Raises:
            NotFound, BackupDamaged: its file is missing or is not as it was written; the detail names it.
        """
        text = self.storage.read_bytes(entry.definition.path)
        if hashlib.sha256(text).hexdigest() != entry.definition.sha256:
            raise BackupDamaged(f"{entry.definition.path} is not as it was written.")
        try:
            return definition.from_json(orjson.loads(text))
        except ValueError as error:
            raise BackupDamaged(f"{entry.definition.path}: {error}") from None

    def changes(
        self, set_id: str, uid: str, keys: Keyring, scratch: Path, check: Callable[[], None] = never
    ) -> Iterator[Change]:
        """What the set and its parents say of a collection, newest first: for ``merge.live_rows`` and ``fold``.

        ``check`` (``Work.check``) is called for each piece that is read.

        Raises:
            NotFound, BackupDamaged, BackupKeyMissing: naming the file.
        """
        for manifest in self.chain(set_id):
            entry = manifest.collection(uid)
            if entry is None:
                return
            yield from self.layer(entry.layers, keys if manifest.encryption_key else None, scratch, check)
            if entry.layers.whole:
                return

    def layer(
        self, layers: Layers, keys: Keyring | None, scratch: Path, check: Callable[[], None] = never
    ) -> Iterator[Change]:
        """What one set says of a collection, newest first; ``keys`` is None where it is not encrypted."""

        def read(files: tuple[File, ...]) -> Iterator[pa.RecordBatch]:
            for file in files:
                yield from read_part(self.storage, file, keys, scratch, check)

        yield from (rows_of(rows) for rows in read(layers.puts))
        yield from (Gone(rows.column(0).to_pylist()) for rows in read(layers.deletes))
        if layers.cleared is True:
            yield Cleared()
        elif layers.cleared:
            yield from (Cleared(partition) for partition in layers.cleared)
        yield from (rows_of(rows) for rows in read(layers.base))

    def scan(self) -> Iterator[Found]:
        """Every set, in order of the id, from the storage alone; those that cannot be used too, with the reason."""
        for set_id in sorted(self._folders()):
            try:
                yield Found(set_id, *self.sealed(set_id))
            except NotFound:
                continue  # it is being written, or deleted
            except (BackupDamaged, BackupTooNew) as error:
                yield Found(set_id, problem=error.detail)

    def delete(self, set_id: str) -> None:
        """First the manifest, so that half of a set never looks like one; then the rest. It may be repeated.

        Raises:
            Conflict: another set is built on it.
        """
        folder = folder_of(set_id)
        for other in self.scan():
            if other.manifest is not None and other.manifest.parent == set_id:
                raise Conflict(f"The backup {other.set_id} is built on {set_id}; delete that one first.")
        self.storage.delete(folder + NAME)
        self.storage.delete(folder + CHECKSUM)
        for item in list(self.storage.list(folder)):
            self.storage.delete(item.path)

    def sweep(self, now: datetime, busy: Group[str] = ()) -> list[str]:
        """Remove what was never finished or half deleted, once it is a day old; ``busy`` are sets of running jobs.

        Gives the ids whose folders were removed.
        """
        removed = []
        for set_id, newest in self._folders().items():
            folder = f"{SETS}{set_id}/"
            if newest > now - LEFT_ALONE or set_id in busy or self.storage.exists(folder + NAME):
                continue
            for item in list(self.storage.list(folder)):
                self.storage.delete(item.path)
            removed.append(set_id)
        self.storage.drop_unfinished(now - LEFT_ALONE)
        return sorted(removed)

    def _folders(self) -> dict[str, datetime]:
        """When the newest file of each set's folder was written."""
        found: dict[str, datetime] = {}
        for item in self.storage.list(SETS):
            set_id, inside, _ = item.path.removeprefix(SETS).partition("/")
            if inside and _SET_ID.fullmatch(set_id):
                found[set_id] = max(found.get(set_id, item.modified), item.modified)
        return found


def rows_of(rows: pa.RecordBatch) -> Rows:
    """Rows of a part as a change: the column ``$partition`` is there where the collection has several."""
    return Rows(rows, None if PARTITION in rows.schema.names else "")
