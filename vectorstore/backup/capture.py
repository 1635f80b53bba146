"""Making a set: the rows are read while writes go on, and what changed meanwhile is laid over them.

S0 is taken before the first row of a collection is read and S1 after the last of all. A row that nobody wrote in
between is seen as it is; of every other one the journal from S0 to S1 decides, whatever the reading saw.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from vectorstore.adapters.read_calls import RowQuery
from vectorstore.backup.agreement import Agreement, Counted, count, doubt_without_journal, touched
from vectorstore.backup.manifest import File
from vectorstore.backup.place import BackupPlace
from vectorstore.backup.writer import CollectionWriter
from vectorstore.domain.arrow import to_arrow
from vectorstore.domain.batch import Batch
from vectorstore.domain.definition import Definition, from_json, to_json
from vectorstore.domain.digest import RowHasher, RunningDigest
from vectorstore.domain.errors import Conflict, NotFound
from vectorstore.domain.models import Consistency, RowId
from vectorstore.journal.reading import changes, definition_at, oldest_open
from vectorstore.journal.sequence import position
from vectorstore.service.ahead import read_ahead
from vectorstore.service.catalogue import KnownCollection, look_up, require_same
from vectorstore.service.context import Scope
from vectorstore.service.definitions import definition_of, ensure_recorded
from vectorstore.service.work import Work

_CHUNK_BYTES = 128 * 1024 * 1024


class Capture:
    """One collection on its way into a set. Its chunks go by ``<uid>/…`` in the ledger of ``work``."""

    def __init__(self, work: Work, scope: Scope, known: KnownCollection) -> None:
        self._work, self._scope, self.known = work, scope, known.whole
        begun = work.finished(f"{known.uid}/begin")
        if begun is None:
            begun = self._begin()
            work.finish(f"{known.uid}/begin", begun)
        self.start: int | None = begun["start"]
        self.definition: Definition = from_json(begun["definition"])
        self._before = Counted(**begun["counted"]) if begun["counted"] else None
        self._read = RunningDigest()
        self._whole = True

    def _begin(self) -> dict[str, Any]:
        known, start, counted = self.known, None, None
        if known.point_in_time:
            start = oldest_open([known.uid], position()[0]) - 1
        else:
            counted = asdict(count(self._scope, known))
        return {"start": start, "counted": counted, "definition": to_json(definition_of(self._scope, known))}

    def rows_expected(self) -> int:
        """About how many there are, for the progress."""
        return self.known.engine.adapter.stored_rows(self._scope.database, self.known.schema.name)

    def read_base(self, made: CollectionWriter, done: int) -> int:
        """Write every row as a base part; returns the rows written. ``done`` are those of the collections before.

        Raises:
            Conflict: another collection has the name now.
        """
        hasher, rows = RowHasher(self.known.schema, partitions=True), 0
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
                    require_same(self._scope, self.known)
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
            for batch in read_ahead(self._scan(query, partition, after), self._work.check):
                self._work.check()
                columns = _with_partition(to_arrow(batch, self.known.schema), partition, made.schema)
                self._read.add(hasher.hashes(columns))
                part.write(columns)
                rows, size, last = rows + batch.size, size + columns.nbytes, max(batch.ids)
                self._work.progress(done + rows)
                if size >= _CHUNK_BYTES:
                    break
            else:
                last = None
            files = part.close()
        return {"files": [asdict(file) for file in files], "rows": rows, "last": last}

    def _scan(self, query: RowQuery, partition: str, after: RowId | None) -> Iterator[Batch]:
        """Nothing more of a partition that is dropped meanwhile: the journal says that its rows are gone."""
        adapter, name = self.known.engine.adapter, self.known.schema.name
        try:
            yield from adapter.scan(self._scope.database, self.known.schema, query, after=after)
        except NotFound:
            require_same(self._scope, self.known)
            if not partition or partition in adapter.list_partitions(self._scope.database, name):
                raise

    def settle(self) -> None:
        """To be called between the last row and S1: the journal has the definition that the collection has by then.

        Raises:
            Conflict: another collection has the name now, or its fields were changed.
        """
        require_same(self._scope, self.known)
        if self.known.schema.fields != self.definition.schema.fields:  # which a former run has read
            raise Conflict(f"The fields of {self.known.schema.name} were changed meanwhile; make another backup.")
        fresh, state = look_up(self._scope, self.known.schema.name)
        ensure_recorded(self._scope, fresh, state)
        self._last = definition_of(self._scope, fresh)

    def finish(self, made: CollectionWriter, until: int | None, place: BackupPlace, parent_end: int | None) -> None:
        """Lay over what changed up to ``until``, count, and compare with what should be there.

        ``until`` is S1, None without a journal; ``parent_end`` is the parent's S1 for an increment.

        Raises:
            EngineFailed: Milvus gave other rows than it holds.
            Conflict: the collection was dropped meanwhile.
        """
        after = parent_end if parent_end is not None else self.start
        written = until is not None and after is not None and touched(self.known.uid, after, until)
        if written and after is not None and until is not None:
            made.overlay(changes(self.known.uid, after, until, place.locate))
        if written or parent_end is not None or not self._whole:
            self._read = made.count()
        if until is not None:
            doubt = Agreement(self._scope, self.known, made, until, place, self._work.check).doubt(self._read)
        elif self._before is not None:
            doubt = doubt_without_journal(self._scope, self.known, self._before, self._read)
        made.close(self._read, self._at(until, place), doubt)

    def _at(self, until: int | None, place: BackupPlace) -> Definition:
        found = definition_at(self.known.uid, until, place.locate) if until is not None else (self._last, False)
        if found is None or found[1]:
            raise Conflict(f"The collection {self.known.schema.name} was dropped meanwhile.")
        return found[0]


def _with_partition(rows: pa.RecordBatch, partition: str, schema: pa.Schema) -> pa.RecordBatch:
    named = pa.repeat(pa.scalar(partition, pa.string()), rows.num_rows)
    return pa.RecordBatch.from_arrays([*rows.columns, named], schema=schema)
