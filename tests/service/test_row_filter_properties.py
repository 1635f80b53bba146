"""Whatever filters and ids a caller under a row filter sends, no row of somebody else is read, counted or changed."""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest
from django.contrib.auth.models import User
from hypothesis import strategies as st

from tests.domain.filters.test_properties import ROWS, caller_texts
from tests.support.access import give
from tests.support.engines import RunningEngine
from tests.support.filters import FRAGMENTS, SCHEMA, each, examples, hostile, hostile_strings
from vectorstore.access.actor import USER, Actor
from vectorstore.domain.errors import EngineFailed, InvalidFilter, InvalidRequest, NotFound, VectorStoreError
from vectorstore.domain.filters import check, from_object, parse
from vectorstore.domain.models import Consistency, DataType, IndexKind, Metric
from vectorstore.domain.requests import (
    CollectionSpec,
    CountRequest,
    DeleteRequest,
    FieldSpec,
    GetRequest,
    HybridPart,
    HybridRequest,
    IndexRequest,
    QueryRequest,
    RangeRequest,
    SearchRequest,
)
from vectorstore.domain.rows import read_id
from vectorstore.models import UserAttributes
from vectorstore.service import CollectionService, Scope, SearchService, VectorService, catalogue

TENANT = {"field": "tenant", "op": "in", "value": ["$user.tenants"]}
FEW = int(os.environ.get("VECTORSTORE_PROPERTY_EXAMPLES", "100"))
JOINED = 20
"""Filters that one count, one search and one delete take together."""
LISTED = 1_000
CALLS = 100_000
"""Of functions, Python's own too, that reading the worst filter may take; 75,000 of them take 6 ms."""
EAST = [1.0, 0.0]

PIECES = (
    "tenant == 'm'",
    "tenant == 'f'",
    "tenant != 'm'",
    "not (tenant == 'm')",
    "tenant in ['f', 'm']",
    "$meta['tenant'] == 'f'",
    '$meta["ten\\u0061nt"] == "f"',
    "id like 'f%'",
    "id != ''",
    "tiny > -99",
    "or",
    "and",
    "not",
    "(",
    ")",
    "true",
    "'",
    '"',
    "--",
)
texts = caller_texts | st.lists(st.sampled_from(PIECES), min_size=1, max_size=9).map(" ".join)
ids = st.one_of(
    hostile,
    st.tuples(st.sampled_from(FRAGMENTS), st.sampled_from(("f0", "f1", "m0")), st.sampled_from(FRAGMENTS)).map("".join),
)

_kept: dict[tuple[int, str], str] = {}


class Tenancy:
    """A collection with the same rows twice: ``m0``… of the caller, ``f0``… of somebody else."""

    def __init__(self, kind: str, port: int) -> None:
        if (port, kind) not in _kept:
            _kept[port, kind] = _create(kind)
        self.name = _kept[port, kind]
        user = User.objects.create_user("mine")
        UserAttributes.objects.create(user=user, values={"tenants": ["m"]})
        give(user, "editor", self.name, row_filter=TENANT)
        scope = Scope(actor=Actor(USER, user.pk, user.username))
        self.mine, self.search = VectorService(scope), SearchService(scope=scope)
        self.all = VectorService()
        self.foreign = self.rows("f")
        assert len(self.foreign) == len(ROWS)
        self.restore()

    def rows(self, tenant: str) -> list[dict[str, Any]]:
        asked = QueryRequest(filter=f"tenant == '{tenant}'", limit=1000, consistency=Consistency.STRONG)
        return sorted(self.all.query(self.name, asked), key=lambda row: str(row["id"]))

    def restore(self) -> None:
        self.all.upsert(self.name, _rows("m"))
        assert len(self.rows("m")) == len(ROWS)  # read strongly: the other reads may be of before

    def outcome(self, service: VectorService, text: str) -> set[str] | type[VectorStoreError]:
        """Ids that a filter finds, or how it is refused."""
        try:
            found = service.query(self.name, QueryRequest(filter=text, output_fields=["id"], limit=1000))
        except (InvalidRequest, EngineFailed) as error:  # Milvus 2.3 has gaps in its language that only it knows
            return type(error)
        return {row["id"] for row in found}


def _rows(tenant: str) -> list[dict[str, Any]]:
    kept = [{name: value for name, value in row.items() if name and not name.startswith("$")} for row in ROWS]
    return [row | {"id": f"{tenant}{number}", "tenant": tenant, "maybe": number} for number, row in enumerate(kept)]


def _create(kind: str) -> str:
    fields = [
        FieldSpec(
            name=field.name,
            type=field.type,
            primary=field.primary,
            dimension=field.dimension,
            max_length=field.max_length,
            element_type=field.element_type,
            max_capacity=field.max_capacity,
        )
        for field in SCHEMA.fields
    ]
    if kind == "field":
        fields.append(FieldSpec(name="tenant", type=DataType.VARCHAR, max_length=64))
    name = f"p_{kind}_{time.monotonic_ns()}"
    index = IndexRequest(field="vector", type=IndexKind.FLAT, metric=Metric.L2)
    # Reads that need not wait for the newest writes are fast; what may not be missed is read strongly.
    spec = CollectionSpec(name=name, fields=fields, index=index, consistency=Consistency.EVENTUALLY)
    CollectionService().create(spec)
    VectorService().insert(name, _rows("m") + _rows("f"))
    return name


@pytest.fixture(params=["field", "dynamic"])
def tenancy(request: pytest.FixtureRequest, engine: RunningEngine, db: None) -> Iterator[Tenancy]:
    catalogue.forget(Scope())  # what is remembered is of the last test's database
    found = Tenancy(request.param, engine.port)
    yield found
    assert found.rows("f") == found.foreign


@examples(10_000, FEW)
def test_no_filter_reaches_a_foreign_row(tenancy: Tenancy, count: int) -> None:
    accepted: list[str] = []

    def holds(text: str) -> None:
        whole, own = tenancy.outcome(tenancy.all, text), tenancy.outcome(tenancy.mine, text)
        if isinstance(whole, set) and text.strip():
            assert own == {identity for identity in whole if identity.startswith("m")}
            accepted.append(text)
        else:  # nothing is asked, or the engine refuses it: then what is the caller's own, if anything, is read
            assert not isinstance(own, set) or all(identity.startswith("m") for identity in own)

    each(texts, holds, count)
    assert len(accepted) > count / 10
    for start in range(0, len(accepted), JOINED):
        joined = " or ".join(f"({text})" for text in accepted[start : start + JOINED])
        _count_search_delete(tenancy, joined)


def _count_search_delete(tenancy: Tenancy, text: str) -> None:
    own = tenancy.outcome(tenancy.mine, text)
    assert isinstance(own, set)
    assert tenancy.mine.count(tenancy.name, CountRequest(filter=text)) == len(own)
    near = {"vector": EAST, "filter": text}
    part = HybridPart(vector=EAST, filter=text, top_k=100)
    searches = (
        lambda: tenancy.search.search(tenancy.name, SearchRequest(**near, top_k=100)),
        lambda: tenancy.search.range(tenancy.name, RangeRequest(**near, radius=100.0)),
        lambda: tenancy.search.hybrid(tenancy.name, HybridRequest(searches=[part, part], top_k=100)),
    )
    for search in searches:
        with contextlib.suppress(EngineFailed):  # Milvus 2.3 takes a few conditions in a query and not in a search
            assert {hit.id for hit in search().results} == own
    assert tenancy.mine.delete(tenancy.name, DeleteRequest(filter=text)) == len(own)
    assert tenancy.rows("f") == tenancy.foreign
    tenancy.restore()


def _usable(identities: list[str]) -> list[str]:
    """Those that can be ids at all; the others are refused before an engine sees them."""
    found = []
    for identity in identities:
        try:
            found.append(read_id(identity, SCHEMA.primary))
        except ValueError:
            continue
    return [str(identity) for identity in found]


@examples(15_000, LISTED)
def test_no_list_of_ids_reaches_a_foreign_row(tenancy: Tenancy, count: int) -> None:
    made: list[str] = []
    each(ids, made.append, min(count, 3_000))
    made += hostile_strings(max(0, count - len(made)))
    own = {f"m{number}" for number in range(len(ROWS))}
    foreign = [f"f{number}" for number in range(len(ROWS))]
    for start in range(0, len(made), LISTED):
        listed = [identity for identity in _usable(made[start : start + LISTED]) if identity not in own] + foreign
        got = tenancy.mine.get(tenancy.name, GetRequest(ids=listed, output_fields=["id"]))
        assert got == []
        assert tenancy.mine.delete(tenancy.name, DeleteRequest(ids=list(listed))) == 0
        got = tenancy.mine.get(tenancy.name, GetRequest(ids=[*listed, *own], output_fields=["id"]))
        assert {row["id"] for row in got} == own
        assert tenancy.rows("f") == tenancy.foreign
    for identity in [*_usable(made[:20]), *foreign[:3]]:
        if identity not in own:
            with pytest.raises(NotFound):
                tenancy.search.search(tenancy.name, SearchRequest(id=identity))


def _calls(read: Callable[[], Any]) -> int:
    """How many functions are called to read a filter, refused or not: what it costs, on any machine."""
    number = 0

    def count(frame: FrameType, event: str, called: Any) -> None:
        nonlocal number
        number += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        with contextlib.suppress(InvalidFilter):
            read()
    finally:
        sys.setprofile(None)
    return number


LONG = (
    "(" * 20_000,
    "not " * 20_000 + "flag",
    "!" * 50_000,
    "[" * 20_000,
    " or ".join(["tiny > 0"] * 5_000),
    "id in [" + ", ".join(["'a'"] * 20_000) + "]",
    "id == '" + "a" * 100_000 + "'",
    "id == '" + "\\" * 100_000,
    "text like '" + "%_" * 20_000 + "'",
    "tiny" + " + 1" * 10_000 + " > 0",
    "-" * 50_000 + "1 == tiny",
    "$meta" + "['a']" * 10_000 + " == 1",
    "a" * 100_000,
    "9" * 100_000 + " == tiny",
    "1e" + "9" * 50_000 + " == double",
    " " * 200_000 + "x",
)


@examples(30_000, 300)
def test_reading_a_hostile_filter_takes_little(count: int) -> None:
    check(parse("tiny > 0 and not (id in ['a'])"), SCHEMA)  # the grammar is loaded once

    def holds(text: str) -> None:
        assert 0 < _calls(lambda: check(parse(text), SCHEMA)) <= CALLS
        assert 0 < _calls(lambda: check(from_object({"text": text, text: 1}), SCHEMA)) <= CALLS

    each(texts, holds, min(count, 3_000))
    for text in hostile_strings(count):
        holds(text)


@pytest.mark.parametrize("text", LONG, ids=lambda text: text[:12])
def test_reading_a_large_filter_takes_as_little(text: str) -> None:
    check(parse("tiny > 0 and not (id in ['a'])"), SCHEMA)
    for size in (4_000, 16_000, 65_000):
        part = text[:size]
        assert 0 < _calls(lambda part=part: check(parse(part), SCHEMA)) <= CALLS
