"""Filters made at random: a schema with every type, trees that fit it, and strings that try to break out."""

import os
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.filters import tree
from vectorstore.domain.models import INTEGER_RANGES, DataType

SCHEMA = Collection(
    name="c",
    fields=(
        Field("id", DataType.VARCHAR, primary=True, max_length=256),
        Field("vector", DataType.FLOAT_VECTOR, dimension=2),
        Field("flag", DataType.BOOL),
        Field("tiny", DataType.INT8),
        Field("small", DataType.INT16),
        Field("middle", DataType.INT32),
        Field("big", DataType.INT64),
        Field("single", DataType.FLOAT),
        Field("double", DataType.DOUBLE),
        Field("text", DataType.VARCHAR, max_length=1000),
        Field("meta", DataType.JSON),
        Field("numbers", DataType.ARRAY, element_type=DataType.INT64, max_capacity=8),
        Field("reals", DataType.ARRAY, element_type=DataType.FLOAT, max_capacity=8),
        Field("words", DataType.ARRAY, element_type=DataType.VARCHAR, max_capacity=8, max_length=50),
        Field("maybe", DataType.INT64, nullable=True),
    ),
)

INTS = {"tiny": DataType.INT8, "small": DataType.INT16, "middle": DataType.INT32, "big": DataType.INT64}
LOW, HIGH = INTEGER_RANGES[DataType.INT64]

WEIRD_NAMES = (
    "and", "OR", "Not", "in", "like", "is", "null", "exists", "TRUE", "False", "a b", "a.b", "1st", "é", "日本",
    "😀", "'", '"', "\\", "it's", 'say "x"', "]", "[0]", '"] == 1 or $meta["', "$meta", "$", "", " ", "\n", "\x00",
    "id", "vector", "array_length", "json_contains", "iso", "interval", "text_match", "a-b", "a==1", "--", "/*", "#",
)  # fmt: skip
PLAIN_NAMES = ("tag", "extra", "_x", "X9", "inn", "order", "andy", "nothing", "e1", "nan", "inf")

FRAGMENTS = (
    "'", '"', "\\", "\\\\", "\\'", '\\"', "\n", "\r", "\t", "\x00", "\x1b", "\x7f", "\x85", "\u2028", "\ufeff", "é",
    "日本", "😀", "\u202e", "\\u0022", "\\x27", "\\n", "%", "_", "$meta", "]", "[", "(", ")", ",", "--", "/*", "*/",
    "#", "//", ";", "'] or id != '' or id in ['", '"] or id != "', '" or "" == "', "' or ''=='", '") or (id != "',
    "&&", "||", "!", "==", " ", "", "a", "0", "true", " or true", "{}", "${x}", "\ue000", "\uffff", "ﬀ", "＂", "’", "`",
)  # fmt: skip

hostile = st.one_of(
    st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=8).map("".join),
    st.text(max_size=20),
    st.tuples(st.sampled_from(FRAGMENTS), st.text(max_size=8), st.sampled_from(FRAGMENTS)).map("".join),
)
"""Strings that end quotes, lists and lines, or look as if they did. All of them are text: no lone surrogates."""


def hostile_strings(count: int) -> Iterator[str]:
    """The like of them in great number, the same ones in every run."""
    dice = random.Random(count)
    for _ in range(count):
        pieces = (
            dice.choice(FRAGMENTS) if dice.random() < 0.8 else chr(dice.choice((dice.randrange(0xD800), 0x1F600)))
            for _ in range(dice.randrange(9))
        )
        yield "".join(pieces)


integers = st.one_of(
    st.integers(-10, 10), st.integers(LOW, HIGH), st.sampled_from((LOW, LOW + 1, HIGH, HIGH - 1, 2**53 + 1))
)
reals = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from((0.0, -0.0, 0.1, 1e16, 1e-7, 5e-324, 1.7e308, 123456789.5)),
)
singles = st.floats(width=32, allow_nan=False, allow_infinity=False) | st.floats(-1e38, 1e38)
strings = st.one_of(st.sampled_from(("", "a", "w1", "it's", "back\\slash")), hostile)
scalars: st.SearchStrategy[Any] = st.one_of(integers, reals, strings, st.booleans())
names = st.one_of(st.sampled_from(PLAIN_NAMES), st.sampled_from(WEIRD_NAMES), st.text(max_size=10))
keys = st.lists(names | st.integers(0, 9), min_size=1, max_size=3).map(tuple)
index = st.integers(0, 7).map(lambda number: (number,))
orders = st.sampled_from(("==", "!=", "<", "<=", ">", ">="))
equalities = st.sampled_from(("==", "!="))
factors = st.integers(-9, 9).filter(bool)


def meant(function: Callable[..., Any], *parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """``function`` of one value of each part."""
    return st.tuples(*parts).map(lambda values: function(*values))


# Names of dynamic keys. A bare one must not be a field's: that would be the field.
free_names = names.filter(lambda name: SCHEMA.field(name) is None and name != tree.META)
int_places = st.one_of(
    st.sampled_from(tuple(INTS)).map(tree.FieldRef),
    meant(tree.Path, st.just("numbers"), index),
    st.sampled_from(("numbers", "words")).map(lambda name: tree.ArrayLength(tree.FieldRef(name))),
)
single_places = st.just(tree.FieldRef("single")) | meant(tree.Path, st.just("reals"), index)
string_places = st.sampled_from(("id", "text")).map(tree.FieldRef) | meant(tree.Path, st.just("words"), index)
json_places = st.one_of(
    meant(tree.Path, st.just("meta"), keys),
    free_names.map(tree.FieldRef),
    meant(tree.Path, free_names, keys),
    meant(lambda name, rest: tree.Path(tree.META, (name, *rest)), names, st.just(()) | keys),
)
int_sums = meant(tree.Arithmetic, st.sampled_from("+-*/%"), int_places, factors.map(tree.Literal))
double_sums = meant(
    tree.Arithmetic, st.sampled_from("+-*/"), st.just(tree.FieldRef("double")), factors.map(float).map(tree.Literal)
)
json_sums = meant(tree.Arithmetic, st.sampled_from("+-*/%"), json_places, factors.map(tree.Literal))
nested_sums = meant(tree.Arithmetic, st.sampled_from("+-*"), int_sums, factors.map(tree.Literal))
mirrored_sums = meant(
    lambda op, left, right: tree.Arithmetic(op, tree.Literal(left), right), st.sampled_from("+-*"), factors, int_places
)


def _comparison(op: Any, left: tree.Node, constant: Any, mirrored: bool) -> tree.Node:
    sides = (left, tree.Literal(constant))
    return tree.Compare(op, *(sides[::-1] if mirrored else sides))


def comparisons(
    places: st.SearchStrategy[Any], constants: st.SearchStrategy[Any], ops: st.SearchStrategy[Any] = orders
) -> st.SearchStrategy[tree.Node]:
    """A place against a constant, either way round."""
    return meant(_comparison, ops, places, constants, st.booleans())


def lists(values: st.SearchStrategy[Any], least: int = 0) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(values, min_size=least, max_size=5).map(tuple)


alike = st.one_of(lists(integers | reals), lists(strings), lists(st.booleans()))
alike_some = st.one_of(lists(integers | reals, 1), lists(strings, 1), lists(st.booleans(), 1))
patterns = st.lists(
    st.sampled_from(("%", "_", "\\%", "\\_", "\\\\", "a", "B", "é", "'", '"', "\n", "w")), max_size=6
).map("".join)


def contains(places: st.SearchStrategy[Any], values: st.SearchStrategy[Any], family: str) -> st.SearchStrategy[Any]:
    """The three functions of one family."""
    one = values.map(lambda listed: listed[:1])
    return st.one_of(
        meant(lambda place, value: tree.Contains("any_one", place, value, family), places, one),
        meant(
            lambda mode, place, listed: tree.Contains(mode, place, listed, family),
            st.sampled_from(("all", "any")), places, values,
        ),
    )  # fmt: skip


leaves: st.SearchStrategy[tree.Node] = st.one_of(
    comparisons(int_places, integers),
    comparisons(int_sums | nested_sums | mirrored_sums, integers),
    comparisons(single_places, singles),
    comparisons(st.just(tree.FieldRef("double")) | double_sums, reals),
    comparisons(string_places, strings),
    comparisons(st.just(tree.FieldRef("flag")), st.booleans(), equalities),
    comparisons(json_places, integers | reals | strings),
    comparisons(json_places, st.booleans(), equalities),
    comparisons(json_sums, st.integers(-50, 50)),
    meant(tree.Compare, orders, int_places, int_places | st.just(tree.FieldRef("double"))),
    meant(tree.Compare, orders, string_places, string_places),
    meant(tree.In, int_places.filter(lambda p: not isinstance(p, tree.ArrayLength)), lists(integers), st.booleans()),
    meant(tree.In, single_places, lists(singles), st.booleans()),
    meant(tree.In, string_places, lists(strings), st.booleans()),
    meant(tree.In, st.just(tree.FieldRef("flag")), lists(st.booleans()), st.booleans()),
    meant(tree.In, json_places, alike, st.booleans()),
    meant(tree.Like, string_places | json_places, patterns),
    meant(tree.IsNull, st.sampled_from(("maybe", "tiny", "text")).map(tree.FieldRef) | json_places, st.booleans()),
    json_places.map(tree.Exists),
    contains(st.just(tree.FieldRef("numbers")), lists(integers.filter(lambda n: n > LOW), 1), "array"),
    contains(st.just(tree.FieldRef("words")), lists(strings, 1), "array"),
    contains(st.just(tree.FieldRef("reals")), lists(singles, 1), "array"),
    contains(json_places, alike_some, "json"),
    strings.map(lambda text: tree.TextMatch(tree.FieldRef("text"), text)),
    st.just(tree.FieldRef("flag")),
    json_places,
)


def grown(leaf: st.SearchStrategy[tree.Node], size: int = 8) -> st.SearchStrategy[tree.Node]:
    """Conditions of ``leaf`` joined by and, or and not."""

    def join(inner: st.SearchStrategy[tree.Node]) -> st.SearchStrategy[tree.Node]:
        several = st.lists(inner, min_size=2, max_size=3).map(tuple)
        return st.one_of(several.map(tree.And), several.map(tree.Or), inner.map(tree.Not))

    return st.recursive(leaf, join, max_leaves=size)


trees = grown(leaves)
"""Trees that fit ``SCHEMA``, as a parser or the object form may give them: not in normal form."""

EXAMPLES = int(os.environ.get("VECTORSTORE_PROPERTY_EXAMPLES", "300"))


def examples(full: int, few: int = EXAMPLES) -> Any:
    """``count``: some by default and ``full`` in the long form."""
    return pytest.mark.parametrize("count", [few, pytest.param(full, marks=pytest.mark.slow)])


def each(strategy: st.SearchStrategy[Any], holds: Callable[[Any], None], count: int) -> None:
    """``holds`` for ``count`` values. Up to the default number they are the same ones in every run."""

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=count <= EXAMPLES,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    @given(strategy)
    def run(value: Any) -> None:
        holds(value)

    run()
