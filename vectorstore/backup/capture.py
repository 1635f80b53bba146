"""Making a set: the rows are read while writes go on, and what changed meanwhile is laid over them.

S0 is taken before the first row of a collection is read and S1 after the last of all. A row that nobody wrote in
between is seen as it is; of every other one the journal from S0 to S1 decides, whatever the reading saw.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from vectorstore.adapters.read_calls import RowQuery
from vectorstore.backup.manifest import File
from vectorstore.backup.writer import CollectionWriter
from vectorstore.domain.arrow import PARTITION, to_arrow
from vectorstore.domain.definition import Definition, from_json, to_json
from vectorstore.domain.digest import RowHasher, RunningDigest
from vectorstore.domain.errors import EngineFailed
from vectorstore.domain.models import Consistency, RowId
from vectorstore.journal.reading import Locate, changes, oldest_open
from vectorstore.journal.sequence import position
from vectorstore.models import JournalEntry
from vectorstore.service.catalogue import KnownCollection
from vectorstore.service.context import Scope
from vectorstore.service.definitions import definition_of
from vectorstore.service.work import Work

_CHUNK_BYTES = 128 * 1024 * 1024
_ATTEMPTS = 3


class Capture:
    """One collection on its way into a set. Its chunks go by ``<uid>/…`` in the ledger of ``work``."""

    def __init__(self, work: Work, scope: Scope, known: KnownCollection) -> None:
        self._work, self._scope, self.known = work, scope, known.whole
        begun = work.finished(f"{known.uid}/begin")
        if begun is None:
            start = oldest_open([known.uid], position()[0]) - 1 if known.point_in_time else None
            begun = {"start": start, "definition": to_json(definition_of(scope, known))}
            work.finish(f"{known.uid}/begin", begun)
        self.start: int | None = begun["start"]
        self.definition: Definition = from_json(begun["definition"])
        self._digest = RunningDigest()
        self._whole = True

    def rows_expected(self) -> int:
        """About how many there are, for the progress."""
        return self.known.engine.adapter.stored_rows(self._scope.database, self.known.schema.name)

    def read_base(self, made: CollectionWriter, done: int) -> int:
        """Write every row as a base part; returns the rows written. ``done`` are those of the collections before."""
        hasher, rows = RowHasher(self.known.schema), 0
        for partition in self._partitions():
            after: RowId | None = None
            number = 0
            while True:
                key = f"{self.known.uid}/{partition or 'all'}/{number}"
                note = self._work.finished(key)
                if note is not None and not made.kept(File(**file) for file in note["files"]):
                    note = None
                if note is None:
                    note = self._chunk(made, hasher, partition, number, after, done + rows)
                    self._work.finish(key, note)
                else:
                    self._whole = False  # its rows were not hashed in this run
                made.add_base(File(**file) for file in note["files"])
                rows += note["rows"]
                if note["last"] is None:
                    break
                after, number = note["last"], number + 1
        return rows

    def _partitions(self) -> Sequence[str]:
        keyed = any(field.partition_key for field in self.known.schema.fields)
        return sorted(self.known.partitions) if self.definition.partitions and not keyed else ("",)

    def _chunk(
        self, made: CollectionWriter, hasher: RowHasher, partition: str, number: int, after: RowId | None, done: int
    ) -> dict[str, Any]:
        """Rows after the key ``after``, up to about 128 MB; ``last`` is None where there are no more."""
        query = RowQuery(
            expression="",
            output_fields=[],
            consistency=Consistency.STRONG,
            partitions=[partition] if partition else [],
        )
        rows, size, last = 0, 0, after
        with made.base(f"{partition or 'part'}-{number:05d}") as part:
            for batch in self.known.engine.adapter.scan(self._scope.database, self.known.schema, query, after=after):
                self._work.check()
                columns = to_arrow(batch, self.known.schema)
                self._digest.add(hasher.hashes(columns))
                part.write(_with_partition(columns, partition, made.schema))
                rows, size, last = rows + batch.size, size + columns.nbytes, max(batch.ids)
                self._work.progress(done + rows)
                if size >= _CHUNK_BYTES:
                    break
            else:
                last = None
            files = part.close()
        return {"files": [asdict(file) for file in files], "rows": rows, "last": last}

    def finish(self, made: CollectionWriter, until: int | None, locate: Locate, parent_end: int | None) -> None:
        """Lay over what changed up to ``until``, and count. ``parent_end`` is the parent's S1 for an increment.

        Raises:
            EngineFailed: Milvus counts other rows than it gave.
        """
        after = parent_end if parent_end is not None else self.start
        touched = until is not None and after is not None and _touched(self.known.uid, after, until)
        if touched and after is not None and until is not None:
            made.overlay(changes(self.known.uid, after, until, locate))
        if touched or parent_end is not None or not self._whole:
            self._digest = made.count()
        if until is not None:
            self._compare_count(until)
        made.close(self._digest.rows, self._digest.hex)

    def _compare_count(self, until: int) -> None:
        """Nothing to compare with where the gateway has written since."""
        query = RowQuery(expression="", output_fields=[], consistency=Consistency.STRONG)
        for _ in range(_ATTEMPTS):
            there = self.known.engine.adapter.count(self._scope.database, self.known.schema, query)
            if there == self._digest.rows or _touched(self.known.uid, until, position()[0]):
                return
        raise EngineFailed(
            f"Milvus counts {there} rows of {self.known.schema.name} and gave {self._digest.rows}: rows were written"
            " around the gateway, or it gave some twice or not at all. Nothing was kept; try again."
        )


def _touched(uid: str, after: int, until: int) -> bool:
    found = JournalEntry.objects.filter(uid=uid, seq__gt=after, seq__lte=until, op__in=("PUT", "DEL", "CLEAR"))
    return found.exclude(state__in=("aborted", "void")).exists()


def _with_partition(rows: pa.RecordBatch, partition: str, schema: pa.Schema) -> pa.RecordBatch:
    if PARTITION not in schema.names:
        return rows
    named = pa.repeat(pa.scalar(partition, pa.string()), rows.num_rows)
    return pa.RecordBatch.from_arrays([*rows.columns, named], schema=schema)
