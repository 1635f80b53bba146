"""Whether the log is what was written: every record, every signature, and nothing missing at either end."""

from collections.abc import Callable, Iterator
from pathlib import Path

from django.db.models import Max

from vectorstore.audit import external
from vectorstore.audit.checkpoint import EVERY
from vectorstore.audit.marks import Pair, anchor, pairs
from vectorstore.audit.signature import Keyring
from vectorstore.audit.verdict import Broken, Kind, Verdict
from vectorstore.audit.walk import Row, follow, rows
from vectorstore.models import AuditCheckpoint, AuditRecord

__all__ = ["ARCHIVED", "Kind", "Verdict", "verify"]

Progress = Callable[[int, int], None]
"""Told how many records are verified, of how many."""

ARCHIVED = "audit.archive"
"""The action that the record of an archive has."""
_TELL_EVERY = 2_000


def verify(outside: Path | None = None, progress: Progress | None = None) -> Verdict:
    """Verify what is in the database now, against the file ``outside`` (default: the one this gateway writes).

    Records may be written and archived meanwhile. Checkpoints are written after their records, so they are looked at
    first: whatever they sign must then be found.
    """
    path = outside or external.place()
    marks = external.read(path)
    signed = AuditCheckpoint.objects.aggregate(last=Max("seq"))["last"] or 0
    last = AuditRecord.objects.aggregate(last=Max("seq"))["last"] or 0
    walk = _Walk(last, progress)
    try:
        walk.go(pairs(marks, signed))
    except Broken as broken:
        return broken.verdict(walk.records)
    detail = "" if path.exists() else "without the file of checkpoints, records missing at the end would go unseen"
    return Verdict(Kind.INTACT, walk.records, detail=detail)


class _Walk:
    def __init__(self, last: int, progress: Progress | None) -> None:
        self.records = 0
        self._last = last
        self._progress = progress
        self._keys = Keyring()
        self._begin()
        self._first = self._seq

    def _begin(self) -> None:
        """Stand before the first record there is."""
        self._archived, self._hash = anchor()
        self._seq = self._archived + 1

    def go(self, marks: Iterator[Pair]) -> None:
        """Raises Broken."""
        mark = next(marks, None)
        for row in rows(self._last):
            self._step(row)
            while mark is not None and mark.seq < self._seq - 1:
                mark.check_alone(self._keys)
                mark = next(marks, None)
            if mark is not None and mark.seq == self._seq - 1:
                mark.check(self._hash, self._keys)
                mark = next(marks, None)
            elif (self._seq - 1) % EVERY == 0:
                raise Broken(Kind.CHECKPOINT, self._seq - 1, f"checkpoint {self._seq - 1} is missing")
        while mark is not None:
            mark.check_alone(self._keys)
            if mark.seq >= self._seq:
                detail = f"the records from {self._seq} on are missing: checkpoint {mark.seq} signs them"
                raise Broken(Kind.TRUNCATED, self._seq, detail)
            mark = next(marks, None)
        self._require_record_of_archive()

    def _step(self, row: Row) -> None:
        if row["seq"] > self._seq and anchor()[0] >= self._seq:
            self._begin()  # the records in between were archived while we were reading
        self._hash = follow(row, self._seq, self._hash)
        self._seq += 1
        self.records += 1
        if self._progress and self.records % _TELL_EVERY == 0:
            self._progress(self.records, self._last - self._first + 1)

    def _require_record_of_archive(self) -> None:
        """That a checkpoint is marked as archived anybody can write who can delete; a record in the chain less so."""
        if not self._archived:
            return
        archives = AuditRecord.objects.filter(action=ARCHIVED, seq__gt=self._archived)
        for parameters in archives.values_list("parameters", flat=True):
            if parameters.get("last") == self._archived:
                return
        detail = f"the records up to {self._archived} are missing, and none says that they were archived"
        raise Broken(Kind.GAP, self._archived, detail)
