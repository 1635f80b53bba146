"""Rows of a source into a new collection of Milvus, each live row once, and the proof that they are there."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from vectorstore.adapters.milvus_adapter import MilvusAdapter
from vectorstore.adapters.read_calls import RowQuery
from vectorstore.backup.compatibility import plain_index
from vectorstore.domain.arrow import PARTITION, from_arrow, to_arrow
from vectorstore.domain.collection import Collection
from vectorstore.domain.definition import Definition
from vectorstore.domain.digest import RowHasher, RunningDigest
from vectorstore.domain.errors import DeadlineExceeded, EngineFailed, OutcomeUnknown
from vectorstore.domain.models import Consistency, IndexSpec
from vectorstore.service.ahead import read_ahead
from vectorstore.service.work import Work

BUILD_DEADLINE_S = 3600.0
_LOOK_S = 2.0
"""How long Milvus is waited for between two looks whether the work was stopped."""
_BATCH_BYTES = 16 * 1024 * 1024
_BATCH_ROWS = 20_000
_CHUNK_ROWS = 100_000


class Loader:
    """Loads into the collection ``schema`` (whose name is the scratch one), which ``create`` makes.

    ``with_partitions``: rows go to the partitions that they name; a partition key chooses by itself.
    """

    def __init__(self, work: Work, adapter: MilvusAdapter, database: str, definition: Definition, name: str) -> None:
        self._work, self._adapter, self._database = work, adapter, database
        self._definition = definition
        self.schema: Collection = replace(definition.schema, name=name)
        keyed = any(field.partition_key for field in definition.schema.fields)
        self._places = definition.partitions if not keyed else ()
        self._resumed = False
        self.digest = RunningDigest()

    def create(self) -> None:
        """Make the collection, empty, with its partitions; what a former run has made is kept."""
        self._resumed = self._adapter.has_collection(self._database, self.schema.name)
        if not self._resumed:
            self._adapter.create_collection(self._database, self.schema)
        there = self._adapter.list_partitions(self._database, self.schema.name) if self._resumed else ()
        for partition in self._places:
            if partition not in there:
                self._adapter.create_partition(self._database, self.schema.name, partition)

    def open(self) -> None:
        """Index the empty collection and have it brought into memory while it is filled."""
        self.index()
        with suppress(DeadlineExceeded, OutcomeUnknown):  # ``prove`` waits for it
            self._adapter.start_loading(self._database, self.schema.name, deadline=_LOOK_S)

    def load(self, rows: Iterator[pa.RecordBatch], total: int | None, *, flush: bool = True) -> None:
        """Write every row. The chunks that a former run has written are passed over.

        The one that it was writing is written again, over itself. Without ``flush`` Milvus builds the indexes of what
        it has not sealed later; until then it searches these rows one by one.
        """
        hasher = RowHasher(self._definition.schema)
        done = chunk = in_chunk = 0
        written, again = self._work.finished("rows/0") is not None, self._resumed
        for batch in batches(rows):
            self._work.check()
            self.digest.add(hasher.hashes(batch))
            if not written:
                self._write(batch, again=again)
            done, in_chunk = done + batch.num_rows, in_chunk + batch.num_rows
            self._work.progress(done, total, "rows")
            if in_chunk >= _CHUNK_ROWS:
                if not written:
                    self._work.finish(f"rows/{chunk}")
                    again = False
                chunk, in_chunk = chunk + 1, 0
                written = self._work.finished(f"rows/{chunk}") is not None
        if flush:
            self._adapter.flush(self._database, self.schema.name)

    def _into_memory(self) -> None:
        name = self.schema.name
        self._waiting_for(lambda: self._adapter.load_collection(self._database, name, 1, _LOOK_S))

    def _write(self, rows: pa.RecordBatch, *, again: bool) -> None:
        write = self._adapter.upsert if again else self._adapter.insert
        named = rows.column(PARTITION)
        for place in pc.unique(named).to_pylist() if self._places else [""]:
            part = rows.filter(pc.equal(named, place)) if self._places else rows
            batch = from_arrow(part, self.schema)
            target = place if place in self._places else ""
            write(self._database, self.schema, batch, target)

    def index(self) -> None:
        """Build the indexes, each to its end."""
        for spec in self._definition.indexes:
            self._build(spec)

    def _build(self, spec: IndexSpec) -> None:
        there = {state.spec.field for state in self._adapter.list_indexes(self._database, self.schema.name)}
        if spec.field not in there:
            with suppress(OutcomeUnknown):  # it takes longer than a call may: it goes on in Milvus
                self._adapter.create_index(self._database, self.schema.name, spec)
        self._waiting_for(lambda: self._adapter.wait_for_index(self._database, self.schema.name, spec.field, _LOOK_S))

    def _waiting_for(self, done: Callable[[], object]) -> None:
        """``done`` is asked again until it is or the time is over; the work can be stopped meanwhile."""
        ends = time.monotonic() + BUILD_DEADLINE_S
        while True:
            self._work.check()
            try:
                done()
                return
            except (DeadlineExceeded, OutcomeUnknown):
                if time.monotonic() > ends:
                    raise

    def prove(self) -> None:
        """Read everything back, and compare; what has no index gets one for that long, since Milvus reads nothing else.

        It stays in memory, with one replica, if all its indexes are its own: what it keeps is chosen when it has its
        name.

        Raises:
            EngineFailed: it holds other rows than were loaded.
        """
        indexed = {spec.field for spec in self._definition.indexes}
        lent = [field for field in self.schema.vector_fields if field.name not in indexed]
        for field in lent:
            self._build(plain_index(field))
        name = self.schema.name
        self._into_memory()
        self._work.stage("verifying")
        self._check()
        if lent:
            self._adapter.release_collection(self._database, name)
        for field in lent:
            self._adapter.drop_index(self._database, name, field.name)

    @property
    def indexed(self) -> bool:
        """Whether every vector field has an index, without which it cannot be searched."""
        fields = {spec.field for spec in self._definition.indexes}
        return all(field.name in fields for field in self.schema.vector_fields)

    def _check(self) -> None:
        """At strong consistency."""
        query = RowQuery(expression="", output_fields=[], consistency=Consistency.STRONG)
        hasher, found = RowHasher(self._definition.schema), RunningDigest()
        for batch in read_ahead(self._adapter.scan(self._database, self.schema, query), self._work.check):
            self._work.check()
            found.add(hasher.hashes(to_arrow(batch, self.schema)))
            self._work.progress(found.rows, self.digest.rows, "rows")
        counted = self._adapter.count(self._database, self.schema, query)
        if (found.rows, found.hex) != (self.digest.rows, self.digest.hex) or counted != self.digest.rows:
            raise EngineFailed(
                f"{self.digest.rows} rows were loaded; Milvus counts {counted} and gives {found.rows}, or other ones."
                " Nothing was kept."
            )


def batches(rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """In pieces that fit into one message, gathered from small ones; the same pieces in every run."""
    waiting: list[pa.RecordBatch] = []
    size = count = 0
    for batch in rows:
        step = max(1, min(_BATCH_ROWS, _BATCH_BYTES * batch.num_rows // max(batch.nbytes, 1)))
        for start in range(0, batch.num_rows, step):
            piece = batch.slice(start, step)
            if waiting and (size + piece.nbytes > _BATCH_BYTES or count + piece.num_rows > _BATCH_ROWS):
                yield _joined(waiting)
                waiting, size, count = [], 0, 0
            waiting.append(piece)
            size, count = size + piece.nbytes, count + piece.num_rows
    if waiting:
        yield _joined(waiting)


def _joined(pieces: list[pa.RecordBatch]) -> pa.RecordBatch:
    return pieces[0] if len(pieces) == 1 else pa.Table.from_batches(pieces).combine_chunks().to_batches()[0]
