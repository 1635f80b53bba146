"""Sealed segments of the journal, brought to the backup storage and fetched from it."""

import os
from datetime import datetime
from pathlib import Path

from django.utils import timezone

from vectorstore.backup.storage import CHUNK, Storage
from vectorstore.domain.errors import NotFound
from vectorstore.journal.segment import sha256_of
from vectorstore.journal.writer import folder
from vectorstore.models import JournalSegment

JOURNAL = "journal/"


def ship(storage: Storage) -> int:
    """Bring every sealed segment to the storage; returns how many.

    Raises:
        StorageFailed: or one of its kinds; those that are not there yet are tried again the next time.
    """
    shipped = 0
    for segment in JournalSegment.objects.filter(sealed_at__isnull=False, shipped_at=None).order_by("id"):
        path = folder() / segment.name
        if not path.is_file():
            continue
        with storage.create(JOURNAL + segment.name) as sink, path.open("rb") as file:
            while chunk := file.read(CHUNK):
                sink.write(chunk)
            sink.commit()
        checksum = f"{segment.sha256}  {Path(segment.name).name}\n".encode()
        storage.write_bytes(f"{JOURNAL}{segment.name.removesuffix('.seg')}.sha256", checksum)
        JournalSegment.objects.filter(pk=segment.pk).update(shipped_at=timezone.now())
        shipped += 1
    return shipped


def fetch(segment: JournalSegment, storage: Storage) -> Path:
    """Where the segment is on this machine: in the journal's folder, or brought back into it.

    Raises:
        FileNotFoundError: it is nowhere.
        StorageFailed: or one of its kinds.
    """
    path = folder() / segment.name
    if path.is_file():
        return path
    try:
        with storage.open(JOURNAL + segment.name) as stream:
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(f".{os.getpid()}.part")
            with part.open("wb") as file:
                while chunk := stream.read(CHUNK):
                    file.write(chunk)
            part.rename(path)
    except NotFound:
        raise FileNotFoundError(segment.name) from None
    return path


def drop_local(before: datetime) -> int:
    """Remove local copies of segments that were shipped before that time and are whole there; returns how many."""
    dropped = 0
    for segment in JournalSegment.objects.filter(shipped_at__lt=before):
        path = folder() / segment.name
        if path.is_file() and sha256_of(path) == segment.sha256:
            path.unlink()
            dropped += 1
    return dropped
