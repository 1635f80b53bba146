"""Whether a set is as it was written, level by level; what is wrong is named by its path.

Files: the manifests of the set and of those it is built on, and every file they list with its size, and no other (0).
Checksums: every SHA-256 (1). Rows: every part decodes, keys are unique, count and digest are the manifest's (2). With
them goes the journal over the set, which moments after it need; the set itself stands without it.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from vectorstore.backup.encryption import Keyring
from vectorstore.backup.manifest import CHECKSUM, NAME, CollectionEntry, File, Manifest
from vectorstore.backup.merge import live_rows
from vectorstore.backup.parts import read_part
from vectorstore.backup.repository import Repository, folder_of
from vectorstore.backup.seen import SeenKeys
from vectorstore.backup.shipping import JOURNAL, checksum_path, checksum_text, stored_sha256
from vectorstore.backup.storage import CHUNK, Storage
from vectorstore.domain.definition import Definition
from vectorstore.domain.digest import RowHasher, RunningDigest
from vectorstore.domain.errors import BackupDamaged, NotFound
from vectorstore.journal.reading import first_missing, segments
from vectorstore.models import JournalSegment
from vectorstore.service.work import Work


class Level(IntEnum):
    """How much is looked at; each level includes those before."""

    FILES = 0
    CHECKSUMS = 1
    ROWS = 2


@dataclass(frozen=True, slots=True)
class Problem:
    """``path`` is that of the file that is wrong."""

    path: str
    detail: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """``level`` is the highest that holds, None where not even the first does; ``rows`` are those counted at ROWS."""

    level: Level | None
    problems: tuple[Problem, ...] = ()
    files: int = 0
    size: int = 0
    rows: int = 0

    @property
    def intact(self) -> bool:
        return not self.problems


def verify(
    repository: Repository,
    set_id: str,
    level: Level,
    work: Work,
    keys: Keyring,
    scratch: Path,
    reached: Callable[[Level], None] = lambda _: None,
) -> Verdict:
    """Look at the set and at all that it is built on. A level is not begun where one before it failed.

    Keys are needed for ROWS only. ``reached`` is told each level that holds.

    Raises:
        NotFound: there is no such set.
        BackupTooNew, BackupKeyMissing: it may be intact, but cannot be read here.
        StorageFailed: the storage does not answer.
        Cancelled, Interrupted: by ``work``.
    """
    try:
        chain = repository.chain(set_id)
    except BackupDamaged as error:
        return Verdict(None, (Problem(_named(error.detail, folder_of(set_id) + NAME), error.detail),))
    files = [file for manifest in chain for file in manifest.files()]
    size = sum(file.size for file in files)
    checks: tuple[Callable[[], tuple[list[Problem], int]], ...] = (
        lambda: (_files(repository, chain, work), 0),
        lambda: (_checksums(repository, files, work), 0),
        lambda: _Rows(repository, chain, work, keys, scratch).problems(),
    )
    held: Level | None = None
    rows = 0
    for each in Level:
        if each > level:
            break
        problems, rows = checks[each]()
        if problems:
            return Verdict(held, tuple(problems), len(files), size, rows)
        held = each
        reached(each)
    return Verdict(held, (), len(files), size, rows)


def verify_journal(storage: Storage, after: int, until: int, work: Work) -> list[Problem]:
    """What is wrong with the shipped segments that hold the entries after ``after`` up to ``until``, on the storage.

    Raises:
        StorageFailed: the storage does not answer.
        Cancelled, Interrupted: by ``work``.
    """
    work.stage("journal")
    problems = []
    if (missing := first_missing(after, until)) is not None:
        problems.append(Problem(JOURNAL, f"has no entry {missing}"))
    for segment in segments(after, until).filter(shipped_at__isnull=False):
        problems += _segment(storage, segment, work)
    return problems


def _segment(storage: Storage, segment: JournalSegment, work: Work) -> list[Problem]:
    path, beside = JOURNAL + segment.name, checksum_path(segment.name)
    problems = []
    try:
        found = stored_sha256(segment, storage, work.check)
        if found != segment.sha256:
            problems.append(Problem(path, f"has the SHA-256 {found}; it was sealed with {segment.sha256}"))
    except NotFound:
        problems.append(Problem(path, "is missing"))
    try:
        if storage.read_bytes(beside) != checksum_text(segment.name, segment.sha256):
            problems.append(Problem(beside, f"does not name the SHA-256 {segment.sha256}, with which it was sealed"))
    except NotFound:
        problems.append(Problem(beside, "is missing"))
    return problems


def _named(detail: str, otherwise: str) -> str:
    """The path that a message about a manifest begins with."""
    first = detail.split(" ", 1)[0]
    return first if first.startswith("sets/") else otherwise


def _files(repository: Repository, chain: list[Manifest], work: Work) -> list[Problem]:
    work.stage("files")
    problems = []
    for manifest in chain:
        work.check()
        folder = folder_of(manifest.set_id)
        there = {item.path: item.size for item in repository.storage.list(folder)}
        listed = {file.path: file for file in manifest.files()}
        for path, file in listed.items():
            if not path.startswith(folder):
                problems.append(Problem(folder + NAME, f"{path} is listed, which is no file of this set"))
            elif path not in there:
                problems.append(Problem(path, "is missing"))
            elif there[path] != file.size:
                problems.append(Problem(path, f"has {there[path]} bytes; the manifest says {file.size}"))
        for path in there.keys() - listed.keys() - {folder + NAME, folder + CHECKSUM}:
            problems.append(Problem(path, "is not listed in the manifest"))
    return problems


def _checksums(repository: Repository, files: list[File], work: Work) -> list[Problem]:
    work.stage("checksums")
    problems, done, total = [], 0, sum(file.size for file in files)
    for file in files:
        found = hashlib.sha256()
        try:
            with repository.storage.open(file.path) as stream:
                while chunk := stream.read(CHUNK):
                    work.check()
                    found.update(chunk)
                    done += len(chunk)
                    work.progress(done, total, "bytes")
        except NotFound:
            problems.append(Problem(file.path, "is missing"))
            continue
        if found.hexdigest() != file.sha256:
            problems.append(Problem(file.path, f"has the SHA-256 {found.hexdigest()}; the manifest says {file.sha256}"))
    return problems


class _Rows:
    """The third level. What is read once for its keys is read again to be merged: neither needs much memory."""

    def __init__(self, repository: Repository, chain: list[Manifest], work: Work, keys: Keyring, scratch: Path) -> None:
        self._repository, self._chain, self._work, self._keys, self._scratch = repository, chain, work, keys, scratch
        self._found: list[Problem] = []
        self._total = sum(entry.rows for entry in chain[0].collections)
        self._done = 0

    def problems(self) -> tuple[list[Problem], int]:
        """And the rows counted."""
        self._work.stage("rows")
        wanted = {entry.uid for entry in self._chain[0].collections}
        for manifest in self._chain:
            for entry in manifest.collections:
                if entry.uid in wanted:
                    self._check_layers(manifest, entry)
        if not self._found:
            for entry in self._chain[0].collections:
                self._check_outcome(entry)
        return self._found, self._done

    def _add(self, path: str, detail: str) -> None:
        self._found.append(Problem(path, detail))

    def _definition(self, entry: CollectionEntry) -> Definition | None:
        try:
            found = self._repository.definition(entry)
        except (BackupDamaged, NotFound) as error:
            self._add(entry.definition.path, error.detail)
            return None
        if found.uid != entry.uid:
            self._add(entry.definition.path, f"defines {found.uid}; the manifest says {entry.uid}")
        return found

    def _check_layers(self, manifest: Manifest, entry: CollectionEntry) -> None:
        """Every part of one set decodes; no key is twice in its overlay, nor in its base unless the overlay decides it.

        A row that moved to another partition while the base was read may have been seen in both.
        """
        definition = self._definition(entry)
        if definition is None:
            return
        keys = self._keys if manifest.encryption_key else None
        layers, key = entry.layers, definition.schema.primary.name
        overlay, base = SeenKeys(self._scratch), SeenKeys(self._scratch)
        for file in (*layers.puts, *layers.deletes):
            self._check_part(file, key, keys, overlay)
        for file in layers.base if layers.cleared is not True else ():
            self._check_part(file, key, keys, base, overlay)

    def _check_part(
        self, file: File, key: str, keys: Keyring | None, seen: SeenKeys, over: SeenKeys | None = None
    ) -> None:
        first, last = None, None
        try:
            for rows in read_part(self._repository.storage, file, keys, self._scratch, self._work.check):
                column: pa.Array = rows.column(key)
                twice = column.filter(pa.array(~seen.add(column)))
                if over is not None:
                    twice = twice.filter(pa.array(over.add(twice)))
                if len(twice):
                    self._add(file.path, f"has the key {twice[0].as_py()!r} a second time")
                    return
                low, high = pc.min_max(column).values()
                first = low.as_py() if first is None else min(first, low.as_py())
                last = high.as_py() if last is None else max(last, high.as_py())
        except (BackupDamaged, NotFound) as error:
            self._add(file.path, error.detail)
            return
        except KeyError:
            self._add(file.path, f"has no column {key}")
            return
        if keys is None and (first, last) != (file.first_key, file.last_key):
            self._add(file.path, f"has keys from {first!r} to {last!r}; the manifest says otherwise")

    def _check_outcome(self, entry: CollectionEntry) -> None:
        definition = self._repository.definition(entry)
        hasher = RowHasher(definition.schema, partitions=self._chain[0].places)
        digest = RunningDigest()
        set_id, check = self._chain[0].set_id, self._work.check
        changes = self._repository.changes(set_id, entry.uid, self._keys, self._scratch, check)
        for rows in live_rows(changes, definition.schema, self._scratch):
            digest.add(hasher.hashes(rows))
            self._done += rows.num_rows
            self._work.progress(self._done, self._total, "rows")
        where = folder_of(set_id) + NAME
        if digest.rows != entry.rows:
            self._add(where, f"says that {entry.name} has {entry.rows} rows; its files hold {digest.rows}")
        elif digest.hex != entry.digest:
            self._add(where, f"says that {entry.name} has the digest {entry.digest}; its files have {digest.hex}")
