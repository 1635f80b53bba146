"""Every operation in random order beside a model in plain Python: each entry of the journal is a state to return to.

``HISTORY_SEED`` repeats a run; what fails is shortened to the fewest steps.
"""

import os
import random
import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from tests.support.backups import carried_out, store_at
from tests.support.engines import RunningEngine
from tests.support.history_model import DEFAULT, State, made_of, rows_in_milvus, rows_of, spec_of
from tests.support.work import LedgerWork
from vectorstore.backup.history import definition_of_source, entry_at, source_of
from vectorstore.backup.place import BackupPlace, backup_place
from vectorstore.backup.repository import new_set_id
from vectorstore.backup.restore_service import RestoreService
from vectorstore.backup.run_backup import run_backup
from vectorstore.domain.backup_requests import RestorePointRequest, RestoreRequest
from vectorstore.domain.errors import AlreadyExists, Protected
from vectorstore.domain.models import IndexKind, Metric
from vectorstore.domain.requests import CollectionChanges, DeleteRequest, IndexRequest
from vectorstore.journal.reading import settle
from vectorstore.journal.sequence import position
from vectorstore.models import Backup, JournalEntry
from vectorstore.service import AliasService, CollectionService, IndexService, PartitionService, VectorService
from vectorstore.service.catalogue import look_up
from vectorstore.service.context import Scope
from vectorstore.service.definitions import definition_of

POINTS = 20

_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=4)
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(-1e9, 1e9) | _text,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_text, inner, max_size=2),
    max_leaves=4,
)
_columns = st.fixed_dictionaries(
    {
        "vector": st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=4, max_size=4),
        "n": st.integers(0, 3) | st.integers(-(2**63), 2**63 - 1),
        "tag": st.sampled_from(["red", "blue"]) | _text,
        "j": st.dictionaries(_text, _json, max_size=2),
    },
    optional={"more": _json, "list": st.lists(st.integers(0, 9), max_size=3)},
)
_keys = st.sampled_from([f"k{number}" for number in range(5)])
_rows = st.dictionaries(_keys, _columns, min_size=1, max_size=3).map(
    lambda found: [{"id": key, **columns} for key, columns in found.items()]
)
_partitions = st.sampled_from(["p0", "p1"])
_filters = st.sampled_from(
    [
        ("n == 0", lambda row: row["n"] == 0),
        ("n < 2", lambda row: row["n"] < 2),
        ("tag == 'red' and n > 0", lambda row: row["tag"] == "red" and row["n"] > 0),
        ("id in ['k0', 'k1', 'k2']", lambda row: row["id"] in ("k0", "k1", "k2")),
    ]
)


class Machine(RuleBasedStateMachine):
    """One collection. ``states`` has its state after each of its entries, by their numbers, ``uids`` whose they are:
    a restore in its place gives it another."""

    def __init__(self, place: BackupPlace) -> None:
        super().__init__()
        self._place = place
        self.name = f"m_{secrets.token_hex(6)}"
        self.state = State()
        self.states: dict[int, State] = {}
        self.uids: dict[int, str] = {}
        self.marks: dict[str, int] = {}
        self.sets: list[Backup] = []
        self._changed_since_the_last_set = False
        self._dice = random.Random()

    @initialize(dice=st.integers(0, 2**32), rows=_rows)
    def create(self, dice: int, rows: list[dict[str, Any]]) -> None:
        self._dice, self._seen = random.Random(dice), position()[0]
        CollectionService().create(spec_of(self.name))
        self.uid = look_up(Scope(), self.name)[0].uid
        self._expect(("DEF", self.state))
        self.insert(rows, None)

    def _expect(self, *entries: tuple[str, State]) -> None:
        """Exactly these entries were written, and each left the collection like that."""
        found = list(JournalEntry.objects.filter(seq__gt=self._seen).values_list("seq", "op", "uid"))
        assert [(op, uid) for _, op, uid in found] == [(op, self.uid) for op, _ in entries]
        for (seq, _, _), (_, state) in zip(found, entries, strict=True):
            self.states[seq], self.uids[seq], self.state = state, self.uid, state
        self._seen = position()[0]
        self._changed_since_the_last_set |= bool(entries)

    def _changed(self, state: State) -> None:
        """A definition is written where one has changed."""
        self._expect(*([("DEF", state)] if state != self.state else []))

    def _place_of(self, partition: str | None) -> str | None:
        return partition if partition in self.state.partitions else None

    @rule(rows=_rows, partition=st.none() | _partitions)
    def insert(self, rows: list[dict[str, Any]], partition: str | None) -> None:
        """Of the rows that are not there; of all, where all are, and then none is written."""
        chosen = self._place_of(partition)
        new = [row for row in rows if row["id"] not in self.state.rows]
        if new:
            VectorService().insert(self.name, new, partition=chosen)
            self._expect(("PUT", self.state.put(new, chosen or DEFAULT)))
        else:
            with pytest.raises(AlreadyExists):
                VectorService().insert(self.name, rows, partition=chosen)
            self._expect()

    @rule(rows=_rows, partition=st.none() | _partitions)
    def upsert(self, rows: list[dict[str, Any]], partition: str | None) -> None:
        chosen = self._place_of(partition)
        VectorService().upsert(self.name, rows, partition=chosen)
        self._expect(("PUT", self.state.put(rows, chosen or DEFAULT)))

    @precondition(lambda self: self.state.rows)
    @rule(columns=_columns, partition=st.none() | _partitions, data=st.data())
    def replace_one(self, columns: dict[str, Any], partition: str | None, data: st.DataObject) -> None:
        """One that is there, often into another partition."""
        key = data.draw(st.sampled_from(sorted(self.state.rows)))
        self.upsert([{"id": key, **columns}], partition)

    @rule(keys=st.lists(_keys, min_size=1, max_size=4))
    def delete(self, keys: list[str]) -> None:
        left = self.state.without(lambda key, _, __: key in keys)
        self._deleted(DeleteRequest(ids=list(keys)), left)

    @rule(chosen=_filters)
    def delete_by_filter(self, chosen: Any) -> None:
        text, matches = chosen
        self._deleted(DeleteRequest(filter=text), self.state.without(lambda _, __, row: matches(row)))

    def _deleted(self, request: DeleteRequest, left: State) -> None:
        count = len(self.state.rows) - len(left.rows)
        assert VectorService().delete(self.name, request) == count
        self._expect(*([("DEL", left)] if count else []))

    @precondition(lambda self: self.state.rows)
    @rule()
    def truncate(self) -> None:
        if self.state.protected:
            with pytest.raises(Protected):
                CollectionService().truncate(self.name)
            self._expect()
        else:
            CollectionService().truncate(self.name)
            self._expect(("CLEAR", replace(self.state, rows={})))

    @rule(partition=_partitions)
    def partition(self, partition: str) -> None:
        """Made, or dropped where it is there."""
        if partition not in self.state.partitions:
            PartitionService().create(self.name, partition)
            self._changed(replace(self.state, partitions=self.state.partitions | {partition}))
            return
        PartitionService().drop(self.name, partition)
        emptied = self.state.without(lambda _, place, __: place == partition)
        self._expect(("CLEAR", emptied), ("DEF", replace(emptied, partitions=emptied.partitions - {partition})))

    @rule(number=st.integers(0, 1))
    def alias(self, number: int) -> None:
        """Made, or dropped where it is there."""
        alias = f"{self.name}_alias{number}"
        if alias in self.state.aliases:
            AliasService().drop(alias)
        else:
            AliasService().create(alias, self.name)
        self._changed(replace(self.state, aliases=self.state.aliases ^ {alias}))

    @rule(kind=st.sampled_from([IndexKind.FLAT, IndexKind.HNSW]), metric=st.sampled_from([Metric.L2, Metric.COSINE]))
    def index(self, kind: IndexKind, metric: Metric) -> None:
        """Dropped and another made."""
        IndexService().drop(self.name)
        self._changed(replace(self.state, indexes={}))
        IndexService().create(self.name, IndexRequest(type=kind, metric=metric))
        self._changed(replace(self.state, indexes={"vector": (kind, metric)}))

    @rule(
        description=st.none() | _text.filter(bool),
        protected=st.none() | st.booleans(),
        mapped=st.sampled_from(["unchanged", "true", "false", None]),
    )
    def properties(self, description: str | None, protected: bool | None, mapped: str | None) -> None:
        properties = {} if mapped == "unchanged" else {"mmap.enabled": mapped}
        changes = CollectionChanges(description=description, protected=protected, properties=properties)
        CollectionService().update(self.name, changes)
        kept = {key: value for key, value in {**self.state.properties, **properties}.items() if value is not None}
        self._changed(
            replace(
                self.state,
                description=self.state.description if description is None else description,
                protected=self.state.protected if protected is None else protected,
                properties=kept,
            )
        )

    @precondition(lambda self: self._seen not in self.marks.values())
    @rule()
    def mark(self) -> None:
        name = f"point {len(self.marks)}"
        self.marks[name] = RestoreService().mark(RestorePointRequest(collection=self.name, name=name)).seq
        self._expect(("MARK", self.state))

    @precondition(lambda self: self._changed_since_the_last_set)
    @rule(increment=st.booleans())
    def back_up(self, increment: bool) -> None:
        self._backed_up(self.sets[-1] if increment and self.sets else None)

    def _backed_up(self, parent: Backup | None) -> None:
        made = Backup.objects.create(
            set_id=new_set_id(timezone.now()), collections=[{"name": self.name}], parent=parent
        )
        run_backup(LedgerWork(), Scope(), {"backup": made.set_id})
        made.refresh_from_db()
        assert (made.state, made.end_seq, made.rows) == ("verified", position()[0], len(self.state.rows))
        self.sets.append(made)
        self._expect()
        self._changed_since_the_last_set = False

    @precondition(lambda self: self._searchable())
    @rule(data=st.data())
    def restore_in_place(self, data: st.DataObject) -> None:
        """It is another collection afterwards, whose history begins as the moment that was restored."""
        seq = data.draw(st.sampled_from(self._searchable()))
        request = RestoreRequest(collection=self.name, sequence=seq, mode="replace")
        job = carried_out(RestoreService().start(request))
        assert job.state == "succeeded", job.error
        self.uid, self._seen = look_up(Scope(), self.name)[0].uid, position()[0]
        self.state = replace(self.states[seq], aliases=self.state.aliases)
        last = JournalEntry.objects.filter(uid=self.uid).latest("seq")
        self.states[last.seq], self.uids[last.seq] = self.state, self.uid
        self._changed_since_the_last_set = True
        self.sets.clear()  # they are of the collection that was replaced

    def _searchable(self) -> list[int]:
        """Moments at which it had its index, without which Milvus reads nothing."""
        return [seq for seq, state in self.states.items() if state.indexes]

    def teardown(self) -> None:
        if not self.states:
            return
        try:
            self._check()
        finally:
            for found in CollectionService().names(self.name):
                self._drop(found)

    def _check(self) -> None:
        """What Milvus holds is the last state; others are read as a restore reads them, and one is restored."""
        settle(list(set(self.uids.values())), self._seen)
        assert rows_in_milvus(self.name) == self.state.rows
        assert made_of(definition_of(Scope(), look_up(Scope(), self.name)[0])) == self.state.made
        for seq in self._dice.sample(sorted(self.states), min(POINTS, len(self.states))):
            source = source_of(self.uids[seq], seq)
            definition = definition_of_source(source, self._place.repository)
            assert made_of(definition) == self.states[seq].made, seq
            assert rows_of(source, definition.schema, self._place) == self.states[seq].rows, seq
            assert entry_at(JournalEntry.objects.get(seq=seq).at) == seq
        self._restore(self._dice.choice(self._moments()))

    def _moments(self) -> list[tuple[int, RestoreRequest]]:
        """Every entry by its number or its time, the sets and the restore points by their names."""
        base = RestoreRequest(collection=self.name, target_name=f"{self.name}_back")
        found = [
            (seq, replace(base, restore_point=name)) for name, seq in self.marks.items() if self.uids[seq] == self.uid
        ]
        found += [(made.end_seq or 0, replace(base, backup=made.set_id)) for made in self.sets]
        for entry in JournalEntry.objects.filter(seq__in=self.states):
            found += [
                (entry.seq, replace(base, sequence=entry.seq)),
                (entry.seq, replace(base, point_in_time=entry.at)),
            ]
        return found

    def _restore(self, moment: tuple[int, RestoreRequest]) -> None:
        seq, request = moment
        job = carried_out(RestoreService().start(request))
        assert job.state == "succeeded", job.error
        back, wanted = str(request.target_name), self.states[seq]
        known = look_up(Scope(), back)[0]
        taken = replace(wanted.made, aliases=wanted.aliases - self.state.aliases)
        assert made_of(definition_of(Scope(), known)) == taken, request
        if not wanted.indexes:  # Milvus reads nothing without one
            IndexService().create(back)
        assert rows_in_milvus(back) == wanted.rows, request

    def _drop(self, name: str) -> None:
        for alias in look_up(Scope(), name)[0].aliases:
            AliasService().drop(alias)
        CollectionService().update(name, CollectionChanges(protected=False))
        CollectionService().drop(name)


@pytest.fixture
def place(
    tmp_path: Path, lite: RunningEngine, transactional_db: None, bound: pytest.MonkeyPatch
) -> Iterator[BackupPlace]:
    store_at(bound, tmp_path / "backups")
    with backup_place() as found:
        yield found


@pytest.mark.parametrize(("histories", "steps"), [(12, 20), pytest.param(200, 40, marks=pytest.mark.slow)])
def test_every_entry_of_a_history_is_a_state_that_comes_back(place: BackupPlace, histories: int, steps: int) -> None:
    number = int(os.environ.get("HISTORY_SEED") or secrets.randbits(32))
    print(f"HISTORY_SEED={number}")
    how = settings(
        max_examples=histories,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )

    @seed(number)
    def machine() -> Machine:
        return Machine(place)

    run_state_machine_as_test(machine, settings=how)  # type: ignore[arg-type]
