"""A filter rewritten finds the same rows, is no longer than it was, and what nothing can meet is recognised."""

from typing import Any

import pytest
from hypothesis import assume
from hypothesis import strategies as st

from tests.domain.filters.test_properties import RESTRICTIONS, ROWS
from tests.support.filters import SCHEMA, comparisons, each, equalities, examples, grown, leaves, lists, meant
from vectorstore.domain.filters import FieldRef, Node, check, conjunction, parse, rewrite, serialise, tree
from vectorstore.domain.filters.evaluate import matches

few = st.integers(-7, 7)
halves = few.map(lambda number: number / 2)
texts = st.sampled_from(("", "a", "ab", "w1", "é"))
fields = st.sampled_from(("tiny", "small", "maybe")).map(FieldRef)
keys = st.sampled_from((FieldRef("tag"), tree.Path("meta", ("k",)), tree.Path(tree.META, ("a b",))))
elements = st.sampled_from((0, 1)).map(lambda at: tree.Path("numbers", (at,)))
close = st.one_of(
    comparisons(fields | elements | st.just(tree.ArrayLength(FieldRef("numbers"))), few),
    comparisons(st.just(FieldRef("tiny")), st.sampled_from((-129, -128, 127, 128, 300))),
    comparisons(st.just(FieldRef("big")), st.sampled_from((-(2**63), -(2**63) + 1, 2**63 - 1, 0))),
    comparisons(st.just(FieldRef("double")), halves),
    comparisons(st.just(FieldRef("text")), texts),
    comparisons(st.just(FieldRef("flag")), st.booleans(), equalities),
    comparisons(keys, few | halves | texts | st.sampled_from((2**53, 2**53 + 1))),
    comparisons(keys, st.booleans(), equalities),
    meant(tree.In, fields | elements, lists(few), st.booleans()),
    meant(tree.In, st.just(FieldRef("text")), lists(texts), st.booleans()),
    meant(tree.In, st.just(FieldRef("flag")), lists(st.booleans()), st.booleans()),
    meant(tree.In, keys, lists(few | halves) | lists(texts) | lists(st.booleans()), st.booleans()),
    meant(tree.IsNull, st.sampled_from(("maybe", "tiny", "tag")).map(FieldRef), st.booleans()),
    meant(tree.Like, st.just(FieldRef("text")), st.sampled_from(("a%", "%", "a"))),
)
"""Conditions on few places with constants near each other, so that they meet, imply and contradict one another."""


def kept_by(node: Node) -> list[str]:
    return [row["id"] for row in ROWS if matches(node, row, SCHEMA)]


def size(node: Node) -> int:
    listed = len(node.values) if isinstance(node, tree.In) else 0
    return 1 + listed + sum(size(child) for child in tree.children(node))


@examples(10_000)
def test_a_rewritten_filter_finds_the_same_rows(count: int) -> None:
    def holds(node: Node) -> None:
        assume(not has(node, tree.TextMatch))  # depends on an analyser
        checked = check(node, SCHEMA)
        made = rewrite(checked, SCHEMA)
        if made.node is None:
            assert kept_by(checked) == ([] if made.nothing else [row["id"] for row in ROWS])
            return
        assert not made.nothing
        assert kept_by(made.node) == kept_by(checked)
        assert check(made.node, SCHEMA) == made.node
        assert check(parse(serialise(made.node)), SCHEMA) == made.node

    each(grown(close, 10), holds, count)
    each(grown(close | leaves, 8), holds, count)


@examples(3_000)
def test_rewriting_makes_no_filter_longer_and_has_an_end(count: int) -> None:
    def holds(node: Node) -> None:
        checked = check(node, SCHEMA)
        made = rewrite(checked, SCHEMA)
        if made.node is not None:
            assert size(made.node) <= size(checked)
            again = rewrite(made.node, SCHEMA)
            assert again.node is None or size(again.node) <= size(made.node)
        if not made.done:
            assert made.node == checked

    each(grown(close | leaves, 10), holds, count)


@examples(3_000)
def test_no_filter_of_a_caller_weakens_a_restriction(count: int) -> None:
    def holds(given: tuple[Node, Node]) -> None:
        assume(not has(given[1], tree.TextMatch))
        restriction, asked = (check(node, SCHEMA) for node in given)
        whole = conjunction(asked, restriction)
        assert whole is not None
        made = rewrite(whole, SCHEMA)
        found = [] if made.nothing else kept_by(made.node) if made.node else [row["id"] for row in ROWS]
        assert found == [row for row in kept_by(restriction) if row in kept_by(asked)]

    each(st.tuples(st.sampled_from(RESTRICTIONS) | close, grown(close, 8)), holds, count)


def has(node: Node, kind: type[Node]) -> bool:
    return isinstance(node, kind) or any(has(child, kind) for child in tree.children(node))


def rewritten(text: str) -> Any:
    made = rewrite(check(parse(text), SCHEMA), SCHEMA)
    return "nothing" if made.nothing else serialise(made.node) if made.node else "everything"


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("tiny == 1 or tiny == 2 or tiny in [3, 1]", "tiny in [1, 2, 3]"),
        ("tiny in [7]", "tiny == 7"),
        ("tiny not in [7, 7]", "tiny != 7"),
        ("tiny != 1 and tiny not in [2]", "tiny not in [1, 2]"),
        ("id == 'a' or id == 'b'", 'id in ["a", "b"]'),
        ("id in ['a']", 'id in ["a"]'),
        ("not not (tiny > 3 and (tiny > 5 and flag))", "tiny > 5 and flag == true"),
        ("tiny > 3 or tiny > 5 or tiny == 9", "tiny > 3"),
        ("tiny >= 3 and tiny <= 3", "tiny == 3"),
        ("tiny in [1, 2, 3] and tiny > 1 and tiny != 3", "tiny == 2"),
        ("tiny > 0 and tiny > 0", "tiny > 0"),
        ("flag and (flag or text like 'a%')", "flag == true"),
        ("flag or (flag and text like 'a%')", "flag == true"),
        ("tag == 1 or tag == 2", "tag in [1, 2]"),
        ("tag > 3 and tag > 5", "tag > 5"),
        ("maybe > 3 and maybe > 5", "maybe > 5"),
        ("json_contains(tag, 1) and meta['k'] == 1 and text like 'a%' and tiny > 0",
         'tiny > 0 and text like "a%" and meta["k"] == 1 and json_contains(tag, 1)'),
    ],
)  # fmt: skip
def test_what_a_filter_becomes(text: str, becomes: str) -> None:
    assert rewritten(text) == becomes


@pytest.mark.parametrize(
    "text",
    [
        "tiny > 5 and tiny < 3", "tiny == 1 and tiny == 2", "tiny > 5 and tiny < 6", "tiny > 300", "tiny in []",
        "text > 'b' and text <= 'a'", "flag and not flag", "tag == 1 and tag == 2", "meta['k'] > 5 and meta['k'] < 3",
        "maybe > 5 and maybe < 3", "big < -9223372036854775807 and big > 0", "numbers[0] > 1 and numbers[0] < 1",
        "flag and (tiny == 1 or tiny == 2) and tiny in [3]", "tiny is null",
        "big + 1 < -9223372036854775807 and big > 0",
    ],
)  # fmt: skip
def test_what_no_row_can_meet(text: str) -> None:
    assert rewritten(text) == "nothing"


@pytest.mark.parametrize(
    "text", ["tiny < 300", "tiny < 5 or tiny >= 5", "tiny != 1 or tiny != 2", "flag or not flag", "tiny is not null",
             "tiny > 0 or id not in []"],
)  # fmt: skip
def test_what_every_row_meets(text: str) -> None:
    assert rewritten(text) == "everything"


@pytest.mark.parametrize(
    "text",
    [
        "maybe < 5 or maybe >= 5", "maybe != 1 or maybe != 2", "tag < 5 or tag >= 5", "tag == 1 and tag == \"a\"",
        "tag > 9007199254740992 and tag < 9007199254740993", "double < 1.0 or double >= 1.0",
        "tag == 1 and tag == true", "maybe != 1 and maybe != 2", "numbers[0] == 1 or numbers[0] == 2",
    ],
)  # fmt: skip
def test_what_may_be_unknown_or_differ_by_engine_is_left_as_it_is(text: str) -> None:
    assert rewritten(text) == text


def test_what_was_done_is_told() -> None:
    made = rewrite(check(parse("meta['k'] == 1 and tiny > 3 and tiny > 5 and tiny > 3"), SCHEMA), SCHEMA)
    assert made.done == (
        "left out a repeated condition",
        "simplified the conditions on tiny",
        "moved cheap conditions to the front",
    )
