"""Collections, rows and sets for the tests of backups."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from vectorstore.backup.encryption import Keyring, make_key
from vectorstore.backup.manifest import Manifest, Moment
from vectorstore.backup.repository import Repository
from vectorstore.backup.writer import SetWriter
from vectorstore.domain.arrow import PARTITION, to_arrow
from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.definition import Definition
from vectorstore.domain.models import DataType
from vectorstore.domain.rows import read_rows
from vectorstore.journal.changes import Change, Cleared, Gone, Rows

AT = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
KEYS = Keyring((make_key("a key of at least thirty-two characters, 1"),))
NO_KEYS = Keyring()
OTHER_KEYS = Keyring((make_key("a key of at least thirty-two characters, 2"),))

EVERYTHING = Collection(
    name="everything",
    fields=(
        Field("id", DataType.INT64, primary=True),
        Field("yes", DataType.BOOL, nullable=True),
        Field("tiny", DataType.INT8),
        Field("small", DataType.INT16, nullable=True),
        Field("middle", DataType.INT32),
        Field("single", DataType.FLOAT),
        Field("double", DataType.DOUBLE),
        Field("text", DataType.VARCHAR, max_length=64, nullable=True),
        Field("json", DataType.JSON, nullable=True),
        Field("tags", DataType.ARRAY, element_type=DataType.VARCHAR, max_capacity=4, max_length=16),
        Field("truths", DataType.ARRAY, element_type=DataType.BOOL, max_capacity=4, nullable=True),
        Field("numbers", DataType.ARRAY, element_type=DataType.INT64, max_capacity=4),
        Field("dense", DataType.FLOAT_VECTOR, dimension=3),
        Field("half", DataType.FLOAT16_VECTOR, dimension=2),
        Field("brain", DataType.BFLOAT16_VECTOR, dimension=2),
        Field("bits", DataType.BINARY_VECTOR, dimension=16),
        Field("sparse", DataType.SPARSE_FLOAT_VECTOR),
    ),
)

NARROW = Collection(
    name="narrow",
    fields=(
        Field("id", DataType.VARCHAR, primary=True, max_length=64),
        Field("dense", DataType.FLOAT_VECTOR, dimension=2),
        Field("note", DataType.VARCHAR, max_length=64, nullable=True),
    ),
)


def row(identity: int, **changed: Any) -> dict[str, Any]:
    """A row of EVERYTHING."""
    return {
        "id": identity,
        "yes": identity % 2 == 0,
        "tiny": -128,
        "small": 5,
        "middle": 7,
        "single": 0.1,
        "double": 0.1,
        "text": "ünï\u0000\n'\"",
        "json": {"b": [1, None, 2**63 - 1], "a": 1.5},
        "tags": ["a", "bc"],
        "truths": [True, False],
        "numbers": [2**63 - 1, -(2**63)],
        "dense": [0.1, -0.0, 1e-45],
        "half": [0.5, 2.0],
        "brain": [1.0, -2.0],
        "bits": [255, 1],
        "sparse": {7: 0.25, 3: -1.0},
        "more": "dynamic",
        **changed,
    }


def rows_of(rows: list[dict[str, Any]], collection: Collection = EVERYTHING) -> pa.RecordBatch:
    return to_arrow(read_rows(rows, collection), collection)


def in_partition(rows: pa.RecordBatch, name: str = "") -> pa.RecordBatch:
    """Rows as a base part has them."""
    named = pa.repeat(pa.scalar(name, pa.string()), rows.num_rows)
    return rows.append_column(pa.field(PARTITION, pa.string(), nullable=False), named)


def everything(count: int, first: int = 0) -> pa.RecordBatch:
    """Rows of EVERYTHING with the keys from ``first``, with nulls and empty values among them."""
    rows = [row(number, single=number / 7) for number in range(first, first + count)]
    for each in rows:
        if each["id"] % 3 == 1:
            each |= {"small": None, "yes": None, "text": None, "truths": None, "tags": [], "numbers": [], "sparse": {}}
            del each["json"]  # None would be JSON's null
        elif each["id"] % 3 == 2:
            each["json"] = None
    return rows_of(rows)


def narrow(*keys: str, note: str | None = None, partition: str | None = "") -> Rows:
    rows = [{"id": key, "dense": [1, 2], "note": note} for key in keys]
    return Rows(rows_of(rows, NARROW), partition)


def definition(collection: Collection = EVERYTHING, uid: str = "c1", partitions: tuple[str, ...] = ()) -> Definition:
    return Definition(uid=uid, cluster="default", database="default", schema=collection, partitions=partitions)


def make_set(
    repository: Repository,
    scratch: Path,
    set_id: str = "full",
    *,
    parent: str | None = None,
    keys: Keyring = NO_KEYS,
    base: tuple[pa.RecordBatch, ...] = (),
    overlay: tuple[Change, ...] = (),
    of: Definition | None = None,
) -> Manifest:
    """A set of one collection, with the count and digest of what is in it."""
    made = SetWriter(repository, set_id, scratch, keys=keys, parent=parent)
    collection = made.collection(of or definition(), [{"role": "reader", "account": "alice"}])
    if base or parent is None:
        with collection.base() as parts:
            for rows in base:
                parts.write(in_partition(rows))
            collection.add_base(parts.close())
    collection.overlay(overlay)
    found = collection.count()
    collection.close(found)
    moment = {"start": Moment(10, AT), "end": Moment(20, AT), "created": AT}
    return made.seal(**moment, engine="2.3.5", who="alice", note="by hand")[0]


def usual(repository: Repository, scratch: Path, keys: Keyring = NO_KEYS) -> Manifest:
    """A full set with an overlay and an incremental one upon it; gives the latter."""
    make_set(
        repository,
        scratch,
        keys=keys,
        base=(everything(6),),
        overlay=(Rows(everything(2, 4)), Gone([0, 77])),
    )
    return make_set(
        repository,
        scratch,
        "increment",
        parent="full",
        keys=keys,
        overlay=(Gone([1]), Rows(rows_of([row(2, text="new"), row(9)])), Cleared("nowhere")),
    )


class Unhurried:
    """A work that nobody stops, and what it was told."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.steps: list[tuple[int, int | None]] = []
        self.checks = 0

    def check(self) -> None:
        self.checks += 1

    def stage(self, name: str) -> None:
        self.stages.append(name)

    def progress(self, done: int, total: int | None = None, unit: str = "") -> None:
        self.steps.append((done, total))

    def say(self, line: str) -> None:
        self.stages.append(line)

    def finished(self, key: str) -> dict[str, Any] | None:
        return None

    def finish(self, key: str, note: dict[str, Any] | None = None) -> None:
        self.stages.append(key)
