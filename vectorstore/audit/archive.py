"""Retention: the oldest records are moved to a file as a whole verified range, never one by one."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from django.db import Error, connection, transaction
from django.db.models import Min

from vectorstore.audit import archive_file, guard
from vectorstore.audit.archive_file import Contents
from vectorstore.audit.entry import Entry
from vectorstore.audit.failures import unavailable
from vectorstore.audit.head import lock
from vectorstore.audit.log import append
from vectorstore.audit.marks import anchor
from vectorstore.audit.signature import Keyring, Mark
from vectorstore.audit.verdict import Broken, Kind, Verdict
from vectorstore.audit.verify import ARCHIVED
from vectorstore.config.settings import current
from vectorstore.domain.errors import Conflict
from vectorstore.models import AuditCheckpoint, AuditRecord


@dataclass(frozen=True, slots=True)
class Archived:
    """The records ``first`` to ``last`` are in ``path`` and no longer in the database."""

    first: int
    last: int
    path: Path

    @property
    def records(self) -> int:
        return self.last - self.first + 1


def archive(before: datetime, folder: Path | None = None) -> Archived | None:
    """Move the records up to the newest checkpoint that is older than ``before``; None where there are none.

    Default for ``folder``: ``audit/archive`` in the data folder. All that uses up time happens before the log is
    locked; the removal is one transaction.

    Raises:
        Conflict: the records are not intact, or changed meanwhile; nothing was removed.
        AuditUnavailable: the database refused; nothing was removed.
        OSError: the file cannot be written; nothing was removed.
    """
    start, before_hash = anchor()
    checkpoint = AuditCheckpoint.objects.filter(ts__lt=before, archive="", seq__gt=start).order_by("-seq").first()
    if checkpoint is None:
        return None
    mark = Mark.of(checkpoint)
    try:
        if not Keyring().verifies(mark):
            raise Broken(Kind.CHECKPOINT, mark.seq, f"the signature of checkpoint {mark.seq} is not ours")
        path = archive_file.write(folder or current().data_dir / "audit" / "archive", start + 1, before_hash, mark)
    except Broken as broken:
        raise Conflict(f"The audit log is not intact, so nothing is archived: {broken.detail}.") from broken
    done = Archived(start + 1, mark.seq, path)
    try:
        with transaction.atomic():
            lock()
            _remove(done)
            _record(done, mark)
    except (Error, ImproperlyConfigured) as error:
        raise unavailable(error) from error
    return done


def _remove(done: Archived) -> None:
    """Exactly the range, or nothing."""
    with guard.lifted(connection):
        removed, _ = AuditRecord.objects.filter(seq__gte=done.first, seq__lte=done.last).delete()
    if removed != done.records:
        raise Conflict(f"{removed} records were found where {done.records} were archived: nothing was removed.")
    marks = AuditCheckpoint.objects.filter(seq__gte=done.first, seq__lte=done.last)
    marks.update(archive=str(done.path)[-255:])


def _record(done: Archived, mark: Mark) -> None:
    parameters = {
        "first": done.first,
        "last": done.last,
        "hash": mark.hash,
        "file": done.path.name,
        "sha256": archive_file.digest(done.path),
    }
    append(
        Entry(
            phase="outcome",
            action=ARCHIVED,
            actor_kind="system",
            actor="system",
            method="command",
            parameters=parameters,
            outcome="ok",
            result={"rows": done.records},
        )
    )


def verify_archive(path: Path) -> Verdict:
    """Verify an archive by itself, and that it is the part of this log that comes before what is left.

    Raises:
        OSError: the file cannot be read.
    """
    try:
        contents = archive_file.read(path)
        _check_place(contents)
    except Broken as broken:
        return broken.verdict(0)
    return Verdict(Kind.INTACT, contents.records, detail=f"records {contents.first} to {contents.last}")


def _check_place(contents: Contents) -> None:
    """The checkpoints at both ends are those of the database, and the first record left follows the last archived."""
    for seq, hash_ in ((contents.first - 1, contents.before), (contents.last, contents.mark.hash)):
        if seq and not AuditCheckpoint.objects.filter(seq=seq, hash=hash_).exists():
            raise Broken(Kind.CHECKPOINT, seq, f"the database has no such checkpoint {seq}")
    oldest = AuditRecord.objects.aggregate(seq=Min("seq"))["seq"]
    if oldest == contents.last + 1 and AuditRecord.objects.get(seq=oldest).prev_hash != contents.mark.hash:
        raise Broken(Kind.ALTERED, oldest, f"record {oldest} does not follow the last one of the archive")
