"""What holds for every filter and every string, shown on random ones."""

import dataclasses
import json
import random
from typing import Any

import pytest
from hypothesis import assume
from hypothesis import strategies as st
from milvus_lite.search.filter.parser import parse_expr

from tests.support.filters import (
    FRAGMENTS,
    PLAIN_NAMES,
    SCHEMA,
    WEIRD_NAMES,
    each,
    examples,
    hostile,
    hostile_strings,
    meant,
    trees,
)
from vectorstore.domain.errors import InvalidFilter, UnsupportedByEngine
from vectorstore.domain.filters import (
    Compare,
    Dialect,
    FieldRef,
    Literal,
    Node,
    check,
    conjunction,
    from_object,
    ids_in,
    parse,
    serialise,
    tree,
)
from vectorstore.domain.filters.evaluate import matches

LITE = Dialect(
    json_path_in=False,
    modulo=False,
    text_match=False,
    null_is_unknown=False,
    missing_is_false=False,
    array_length_path=False,
    meta_contains=False,
)
"""What an engine with little has; the expressions for it are longer and must mean the same."""


def _rows() -> list[dict[str, Any]]:
    """Rows with full arrays: an element that is not there meets neither a comparison nor its negation."""
    chance = random.Random(5)
    texts = ["", "a", "w1", "it's", "back\\slash", "\n", "é", *FRAGMENTS[:12]]
    rows: list[dict[str, Any]] = []
    for number in range(12):
        few = number - 6
        row = {
            "id": f"r{number}", "vector": [0.0, 1.0], "flag": number % 2 == 0, "tiny": few, "small": few * 3,
            "middle": few * 1000, "big": [-(2**63), 2**63 - 1, few][number % 3], "single": 0.5 * few, "double": few / 4,
            "text": chance.choice(texts),
            "numbers": [few, *range(7)], "reals": [0.25 * few] * 8, "words": ["w1", ""] * 4,
            "maybe": few if number % 3 else None,
            "meta": {name: chance.choice([few, few / 2, "a", True, [1, "a"], {"a": 1}]) for name in WEIRD_NAMES[::3]},
        }  # fmt: skip
        for name in (*PLAIN_NAMES, *WEIRD_NAMES):
            if SCHEMA.field(name) is None and chance.random() < 0.6:
                row[name] = chance.choice([few, few / 2, "a", "w1", "", False, True, [1, 2.5, "a"], {"a": [few]}])
        rows.append(row)
    return rows


ROWS = _rows()


def chosen(node: Node) -> list[str]:
    return [row["id"] for row in ROWS if matches(node, row, SCHEMA)]


@examples(3_000)
def test_a_checked_tree_is_read_back_as_it_was_written(count: int) -> None:
    def holds(node: Node) -> None:
        checked = check(node, SCHEMA)
        written = serialise(checked)
        assert check(parse(written), SCHEMA) == checked
        assert check(checked, SCHEMA) == checked
        assert serialise(check(parse(written), SCHEMA)) == written

    each(trees, holds, count)


@examples(3_000)
def test_checking_keeps_the_meaning(count: int) -> None:
    def holds(node: Node) -> None:
        assume(not _has(node, tree.TextMatch))  # depends on an analyser
        assert chosen(check(node, SCHEMA)) == chosen(node)

    each(trees, holds, count)


@examples(3_000)
def test_what_is_written_for_a_lesser_engine_means_the_same(count: int) -> None:
    def holds(node: Node) -> None:
        checked = check(node, SCHEMA)
        try:
            written = serialise(checked, LITE)
        except UnsupportedByEngine:
            assume(False)
        assert chosen(check(parse(written), SCHEMA)) == chosen(checked)

    each(trees, holds, count)


def _has(node: Node, kind: type[Node]) -> bool:
    return isinstance(node, kind) or any(_has(child, kind) for child in tree.children(node))


def bare(node: Any) -> Any:
    """Milvus Lite's tree without the places in the text."""
    if dataclasses.is_dataclass(node):
        names = [field.name for field in dataclasses.fields(node) if field.name != "pos"]
        return (type(node).__name__, *(bare(getattr(node, name)) for name in names))
    return tuple(bare(item) for item in node) if isinstance(node, tuple) else node


@examples(100_000)
def test_a_hostile_string_stays_one_string(count: int) -> None:
    def holds(text: str) -> None:
        listed = ids_in(SCHEMA.primary, [text])
        written = serialise(listed)
        assert parse(written) == check(listed, SCHEMA) == tree.In(FieldRef("id"), (text,))
        literal = ("ListLit", (("StringLit", text),))
        assert bare(parse_expr(written)) == ("InOp", ("FieldRef", "id"), literal, False)
        equal = Compare("==", FieldRef("text"), Literal(text))
        written = serialise(equal)
        assert parse(written) == equal
        assert bare(parse_expr(written)) == ("CmpOp", "==", ("FieldRef", "text"), ("StringLit", text))

    for text in hostile_strings(count):
        holds(text)
    each(hostile, holds, min(count, 3_000))


@examples(3_000)
def test_a_hostile_name_stays_one_name(count: int) -> None:
    def holds(name: str) -> None:
        node = check(Compare("==", tree.Path(tree.META, (name,)), Literal(1)), SCHEMA)
        written = serialise(node)
        assert check(parse(written), SCHEMA) == node
        read: Any = bare(parse_expr(written))
        assert (read[0], read[1], read[3]) == ("CmpOp", "==", ("IntLit", 1))
        assert read[2] in (("FieldRef", name), ("MetaAccess", name))

    each(hostile | st.sampled_from(WEIRD_NAMES), holds, count)


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb", "\udc00\ud800", "'\ud83d"])
def test_half_of_a_surrogate_pair_is_refused_wherever_it_is(text: str) -> None:
    for node in (
        Compare("==", FieldRef("text"), Literal(text)),
        tree.In(FieldRef("text"), (text,)),
        tree.Like(FieldRef("text"), text),
        tree.TextMatch(FieldRef("text"), text),
        tree.Contains("any_one", FieldRef("words"), (text,)),
        tree.Exists(tree.Path("meta", (text,))),
        tree.Exists(tree.Path(tree.META, (text,))),
        tree.Exists(FieldRef(text)),
    ):
        with pytest.raises(InvalidFilter):
            check(node, SCHEMA)
    with pytest.raises(InvalidFilter):
        serialise(ids_in(SCHEMA.primary, [text]))
    with pytest.raises(InvalidFilter, match="column"):
        parse(f"text == '{text}'")
    with pytest.raises(InvalidFilter, match="column 9"):
        parse("text == '\\ud800'")


RESTRICTIONS: tuple[Node, ...] = (
    Compare("==", FieldRef("flag"), Literal(True)),
    Compare("==", FieldRef("tag"), Literal("it's")),
    tree.In(FieldRef("id"), ("r1", "r2")),
    tree.Or((Compare("<", FieldRef("tiny"), Literal(0)), tree.Exists(tree.Path("meta", ("k",))))),
    tree.Exists(FieldRef("tag")),
    tree.Not(tree.Exists(FieldRef("tag"))),
)
_PIECES = (
    "x=='1') or (x!='2'", "id != ''", "or", "and", "not", "(", ")", "((", "))", " ", "tiny > 0", "flag", "exists tag",
    "true", "1 == 1", "'a' == \"a\"", "id in []", "id not in []", "||", "&&", "!", "--", "/*", "#", ";", "\n", "tag",
    "== 'x'", "in ['a', \"b\"]", "like '%'", "text", "[", "]", "'", '"', "\\", "1 < tiny < 5", ",", "$meta['a']",
)  # fmt: skip
caller_texts = st.one_of(
    st.lists(st.sampled_from(_PIECES), min_size=1, max_size=7).map(" ".join),
    trees.map(lambda node: serialise(check(node, SCHEMA))),
    meant(
        lambda node, at, piece: (text := serialise(check(node, SCHEMA)))[:at] + piece + text[at:],
        trees, st.integers(0, 40), st.sampled_from(_PIECES + FRAGMENTS),
    ),
    hostile,
)  # fmt: skip


@examples(3_000)
def test_a_callers_filter_never_gets_past_a_restriction(count: int) -> None:
    accepted = 0

    def holds(given: tuple[str, Node]) -> None:
        nonlocal accepted
        text, restriction = given
        try:
            asked = check(parse(text), SCHEMA)
        except InvalidFilter as error:
            assert_has_a_place(error)
            return
        accepted += 1
        restricted = check(restriction, SCHEMA)
        whole = conjunction(restricted, asked)
        assert whole is not None
        read = check(parse(serialise(whole)), SCHEMA)
        assert isinstance(read, tree.And)
        assert read.operands[0] == restricted
        if not _has(asked, tree.TextMatch):
            assert set(chosen(read)) <= set(chosen(restricted))
            assert chosen(read) == [found for found in chosen(restricted) if found in chosen(asked)]

    each(st.tuples(caller_texts, st.sampled_from(RESTRICTIONS)), holds, count)
    assert accepted > count / 10


@examples(3_000)
def test_an_engines_own_parser_sees_the_restriction_too(count: int) -> None:
    def holds(given: tuple[Node, Node]) -> None:
        restriction, node = (check(item, SCHEMA) for item in given)
        whole = conjunction(restriction, node)
        assert whole is not None
        try:
            alone, written = serialise(restriction, LITE), serialise(whole, LITE)
        except UnsupportedByEngine:
            assume(False)
        assume(not _beyond_lite(node))
        read: Any = bare(parse_expr(written))
        assert read[0] == "And"
        assert read[1][0] == bare(parse_expr(alone))

    each(st.tuples(st.sampled_from(RESTRICTIONS), trees), holds, count)


def _beyond_lite(node: Node) -> bool:
    """Milvus Lite takes whole fields only where we, as Milvus, take an element."""
    return any(_beyond_lite(child) for child in tree.children(node)) or (
        isinstance(node, tree.TextMatch) or (isinstance(node, tree.In) and isinstance(node.operand, tree.Path))
    )


def assert_has_a_place(error: InvalidFilter) -> None:
    """A pointer and, since the filter was a text, a column."""
    assert error.errors
    for item in error.errors:
        assert item.pointer == "/filter"
        assert item.code == "invalid_filter"
        assert item.detail.startswith("column ")


@examples(3_000)
def test_every_refusal_of_a_text_names_a_column_within_it(count: int) -> None:
    def holds(text: str) -> None:
        try:
            check(parse(text), SCHEMA)
        except InvalidFilter as error:
            assert_has_a_place(error)
            column = int(error.detail.removeprefix("column ").split(":")[0])
            assert 1 <= column <= len(text) + 1

    each(caller_texts | st.text(max_size=30), holds, count)


_values = st.one_of(st.integers(-(2**63) + 1, 2**63 - 1), hostile, st.booleans())


@examples(3_000)
def test_both_forms_give_the_same_tree(count: int) -> None:
    def holds(pairs: list[tuple[dict[str, Any], str]]) -> None:
        structured = {"$and": [pair[0] for pair in pairs]}
        text = " and ".join(f"({pair[1]})" for pair in pairs)
        assert check(from_object(structured), SCHEMA) == check(parse(text), SCHEMA)
        either = {"$or": [pair[0] for pair in pairs]}
        text = "not (" + " || ".join(pair[1] for pair in pairs) + ")"
        assert check(from_object({"$not": either}), SCHEMA) == check(parse(text), SCHEMA)

    each(st.lists(_pairs(), min_size=1, max_size=4), holds, count)


def _pairs() -> st.SearchStrategy[tuple[dict[str, Any], str]]:
    """One condition in the object form and as a text."""

    places = st.sampled_from(
        [("tag", "tag"), ("meta.a.b", 'meta["a"]["b"]'), ("extra.k", "extra['k']"), ("and", '$meta["and"]')]
    )
    ops = {"$eq": "==", "$ne": "!=", "$lt": "<", "$lte": "<=", "$gt": ">", "$gte": ">="}
    ordered = st.one_of(st.integers(-(2**63) + 1, 2**63 - 1), st.floats(-1e300, 1e300), hostile)
    numbers = st.lists(st.integers(-99, 99), max_size=4)
    few = st.integers(-99, 99)
    written = json.dumps
    return st.one_of(
        meant(lambda p, v: ({p[0]: v}, f"{p[1]} == {written(v)}"), places, _values),
        meant(
            lambda p, o, v: ({p[0]: {o: v}}, f"{p[1]} {ops[o]} {written(v)}"),
            places, st.sampled_from(sorted(ops)), ordered,
        ),
        meant(
            lambda p, v: ({p[0]: {"$in": v}}, f"{p[1]} in {written(v)}"),
            places,
            numbers | st.lists(hostile, max_size=3),
        ),
        meant(lambda p, v: ({p[0]: {"$nin": v}}, f"{p[1]} not in {written(v)}"), places, numbers),
        meant(lambda v: ({"text": {"$like": v}}, f"text like {written(v)}"), st.text("ab%é", max_size=6)),
        meant(lambda p: ({p[0]: {"$exists": True}}, f"exists {p[1]}"), places),
        meant(lambda p: ({p[0]: {"$exists": False}}, f"not exists {p[1]}"), places),
        meant(lambda p: ({p[0]: None}, f"{p[1]} is null"), places),
        meant(lambda p: ({p[0]: {"$null": False}}, f"not ({p[1]} is null)"), places),
        meant(lambda v: ({"words": {"$contains": v}}, f"array_contains(words, {written(v)})"), hostile),
        meant(
            lambda v: ({"tag": {"$contains_all": v}}, f"json_contains_all(tag, {written(v)})"),
            st.lists(hostile, min_size=1),
        ),
        meant(
            lambda a, b: ({"tiny": {"$gt": a, "$not": {"$gte": b}}}, f"tiny > {a} and not (tiny >= {b})"), few, few
        ),
    )  # fmt: skip
