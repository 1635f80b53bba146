"""Sealed segments of the journal, brought to the backup storage and fetched from it."""

import hashlib
import logging
import secrets
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path

from django.db.models import Max, Min
from django.utils import timezone

from vectorstore.backup.parts import never
from vectorstore.backup.storage import CHUNK, Storage
from vectorstore.backup.storages import from_settings
from vectorstore.domain.errors import NotFound
from vectorstore.journal.segment import sha256_of
from vectorstore.journal.writer import folder
from vectorstore.models import CollectionRecord, JournalEntry, JournalSegment

log = logging.getLogger("vectorstore.journal")

JOURNAL = "journal/"


def checksum_path(name: str) -> str:
    """Where the storage has the SHA-256 of the segment ``name``."""
    return f"{JOURNAL}{name.removesuffix('.seg')}.sha256"


def checksum_text(name: str, sha256: str) -> bytes:
    """What is there, as ``sha256sum`` writes it."""
    return f"{sha256}  {Path(name).name}\n".encode()


def ship(storage: Storage) -> int:
    """Bring every sealed segment to the storage; returns how many.

    Raises:
        StorageFailed: or one of its kinds; those that are not there yet are tried again the next time.
    """
    shipped = 0
    for segment in JournalSegment.objects.filter(sealed_at__isnull=False, shipped_at=None).order_by("id"):
        path = folder() / segment.name
        if path.is_file():
            _bring(segment, path, storage)
            shipped += 1
    return shipped


def _bring(segment: JournalSegment, path: Path, storage: Storage) -> None:
    storage.write(JOURNAL + segment.name, path)
    storage.write_bytes(checksum_path(segment.name), checksum_text(segment.name, segment.sha256))
    JournalSegment.objects.filter(pk=segment.pk).update(shipped_at=timezone.now())


def fetch(segment: JournalSegment, storage: Storage) -> Path:
    """Where the segment is on this machine: in the journal's folder, or brought back into it.

    Raises:
        FileNotFoundError: it is nowhere.
        StorageFailed: or one of its kinds.
    """
    path = folder() / segment.name
    if path.is_file():
        return path
    part = path.with_suffix(f".{secrets.token_hex(8)}.part")
    try:
        with storage.open(JOURNAL + segment.name) as stream:
            path.parent.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                while chunk := stream.read(CHUNK):
                    file.write(chunk)
            part.rename(path)
    except NotFound:
        raise FileNotFoundError(segment.name) from None
    finally:
        part.unlink(missing_ok=True)
    return path


def anywhere(segment: JournalSegment) -> Path:
    """As ``fetch``; the storage of the settings is opened only where it is needed."""
    path = folder() / segment.name
    if path.is_file():
        return path
    with closing(from_settings()) as storage:
        return fetch(segment, storage)


def stored_sha256(segment: JournalSegment, storage: Storage, check: Callable[[], None] = never) -> str:
    """Of the storage's copy, by reading it; ``check`` is called for each piece.

    Raises:
        NotFound: there is none.
    """
    found = hashlib.sha256()
    with storage.open(JOURNAL + segment.name) as stream:
        while chunk := stream.read(CHUNK):
            check()
            found.update(chunk)
    return found.hexdigest()


def drop_local(storage: Storage, before: datetime) -> int:
    """Remove local copies of segments that were shipped before that time, once the storage's copy was read and found
    whole; returns how many. What is no longer there as it was sealed is brought there again.

    Segments that writes read stay here: the way of a write does not know the storage.
    """
    dropped, kept = 0, _read_by_writes()
    there = {item.path: item.size for item in storage.list(JOURNAL)}
    for segment in JournalSegment.objects.filter(shipped_at__isnull=False).order_by("id"):
        path = folder() / segment.name
        if not path.is_file():
            continue
        lost = there.get(JOURNAL + segment.name) != segment.size_bytes
        if not lost and (segment.pk in kept or not _older(segment, path, before)):
            continue
        if not lost and stored_sha256(segment, storage) == segment.sha256:
            path.unlink()
            dropped += 1
        elif sha256_of(path) == segment.sha256:
            log.error("the segment %s was lost or altered on the backup storage, and is brought again", segment.name)
            _bring(segment, path, storage)
        else:
            log.error("the segment %s is damaged, here and on the backup storage", segment.name)
    return dropped


def _older(segment: JournalSegment, path: Path, before: datetime) -> bool:
    """Shipped before that time, and not fetched since."""
    return segment.shipped_at is not None and segment.shipped_at < before and path.stat().st_mtime < before.timestamp()


def _read_by_writes() -> set[int]:
    """The segments with the last definition of a collection that lives, or with what came after an unsettled write."""
    entries = JournalEntry.objects.filter(uid__in=CollectionRecord.objects.values_list("uid", flat=True))
    last = entries.filter(op="DEF", state="committed").values("uid").annotate(last=Max("seq")).values_list("last")
    found = set(JournalEntry.objects.filter(seq__in=last).values_list("segment", flat=True))
    for uid, first in entries.filter(state="open").values("uid").annotate(first=Min("seq")).values_list("uid", "first"):
        found.update(JournalEntry.objects.filter(uid=uid, seq__gte=first).values_list("segment", flat=True))
    return found
