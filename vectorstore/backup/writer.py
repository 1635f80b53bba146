"""A set that is being made: definitions, base, overlay, and at last the manifest, without which it is not there."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from vectorstore.backup.encryption import Keyring
from vectorstore.backup.manifest import (
    CHECKSUM,
    NAME,
    CollectionEntry,
    Consistency,
    File,
    Layers,
    Manifest,
    Moment,
    write,
)
from vectorstore.backup.merge import fold, live_rows, merged_schema
from vectorstore.backup.parts import PartWriter, never
from vectorstore.backup.repository import Repository, folder_of, manifest_checksum
from vectorstore.backup.storage import CHUNK
from vectorstore.domain.arrow import DEFAULT_PARTITION, PARTITION
from vectorstore.domain.definition import Definition, to_json
from vectorstore.domain.digest import RunningDigest, digest_of
from vectorstore.domain.errors import Conflict, NotFound
from vectorstore.journal.changes import Change, Cleared, Gone, Rows


class CollectionWriter:
    """One collection of a set. Base parts may be written by several threads; ``add_base`` tells which count."""

    def __init__(self, made: "SetWriter", definition: Definition, grants: Iterable[dict[str, Any]]) -> None:
        self._set = made
        self._of = definition.schema
        self._definition, self._grants = definition, tuple(grants)
        self._folder = f"{folder_of(made.set_id)}collections/{definition.uid}/"
        self._schema = merged_schema(self._of)
        self._base: list[File] = []
        self._whole = False
        self._overlay = Layers()
        self._partitions = set[str]()
        self._entry: CollectionEntry | None = None

    @property
    def schema(self) -> pa.Schema:
        """The columns of base rows. ``$partition`` is always one of them: partitions can be made meanwhile."""
        return self._schema

    def base(self, stem: str = "part") -> PartWriter:
        """A writer of ``base/<stem>-00000.parquet`` and so on; each range of keys has a stem of its own.

        Together they have to hold every row of the collection: what a parent has of it is no part of this set then.
        """
        return self._writer(f"base/{stem}", self._schema)

    def add_base(self, files: Iterable[File]) -> None:
        """Count parts, written now or, as ``kept`` confirms, by a former run of the same job. To be called with none
        too, where the collection is empty."""
        self._base += files
        self._whole = True

    def kept(self, files: Iterable[File]) -> bool:
        """Whether these are on the storage with their sizes and SHA-256, so that they need not be written again."""
        storage = self._set.repository.storage
        for file in files:
            if not file.path.startswith(self._folder) or storage.size(file.path) != file.size:
                return False
            found = hashlib.sha256()
            try:
                with storage.open(file.path) as stream:
                    while chunk := stream.read(CHUNK):
                        self._set.check()
                        found.update(chunk)
            except NotFound:
                return False
            if found.hexdigest() != file.sha256:
                return False
        return True

    def overlay(self, changes: Iterable[Change]) -> None:
        """Write what ``changes`` (newest first) come to, over the base or the parent.

        Raises:
            StorageFailed, BackupDamaged: it cannot be written, or they cannot be read.
        """
        key = self._of.primary.name
        keys = pa.schema([self._schema.field(key)])
        everything, partitions = False, list[str]()
        with ExitStack() as stack:
            puts = stack.enter_context(self._writer("overlay/puts", self._schema))
            deletes = stack.enter_context(self._writer("overlay/deletes", keys))
            for change in fold(changes, self._of, self._set.scratch):
                self._set.check()
                match change:
                    case Rows(columns=rows):
                        puts.write(rows)
                        self._partitions.update(pc.unique(rows.column(PARTITION)).to_pylist())
                    case Gone(keys=gone):
                        deletes.write(pa.RecordBatch.from_arrays([pa.array(gone, keys.field(0).type)], schema=keys))
                    case Cleared(partition=None):
                        everything = True
                    case Cleared(partition=str(partition)):
                        partitions.append(partition)
            self._overlay = Layers((), puts.close(), deletes.close(), everything or tuple(partitions) or False)

    def rows(self, since: Iterable[Change] = ()) -> Iterator[pa.RecordBatch]:
        """What was written, with the parents', read again; ``since`` (newest first) are changes after it."""
        return live_rows(chain(since, self._changes()), self._of, self._set.scratch)

    def count(self, since: Iterable[Change] = ()) -> RunningDigest:
        """The number of ``rows`` and their digest, in which the partition counts."""
        return digest_of(self.rows(since), self._of, partitions=True)

    def close(self, counted: RunningDigest, definition: Definition | None = None, doubt: str = "") -> None:
        """``counted`` and ``definition`` (None: as at the beginning) are the collection's at S1; ``doubt`` is what is
        to be told to whoever would restore it."""
        written = definition or self._definition
        # A write may have come to a partition before the journal had heard that it was made.
        named = self._partitions - {"", DEFAULT_PARTITION}
        written = replace(written, partitions=tuple(sorted(named.union(written.partitions))))
        text = orjson.dumps(to_json(written), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        path = f"{self._folder}schema.json"
        stored = self._set.repository.storage.write_bytes(path, text)
        self._entry = CollectionEntry(
            uid=written.uid,
            name=written.name,
            rows=counted.rows,
            digest=counted.hex,
            definition=File(path, stored.size, stored.sha256),
            layers=self._layers(),
            grants=self._grants,
            doubt=doubt,
        )

    def entry(self) -> CollectionEntry:
        """
        Raises:
            Conflict: it was not closed.
        """
        if self._entry is None:
            raise Conflict(f"The backup of {self._definition.name} has no count and digest yet.")
        return self._entry

    def _layers(self) -> Layers:
        base = tuple(sorted(self._base, key=lambda file: file.path))
        return replace(self._overlay, base=base, whole=self._whole)

    def _changes(self) -> Iterator[Change]:
        made = self._set
        encrypted = made.keys if made.keys.first else None
        yield from made.repository.layer(self._layers(), encrypted, made.scratch, made.check)
        if made.parent is not None and not self._whole:
            yield from made.repository.changes(made.parent, self._definition.uid, made.keys, made.scratch, made.check)

    def _writer(self, stem: str, schema: pa.Schema) -> PartWriter:
        made = self._set
        key = self._of.primary.name
        return PartWriter(made.repository.storage, self._folder + stem, schema, key, encrypt=made.keys.first)


class SetWriter:
    """``scratch`` is a folder for temporary files; the first of ``keys``, where there is one, encrypts.

    ``check`` (``Work.check``) is called for each piece that is read, and last before the manifest is written, so that
    a worker that has lost its job seals nothing.

    Raises:
        Conflict: there is such a set already.
        NotFound, BackupDamaged: the parent is not there, or not as it was written.
    """

    def __init__(
        self,
        repository: Repository,
        set_id: str,
        scratch: Path,
        *,
        keys: Keyring,
        parent: str | None = None,
        check: Callable[[], None] = never,
    ) -> None:
        if repository.storage.exists(folder_of(set_id) + NAME):
            raise Conflict(f"The backup {set_id} is finished already.")
        if parent is not None:
            repository.manifest(parent)
        self.repository, self.set_id, self.scratch = repository, set_id, scratch
        self.keys, self.parent, self.check = keys, parent, check
        self._collections: list[CollectionWriter] = []

    def collection(self, definition: Definition, grants: Iterable[dict[str, Any]] = ()) -> CollectionWriter:
        """Begin a collection."""
        made = CollectionWriter(self, definition, grants)
        self._collections.append(made)
        return made

    def seal(
        self,
        *,
        start: Moment,
        end: Moment,
        created: datetime,
        consistency: Consistency = "exact",
        timeline: int = 1,
        engine: str = "",
        cluster: str = "default",
        database: str = "default",
        who: str = "",
        note: str = "",
    ) -> tuple[Manifest, str]:
        """Make the set be there; gives its manifest and the manifest's SHA-256.

        Raises:
            Conflict: a collection was not closed.
            StorageFailed: or one of its kinds.
        """
        key = self.keys.first
        manifest = Manifest(
            set_id=self.set_id,
            kind="full" if self.parent is None else "incremental",
            parent=self.parent,
            start=start,
            end=end,
            created=created,
            collections=tuple(made.entry() for made in self._collections),
            consistency=consistency,
            timeline=timeline,
            engine=engine,
            cluster=cluster,
            database=database,
            encryption_key=key.id if key else None,
            who=who,
            note=note,
        )
        self._drop_others(manifest)
        text, folder, storage = write(manifest), folder_of(self.set_id), self.repository.storage
        # The checksum first: the set is there with one act, and a manifest without its checksum is damage.
        storage.write_bytes(folder + CHECKSUM, manifest_checksum(text))
        self.check()
        storage.write_bytes(folder + NAME, text)
        return manifest, hashlib.sha256(text).hexdigest()

    def abandon(self) -> None:
        """Take back all that was written."""
        self.repository.delete(self.set_id)

    def _drop_others(self, manifest: Manifest) -> None:
        """A run that was killed can have left parts that this one did not make again."""
        ours = {file.path for file in manifest.files()}
        for item in list(self.repository.storage.list(folder_of(self.set_id))):
            if item.path not in ours:
                self.repository.storage.delete(item.path)
