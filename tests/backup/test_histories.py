"""Random histories by four hands in two processes: whatever they write at once, every entry of the journal is a moment
that comes back.

The hands report what they wrote. What the collection held after an entry is folded from those reports in plain Python,
in the order of the journal's numbers. ``HISTORY_SEED`` repeats what each hand does, not how they interleave: where a
history fails, the journal says how they did. ``test_history_machine`` is what can be repeated exactly.
"""

import os
import random
import secrets
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections
from django.utils import timezone

from tests.support.backups import store_at
from tests.support.engines import RunningEngine
from tests.support.history_hand import Done, OtherProcess, burst
from tests.support.history_model import DEFAULT, State, made_of, rows_in_milvus, rows_of, spec_of
from tests.support.work import LedgerWork
from vectorstore.backup.history import Source, definition_of_source, entry_at, source_of
from vectorstore.backup.place import BackupPlace, backup_place
from vectorstore.backup.repository import new_set_id
from vectorstore.backup.run_backup import run_backup
from vectorstore.backup.run_restore import run_restore
from vectorstore.domain.models import IndexKind, Metric
from vectorstore.domain.requests import IndexRequest
from vectorstore.journal.reading import settle
from vectorstore.journal.sequence import position
from vectorstore.models import Backup, Cluster, JournalEntry
from vectorstore.service import AliasService, CollectionService, IndexService
from vectorstore.service.catalogue import look_up
from vectorstore.service.context import Scope
from vectorstore.service.engines import engine_of

POINTS = 20
OPS = {"put": "PUT", "insert": "PUT", "ids": "DEL", "filter": "DEL", "clear": "CLEAR", "partition_dropped": "CLEAR"}


class History:
    """One collection and what happens to it."""

    def __init__(self, seed: str, other: OtherProcess) -> None:
        self.dice, self.seed, self._other = random.Random(seed), seed, other
        self.name = f"h_{secrets.token_hex(6)}"
        self.done: list[Done] = []
        CollectionService().create(spec_of(self.name))
        self.uid = look_up(Scope(), self.name)[0].uid
        self.born = JournalEntry.objects.get(uid=self.uid).seq

    def run(self, bursts: int, steps: int) -> None:
        """Four hands at once, two of them in the other process, and mostly a backup meanwhile."""
        for number in range(bursts):
            seed = f"{self.seed}-{number}"
            backup = threading.Thread(target=self._back_up)
            with_backup = self.dice.random() < 0.7
            self._other.start(self.name, ["c", "d"], seed, steps)
            if with_backup:
                backup.start()
            done, failed = burst(self.name, ["a", "b"], seed, steps)
            more, also_failed = self._other.join()
            if with_backup:
                backup.join()
            assert failed + also_failed == [], seed
            self.done += done + more
            if self.dice.random() < 0.3:
                IndexService().drop(self.name)
                kind = self.dice.choice([IndexKind.FLAT, IndexKind.HNSW])
                IndexService().create(self.name, IndexRequest(type=kind, metric=Metric.L2))

    def _back_up(self) -> None:
        parent = self.dice.choice([None, *self._sets()[:1]])
        made = Backup.objects.create(
            set_id=new_set_id(timezone.now()), collections=[{"name": self.name}], parent=parent
        )
        try:
            run_backup(LedgerWork(), Scope(), {"backup": made.set_id})
        finally:
            connections.close_all()

    def _sets(self) -> list[Backup]:
        """Newest first."""
        return [row for row in Backup.objects.filter(state="verified") if row.collections[0]["uid"] == self.uid]

    def check(self, place: BackupPlace) -> None:
        """The last state is what Milvus holds. Any others by reading, one by a restore."""
        last = position()[0]
        settle([self.uid], last)
        states = self._fold()
        assert rows_in_milvus(self.name) == states[last], self.seed
        for seq in self.dice.sample(sorted(states), min(POINTS, len(states))):
            source = self._source(seq)
            definition = definition_of_source(source, place.repository)
            assert rows_of(source, definition.schema, place) == states[seq], (self.seed, source)
            self._check_made(made_of(definition), states[seq], seq)
            assert entry_at(JournalEntry.objects.get(seq=seq).at) == seq
        self._restore(self.dice.choice(sorted(states)), states, place)

    def _fold(self) -> dict[int, Any]:
        """The rows after every entry; each is the work of one report, and what was reported is all there."""
        reports = {done["request"]: done for done in self.done}
        state = State()
        states = {self.born: state.rows}
        for entry in JournalEntry.objects.filter(uid=self.uid, seq__gt=self.born):
            if entry.state == "committed" and entry.op != "DEF":
                done = reports.pop(entry.request_id)
                assert OPS[done["what"]] == entry.op, (self.seed, entry.seq)
                assert done["before"] < entry.seq <= done["after"], (self.seed, entry.seq)
                before, state = state, _after(state, done)
                assert done.get("count", 0) in (0, len(before.rows) - len(state.rows)), (self.seed, entry.seq)
            states[entry.seq] = state.rows
        assert not [done for done in reports.values() if done["what"] in OPS and done.get("count") != 0], self.seed
        return states

    def _source(self, seq: int) -> Source:
        """From the newest set, from any other before it, or from the birth."""
        chosen = self.dice.choice([None, *(made for made in self._sets() if (made.end_seq or 0) <= seq)])
        if self.dice.random() < 0.5:
            return source_of(self.uid, seq)
        if chosen is None:
            return Source(self.uid, seq, None, self.born - 1)
        return Source(self.uid, seq, chosen.set_id, chosen.end_seq or 0)

    def _check_made(self, made: State, rows: Any, seq: int) -> None:
        """What was answered by then is in the definition, what had not begun is not; every row's partition is there."""
        told = (self.seed, seq)
        assert {partition for partition, _ in rows.values()} <= made.partitions | {DEFAULT}, told
        for what, found in (("partition", made.partitions), ("alias", made.aliases)):
            sure, possible = set[str](), set[str]()
            for done in self.done:
                if done["what"] == what:
                    ends = [
                        gone for gone in self.done if gone["what"] == f"{what}_dropped" and gone[what] == done[what]
                    ]
                    if done["before"] < seq and not any(gone["after"] <= seq for gone in ends):
                        possible.add(done[what])
                    if done["after"] <= seq and not any(gone["before"] < seq for gone in ends):
                        sure.add(done[what])
            assert sure <= found <= possible, told
        described = [done for done in self.done if done["what"] == "description"]
        answered = [done for done in described if done["after"] <= seq]
        possible = {
            done["description"]
            for done in described
            if done["before"] < seq and not any(done["after"] <= later["before"] for later in answered)
        }
        assert made.description in possible | (set() if answered else {State().description}), told

    def _restore(self, seq: int, states: dict[int, Any], place: BackupPlace) -> None:
        target = f"{self.name}_back"
        run_restore(LedgerWork(), Scope(), self._params(seq, target))
        try:
            definition = definition_of_source(source_of(self.uid, seq), place.repository)
            known = look_up(Scope(), target)[0]
            assert frozenset(known.partitions) == frozenset(definition.partitions) | {DEFAULT}, (self.seed, seq)
            assert tuple(known.indexes.values()) == definition.indexes, (self.seed, seq)
            if not definition.indexes:  # Milvus reads nothing without one
                IndexService().create(target)
            assert rows_in_milvus(target) == states[seq], (self.seed, seq)
        finally:
            self._drop(target)

    def _params(self, until: int, target: str) -> dict[str, Any]:
        return {
            "uid": self.uid,
            "until": until,
            "target": target,
            "target_cluster": "default",
            "mode": "new",
            "schema_only": False,
            "with_indexes": True,
            "dry_run": False,
            "key": secrets.token_hex(6),
        }

    def close(self) -> None:
        self._drop(self.name)

    def _drop(self, name: str) -> None:
        for alias in look_up(Scope(), name)[0].aliases:
            AliasService().drop(alias)
        CollectionService().drop(name)


def _after(state: State, done: Done) -> State:
    """The rows once a report has come true."""
    match done["what"]:
        case "put" | "insert":
            return state.put(done["rows"], done["partition"])
        case "ids":
            return state.without(lambda key, _, __: key in done["keys"])
        case "filter":
            return state.without(lambda _, __, row: row["n"] >= done["least"] and row["hand"] == done["hand"])
        case "partition_dropped":
            return state.without(lambda _, partition, __: partition == done["partition"])
    return replace(state, rows={})


@pytest.fixture
def other(
    engine: RunningEngine, redis_url: str, transactional_db: None, tmp_path: Path, bound: pytest.MonkeyPatch
) -> Iterator[OtherProcess]:
    store_at(bound, tmp_path / "backups")
    able = engine_of().capabilities
    Cluster.objects.update_or_create(name="default", defaults={"version": able.version, "capabilities": able.to_json()})
    process = OtherProcess(str(connection.settings_dict["NAME"]), {**engine.environment, "REDIS_URL": redis_url})
    yield process
    process.close()


def _histories(other: OtherProcess, count: int, bursts: int, steps: int) -> None:
    given = os.environ.get("HISTORY_SEED")
    seeds = [given] if given else [secrets.token_hex(4) for _ in range(count)]
    with backup_place() as place:
        for seed in seeds:
            history = History(seed, other)
            try:
                history.run(bursts, steps)
                history.check(place)
            except BaseException:
                print(f"HISTORY_SEED={seed}")
                raise
            finally:
                history.close()


def test_every_moment_of_random_histories_comes_back(other: OtherProcess, engine: RunningEngine) -> None:
    _histories(other, 8 if engine.kind == "lite" else 2, 2, 5)


@pytest.mark.slow
def test_every_moment_of_many_random_histories_comes_back(other: OtherProcess, engine: RunningEngine) -> None:
    _histories(other, 200 if engine.kind == "lite" else 20, 3, 8)
