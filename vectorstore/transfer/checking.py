"""From pieces of a file to checked batches: what is wrong is told by row and column."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from vectorstore.domain.batch import Batch
from vectorstore.domain.collection import Collection
from vectorstore.domain.errors import InvalidRequest
from vectorstore.domain.models import RowId
from vectorstore.domain.requests import Row
from vectorstore.domain.rows import MAX_REPORTED, read_rows
from vectorstore.service.catalogue import KnownCollection
from vectorstore.service.context import Scope
from vectorstore.service.embedding_rules import embedded_field
from vectorstore.service.embedding_service import EmbeddingService
from vectorstore.service.row_limits import keep_within
from vectorstore.transfer.columns import fast_batch, plain_rows
from vectorstore.transfer.ids import derived
from vectorstore.transfer.mapping import Mapping
from vectorstore.transfer.readers import Bad, Piece
from vectorstore.transfer.text import read_cells, read_json


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a row of the file; ``column`` is empty where it is the row as a whole."""

    row: int
    column: str
    reason: str


@dataclass(slots=True)
class Checked:
    """The good rows of a piece: ``numbers`` are those they have in the file, of shape (batch.size,).

    ``rows`` are the same rows one by one, where the caller's rights are limited to some rows. ``faults`` tell
    what is wrong with the others.
    """

    batch: Batch
    numbers: Any
    rows: list[Row] | None = None
    faults: list[Fault] = field(default_factory=list)


class Checker:
    """Checks pieces against the schema, within the caller's rows. ``seed`` decides the ids of rows without one.

    With ``embed`` rows without a vector get it from the collection's embedding; without, they are checked as if.
    """

    def __init__(
        self, scope: Scope, known: KnownCollection, mapping: Mapping, values: str, seed: str, *, embed: bool = False
    ) -> None:
        self._scope, self._known, self._mapping = scope, known, mapping
        self._values, self._seed, self._embed = values, seed, embed
        self._schema: Collection = known.schema

    def check(self, piece: Piece) -> Checked:
        """
        Raises:
            EmbeddingFailed: the embedder did not answer.
        """
        if isinstance(piece.rows, pa.RecordBatch) and not self._known.rows and self._known.embedding is None:
            batch = self._fast(piece.rows, piece.first)
            if batch is not None:
                return Checked(batch, np.arange(piece.first, piece.first + batch.size))
        rows = plain_rows(piece.rows) if isinstance(piece.rows, pa.RecordBatch) else piece.rows
        return self._one_by_one(rows, piece.first)

    def _fast(self, rows: pa.RecordBatch, first: int) -> Batch | None:
        kept = {
            field: column
            for name, column in zip(rows.schema.names, rows.columns, strict=True)
            if (field := self._mapping.field(name)) is not None
        }
        primary = self._schema.primary
        made = None
        if self._schema.auto_id and primary.name not in kept:
            made = derived(self._seed, range(first, first + rows.num_rows), primary)
        return fast_batch(kept, rows.num_rows, self._schema, made)

    def _one_by_one(self, rows: list[Any], first: int) -> Checked:
        faults: list[Fault] = []
        good: list[Row] = []
        numbers: list[int] = []
        for number, raw in enumerate(rows, first):
            row, wrong = self._row(raw, number)
            if wrong:
                faults += [Fault(number, self._mapping.column(name), reason) for name, reason in wrong]
            else:
                good.append(row)
                numbers.append(number)
        batch = self._sift(good, numbers, faults)
        kept = good if self._known.rows else None
        return Checked(batch, np.asarray(numbers, np.int64), kept, faults)

    def _row(self, raw: Any, number: int) -> tuple[Row, list[tuple[str, str]]]:
        """The row by fields, and what is wrong with it so far."""
        if isinstance(raw, Bad):
            return {}, [("", raw.reason)]
        if not isinstance(raw, dict):
            return {}, [("", "a row is an object of field names and values")]
        try:
            row = self._mapping.row(raw)
        except ValueError as error:
            return {}, [("", str(error))]
        wrong: list[tuple[str, str]] = []
        if self._values == "text":
            row, wrong = read_cells(row, self._schema)
        elif self._values == "columns":
            row, wrong = read_json(row, self._schema)
        primary = self._schema.primary
        if self._schema.auto_id and row.get(primary.name) is None:
            row[primary.name] = derived(self._seed, [number], primary)[0]
        return row, wrong

    def _sift(self, rows: list[Row], numbers: list[int], faults: list[Fault]) -> Batch:
        """The batch of the good rows; the others are taken out of ``rows`` and ``numbers``, in place."""
        while True:
            wrong = self._wrong(rows)
            if isinstance(wrong, Batch):
                return wrong
            for index, name, reason in wrong:
                faults.append(Fault(numbers[index], self._mapping.column(name), reason))
            bad = {index for index, _, _ in wrong}
            rows[:] = [row for index, row in enumerate(rows) if index not in bad]
            numbers[:] = [number for index, number in enumerate(numbers) if index not in bad]

    def _wrong(self, rows: list[Row]) -> Batch | list[tuple[int, str, str]]:
        """The batch of all rows, or every value that is wrong: index, field and reason."""
        try:
            return self._read(rows)
        except InvalidRequest as error:
            if not error.errors:
                raise
            if len(error.errors) < MAX_REPORTED or len(rows) == 1:
                return [_split(item.pointer, item.detail) for item in error.errors]
        middle = len(rows) // 2  # there may be more than were listed
        found: list[tuple[int, str, str]] = []
        for start, part in ((0, rows[:middle]), (middle, rows[middle:])):
            wrong = self._wrong(part)
            if not isinstance(wrong, Batch):
                found += [(index + start, name, reason) for index, name, reason in wrong]
        return found

    def _read(self, rows: list[Row]) -> Batch:
        keep_within(self._known, rows)
        embedding = self._known.embedding
        if embedding is not None and self._embed:
            EmbeddingService(self._scope).fill(embedding, self._schema, rows)
        elif embedding is not None:
            target = embedded_field(embedding, self._schema)
            for row in rows:
                text = row.get(embedding.source)
                if row.get(target.name) is None and isinstance(text, str) and text.strip():
                    row[target.name] = np.zeros(target.dimension or 0, np.float32)
        return read_rows(rows, self._schema, pointer="/rows")


def _split(pointer: str, detail: str) -> tuple[int, str, str]:
    parts = pointer.split("/")
    name = parts[3].replace("~1", "/").replace("~0", "~") if len(parts) > 3 else ""
    return int(parts[2]), name, detail


def subset(checked: Checked, keep: Any) -> Checked:
    """The rows whose indices are ``keep``, ascending."""
    chosen = np.asarray(keep, np.int64)
    batch = checked.batch
    columns = {name: _take(values, chosen) for name, values in batch.columns.items()}
    ids: list[RowId] = _take(batch.ids, chosen)
    dynamic = None if batch.dynamic is None else _take(batch.dynamic, chosen)
    made = Batch(size=len(chosen), columns=columns, dynamic=dynamic, ids=ids)
    rows = None if checked.rows is None else _take(checked.rows, chosen)
    return Checked(made, checked.numbers[chosen], rows, checked.faults)


def _take(values: Any, chosen: Any) -> Any:
    return values[chosen] if isinstance(values, np.ndarray) else [values[index] for index in chosen.tolist()]
