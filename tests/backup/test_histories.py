"""Random histories: whatever was written, by how many at once, every moment comes back as it was.

Milvus itself is the reference: what it held when all writers rested is what a restore to that moment must give.
``HISTORY_SEED`` repeats one history.
"""

import os
import random
import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections
from django.utils import timezone

from tests.support.engines import RunningEngine
from tests.support.history_hand import OtherProcess, burst, row
from tests.support.work import LedgerWork
from vectorstore.backup.history import definition_of_source, entry_at, source_of
from vectorstore.backup.merge import live_rows
from vectorstore.backup.place import BackupPlace, backup_place
from vectorstore.backup.repository import new_set_id
from vectorstore.backup.run_backup import run_backup
from vectorstore.backup.run_restore import run_restore
from vectorstore.config.settings import current
from vectorstore.domain.arrow import PARTITION, from_arrow
from vectorstore.domain.definition import Definition
from vectorstore.domain.models import DataType, IndexKind, Metric
from vectorstore.domain.requests import CollectionSpec, FieldSpec, IndexRequest, QueryRequest
from vectorstore.journal.reading import settle
from vectorstore.journal.sequence import position
from vectorstore.models import Backup, Cluster
from vectorstore.service import AliasService, CollectionService, IndexService, PartitionService, VectorService
from vectorstore.service.catalogue import look_up
from vectorstore.service.context import Scope
from vectorstore.service.definitions import definition_of
from vectorstore.service.engines import engine_of

POINTS = 20
FIELDS = [
    FieldSpec(name="id", type=DataType.VARCHAR, primary=True, max_length=64),
    FieldSpec(name="vector", type=DataType.FLOAT_VECTOR, dimension=4),
    FieldSpec(name="n", type=DataType.INT64),
    FieldSpec(name="tag", type=DataType.VARCHAR, max_length=16),
    FieldSpec(name="j", type=DataType.JSON),
]


@dataclass(frozen=True)
class Moment:
    """What was there after entry ``seq``: each row with its partition, and the collection's definition."""

    seq: int
    at: Any
    rows: dict[str, tuple[str, dict[str, Any]]]
    definition: Definition


class History:
    """One collection and what happens to it."""

    def __init__(self, seed: str, other: OtherProcess) -> None:
        self.dice, self.seed, self._other = random.Random(seed), seed, other
        self.name = f"h_{secrets.token_hex(6)}"
        self.moments: list[Moment] = []
        spec = CollectionSpec(name=self.name, fields=FIELDS, index=IndexRequest(type=IndexKind.FLAT, metric=Metric.L2))
        CollectionService().create(spec)
        self.uid = look_up(Scope(), self.name)[0].uid

    def run(self, steps: int) -> None:
        self.remember()
        for step in range(steps):
            self.dice.choice((self._burst, self._burst, self._burst, self._change))(f"{self.seed}-{step}")
            self.remember()

    def _burst(self, seed: str) -> None:
        """Four hands at once, two of them in the other process; often a backup meanwhile."""
        backup = threading.Thread(target=self._back_up)
        with_backup = self.dice.random() < 0.4
        self._other.start(self.name, ["c", "d"], seed, 2)
        if with_backup:
            backup.start()
        failed = burst(self.name, ["a", "b"], seed, 2)
        failed += self._other.join()
        if with_backup:
            backup.join()
        assert failed == [], seed

    def _back_up(self) -> None:
        parents = [
            found for found in Backup.objects.filter(state="verified") if found.collections[0]["uid"] == self.uid
        ]
        parent = self.dice.choice([None, *parents[:1]])
        made = Backup.objects.create(
            set_id=new_set_id(timezone.now()), collections=[{"name": self.name}], parent=parent
        )
        run_backup(LedgerWork(), Scope(), {"backup": made.set_id})
        if threading.current_thread() is not threading.main_thread():
            connections.close_all()

    def _change(self, seed: str) -> None:
        partitions = [item for item in look_up(Scope(), self.name)[0].partitions if item != "_default"]
        aliases = look_up(Scope(), self.name)[0].aliases
        what = self.dice.randrange(8)
        if what == 0:
            CollectionService().truncate(self.name)
        elif what == 1 and len(partitions) < 2:
            PartitionService().create(self.name, f"p_{secrets.token_hex(3)}")
        elif what == 2 and partitions:
            PartitionService().drop(self.name, partitions[0])
        elif what == 3 and not aliases:
            AliasService().create(f"{self.name}_alias", self.name)
        elif what == 4 and aliases:
            AliasService().drop(aliases[0])
        elif what == 5:
            IndexService().drop(self.name)
            kind = self.dice.choice([IndexKind.FLAT, IndexKind.HNSW])
            IndexService().create(self.name, IndexRequest(type=kind, metric=Metric.L2))
        elif what == 6:
            self._back_up()
        else:
            keys = self.dice.sample([f"a-{number}" for number in range(8)], 3)
            place = self.dice.choice([None, *partitions])
            VectorService().upsert(self.name, [row(key, "a", self.dice) for key in keys], partition=place)

    def remember(self) -> None:
        rows: dict[str, tuple[str, dict[str, Any]]] = {}
        known = look_up(Scope(), self.name)[0]
        for partition in known.partitions:
            for found in VectorService().query(self.name, QueryRequest(limit=10_000, partitions=[partition])):
                rows[found["id"]] = (partition, found)
        seq, at, _ = position()
        self.moments.append(Moment(seq, at, rows, definition_of(Scope(), known)))

    def check(self, place: BackupPlace) -> None:
        """Every moment by reading, one by a restore."""
        settle([self.uid], position()[0])
        for moment in self.dice.choices(self.moments, k=POINTS):
            assert self._read(moment, place) == moment.rows, (self.seed, moment.seq)
            source = source_of(self.uid, moment.seq)
            assert definition_of_source(source, place.repository) == moment.definition, (self.seed, moment.seq)
            assert entry_at(moment.at) == moment.seq
        moment = self.dice.choice(self.moments)
        target = f"{self.name}_back"
        run_restore(LedgerWork(), Scope(), self._params(moment, target))
        try:
            known = look_up(Scope(), target)[0]
            found = {
                item["id"]: (partition, item)
                for partition in known.partitions
                for item in VectorService().query(target, QueryRequest(limit=10_000, partitions=[partition]))
            }
            assert found == moment.rows, (self.seed, moment.seq)
            made, was = definition_of(Scope(), known), moment.definition
            assert replace(made.schema, name="") == replace(was.schema, name="")
            assert (made.indexes, made.partitions, made.requested) == (was.indexes, was.partitions, was.requested)
        finally:
            for alias in look_up(Scope(), target)[0].aliases:
                AliasService().drop(alias)
            CollectionService().drop(target)

    def _read(self, moment: Moment, place: BackupPlace) -> dict[str, tuple[str, dict[str, Any]]]:
        source = source_of(self.uid, moment.seq)
        schema = moment.definition.schema
        found: dict[str, tuple[str, dict[str, Any]]] = {}
        for part in live_rows(source.changes(place), schema, place.scratch):
            places = part.column(PARTITION).to_pylist()
            for number, plain in enumerate(_plain(from_arrow(part, schema))):
                assert plain["id"] not in found
                found[plain["id"]] = (places[number] or "_default", plain)
        return found

    def _params(self, moment: Moment, target: str) -> dict[str, Any]:
        return {
            "uid": self.uid,
            "until": moment.seq,
            "target": target,
            "target_cluster": "default",
            "mode": "new",
            "schema_only": False,
            "with_indexes": True,
            "dry_run": False,
            "key": secrets.token_hex(6),
        }

    def close(self) -> None:
        for alias in look_up(Scope(), self.name)[0].aliases:
            AliasService().drop(alias)
        CollectionService().drop(self.name)


def _plain(batch: Any) -> Iterator[dict[str, Any]]:
    import orjson

    for number in range(batch.size):
        plain = {name: values[number] for name, values in batch.columns.items()}
        plain["vector"] = [float(value) for value in plain["vector"]]
        plain["j"] = orjson.loads(plain["j"]) if plain["j"] is not None else None
        yield plain | orjson.loads(batch.dynamic[number])


@pytest.fixture
def other(
    engine: RunningEngine, redis_url: str, transactional_db: None, tmp_path: Path, bound: pytest.MonkeyPatch
) -> Iterator[OtherProcess]:
    bound.setenv("VECTORSTORE_BACKUP_URL", f"file://{tmp_path}/backups")
    current.cache_clear()
    able = engine_of().capabilities
    Cluster.objects.update_or_create(name="default", defaults={"version": able.version, "capabilities": able.to_json()})
    process = OtherProcess(str(connection.settings_dict["NAME"]), {**engine.environment, "REDIS_URL": redis_url})
    yield process
    process.close()


def _histories(other: OtherProcess, count: int, steps: int) -> None:
    given = os.environ.get("HISTORY_SEED")
    seeds = [given] if given else [secrets.token_hex(4) for _ in range(count)]
    with backup_place() as place:
        for seed in seeds:
            history = History(seed, other)
            try:
                history.run(steps)
                history.check(place)
            except BaseException:
                print(f"HISTORY_SEED={seed}")
                raise
            finally:
                history.close()


def test_every_moment_of_random_histories_comes_back(other: OtherProcess, engine: RunningEngine) -> None:
    _histories(other, 20 if engine.kind == "lite" else 2, 6)


@pytest.mark.slow
def test_every_moment_of_many_random_histories_comes_back(other: OtherProcess, engine: RunningEngine) -> None:
    _histories(other, 200 if engine.kind == "lite" else 20, 8)
