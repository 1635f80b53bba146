"""Every engine finds by a rewritten filter the rows that it finds by the filter as it was."""

import secrets
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, note

from tests.adapters.test_filter_semantics import DATABASE, FIELDS, ROWS, Asked, leaves
from tests.domain.filters.test_rewrite import close
from tests.support import filters as made
from tests.support.adapters import reach
from tests.support.engines import RunningEngine
from vectorstore.adapters.read_calls import RowQuery
from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.errors import UnsupportedByEngine
from vectorstore.domain.filters import FieldRef, Node, check, rewrite, serialise, tree
from vectorstore.domain.models import Consistency, DataType, IndexKind, IndexSpec, Metric
from vectorstore.domain.rows import read_rows

_shared: dict[int, Collection] = {}


@pytest.fixture
def asked(engine: RunningEngine) -> Asked:
    """Rows with missing keys, JSON of every type and arrays; every third lacks ``maybe`` where there are nulls."""
    adapter, capabilities = reach(engine)
    if engine.port not in _shared:
        vector = Field("vector", DataType.FLOAT_VECTOR, dimension=2)
        maybe = Field("maybe", DataType.INT64, nullable=capabilities.nullable)
        collection = Collection(name=f"t_{secrets.token_hex(6)}", fields=(*FIELDS, maybe, vector))
        adapter.create_collection(DATABASE, collection)
        adapter.create_index(DATABASE, collection.name, IndexSpec("vector", IndexKind.FLAT, Metric.L2))
        adapter.load_collection(DATABASE, collection.name)
        absent = None if capabilities.nullable else 99
        rows = [row | {"maybe": number % 7 if number % 3 else absent} for number, row in enumerate(ROWS)]
        adapter.insert(DATABASE, collection, read_rows(rows, collection))
        _shared[engine.port] = collection
    return Asked(adapter, capabilities, _shared[engine.port])


# What engines differ in by themselves, whatever is rewritten, is listed where ``leaves`` are made.
near = close.filter(lambda node: not _is_untold(node))


def _is_untold(node: Node) -> bool:
    """Booleans in JSON, and a number in JSON that a double cannot hold."""
    match node:
        case tree.Compare(_, left, right):
            sides = (left, right)
            values: tuple[Any, ...] = tuple(side.value for side in sides if isinstance(side, tree.Literal))
            place = left if isinstance(right, tree.Literal) else right
        case tree.In(place, values):
            pass
        case _:
            return False
    in_json = isinstance(place, tree.FieldRef) and place.name == "tag"
    in_json |= isinstance(place, tree.Path) and place.field != "numbers"
    return in_json and any(isinstance(value, bool) or value == 2**53 + 1 for value in values)


@made.examples(2_000, few=60)
def test_a_rewritten_filter_finds_what_it_found_before(asked: Asked, count: int) -> None:
    dialect, every = asked.capabilities.dialect, {row["id"] for row in ROWS}

    def holds(node: Node) -> None:
        checked = check(node, asked.collection)
        after = rewrite(checked, asked.collection)
        try:
            before = serialise(checked, dialect)
            expression = serialise(after.node, dialect) if after.node else ""
        except UnsupportedByEngine:
            assume(False)
        note(before)
        note(expression)
        found = asked.found(before)
        if after.node is None:
            assert found == (set() if after.nothing else every)
        else:
            assert asked.found(expression) == found

    made.each(made.grown(near, 8), holds, count)
    made.each(made.grown(near | leaves, 6), holds, count)


def test_nulls_meet_neither_a_condition_nor_its_opposite(asked: Asked) -> None:
    if not asked.capabilities.nullable:
        pytest.skip("the engine has no nulls")
    there = {row["id"] for number, row in enumerate(ROWS) if number % 3}
    place = FieldRef("maybe")
    for node in (
        tree.Or((tree.Compare("<", place, tree.Literal(3)), tree.Compare(">=", place, tree.Literal(3)))),
        tree.Or((tree.Compare("==", place, tree.Literal(3)), tree.Compare("!=", place, tree.Literal(3)))),
    ):
        made_of = rewrite(check(node, asked.collection), asked.collection).node
        assert made_of is not None
        assert asked.found(serialise(made_of, asked.capabilities.dialect)) == there


def test_what_nothing_can_meet_is_answered_by_the_gateway(asked: Asked) -> None:
    """An expression that the engine would refuse shows that it is not asked."""
    query = RowQuery(expression="this is (no condition", nothing=True, output_fields=["id"])
    query = replace(query, consistency=Consistency.STRONG)
    assert asked.adapter.query(DATABASE, asked.collection, query) == []
    assert asked.adapter.count(DATABASE, asked.collection, query) == 0
    assert list(asked.adapter.read_pages(DATABASE, asked.collection, query)) == []
    assert list(asked.adapter.scan(DATABASE, asked.collection, query)) == []
