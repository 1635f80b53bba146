"""What a collection should be, kept in plain Python: the reference that random histories are compared with."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import orjson

from vectorstore.backup.history import Source
from vectorstore.backup.merge import live_rows
from vectorstore.backup.place import BackupPlace
from vectorstore.domain.arrow import PARTITION, from_arrow
from vectorstore.domain.collection import Collection
from vectorstore.domain.definition import Definition
from vectorstore.domain.models import DataType, IndexKind, Metric
from vectorstore.domain.requests import CollectionSpec, FieldSpec, IndexRequest, QueryRequest
from vectorstore.service import VectorService
from vectorstore.service.catalogue import look_up
from vectorstore.service.context import Scope

DEFAULT = "_default"
FIELDS = [
    FieldSpec(name="id", type=DataType.VARCHAR, primary=True, max_length=64),
    FieldSpec(name="vector", type=DataType.FLOAT_VECTOR, dimension=4),
    FieldSpec(name="n", type=DataType.INT64),
    FieldSpec(name="tag", type=DataType.VARCHAR, max_length=16),
    FieldSpec(name="j", type=DataType.JSON),
]

Rows = Mapping[str, tuple[str, str]]
"""By key: the partition, and the row as ``exact`` writes it."""


def spec_of(name: str) -> CollectionSpec:
    index = IndexRequest(type=IndexKind.FLAT, metric=Metric.L2)
    return CollectionSpec(name=name, fields=FIELDS, index=index, description="as it was made")


def exact(row: Mapping[str, Any]) -> str:
    """A row as text that differs where a bit of a vector, a type or a digit does."""
    vector = np.asarray(row["vector"], "<f4").tobytes().hex()
    return json.dumps({**row, "vector": vector}, sort_keys=True)


@dataclass(frozen=True)
class State:
    """A collection after one entry of the journal. ``indexes`` maps fields to (kind, metric)."""

    rows: Rows = field(default_factory=dict)
    partitions: frozenset[str] = frozenset()
    aliases: frozenset[str] = frozenset()
    indexes: Mapping[str, tuple[IndexKind, Metric]] = field(
        default_factory=lambda: {"vector": (IndexKind.FLAT, Metric.L2)}
    )
    description: str = "as it was made"
    properties: Mapping[str, str] = field(default_factory=dict)
    protected: bool = False

    def put(self, rows: list[dict[str, Any]], partition: str) -> "State":
        return replace(self, rows={**self.rows, **{row["id"]: (partition, exact(row)) for row in rows}})

    def without(self, goes: Callable[[str, str, dict[str, Any]], bool]) -> "State":
        """Without the rows for which ``goes`` (key, partition, row) says so."""
        kept = {key: held for key, held in self.rows.items() if not goes(key, held[0], json.loads(held[1]))}
        return replace(self, rows=kept)

    @property
    def made(self) -> "State":
        """All but the rows."""
        return replace(self, rows={})


def made_of(definition: Definition) -> State:
    """What a definition says, as a state without rows."""
    return State(
        partitions=frozenset(definition.partitions),
        aliases=frozenset(definition.aliases),
        indexes={spec.field: (spec.kind, spec.metric) for spec in definition.indexes},
        description=definition.schema.description,
        properties=definition.schema.properties,
        protected=definition.protected,
    )


def rows_of(source: Source, schema: Collection, place: BackupPlace) -> Rows:
    """The rows of a source, as a restore reads them."""
    found: dict[str, tuple[str, str]] = {}
    for part in live_rows(source.changes(place), schema, place.scratch):
        partitions = part.column(PARTITION).to_pylist()
        batch = from_arrow(part, schema)
        for number, row in enumerate(_plain(batch)):
            assert row["id"] not in found, (row, found[row["id"]])
            found[row["id"]] = (partitions[number] or DEFAULT, exact(row))
    return found


def _plain(batch: Any) -> Iterator[dict[str, Any]]:
    for number in range(batch.size):
        plain = {name: values[number] for name, values in batch.columns.items()}
        plain["j"] = orjson.loads(plain["j"]) if plain["j"] is not None else None
        yield plain | orjson.loads(batch.dynamic[number])


def rows_in_milvus(name: str) -> Rows:
    found: dict[str, tuple[str, str]] = {}
    for partition in look_up(Scope(), name)[0].partitions:
        for row in VectorService().query(name, QueryRequest(limit=10_000, partitions=[partition])):
            assert row["id"] not in found, (row, partition, found[row["id"]])
            found[row["id"]] = (partition, exact(row))
    return found
