"""What the tests of the filter language share: a schema, the dialects of two engines, and generators."""

import os
import random
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.filters import Dialect, tree
from vectorstore.domain.models import DataType

EXAMPLES = int(os.environ.get("VECTORSTORE_PROPERTY_EXAMPLES", "200"))
MIN, MAX = -(2**63), 2**63 - 1

FIELDS = (
    Field("id", DataType.INT64, primary=True),
    Field("v", DataType.FLOAT_VECTOR, dimension=4),
    Field("flag", DataType.BOOL),
    Field("tiny", DataType.INT8),
    Field("big", DataType.INT64),
    Field("single", DataType.FLOAT),
    Field("double", DataType.DOUBLE),
    Field("text", DataType.VARCHAR, max_length=200),
    Field("maybe", DataType.VARCHAR, max_length=200, nullable=True),
    Field("meta", DataType.JSON),
    Field("numbers", DataType.ARRAY, element_type=DataType.INT64, max_capacity=10),
    Field("words", DataType.ARRAY, element_type=DataType.VARCHAR, max_length=20, max_capacity=10),
)
SCHEMA = Collection(name="c", fields=FIELDS)
RIGID = Collection(name="c", fields=FIELDS, dynamic_fields=False)

LITE = Dialect(json_path_in=False, modulo=False, missing_is_false=False, array_length_path=False, meta_contains=False)
MILVUS_2_3 = Dialect(infix_like=False, is_null=False, text_match=False, computed_order=False, free_arithmetic=False)

FRAGMENTS = (
    '"', "'", "\\", '\\"', "\\\\", "\\u0022", "\\x22", "\\042", "\n", "\r", "\t", "\0", "\u2028", "\u0085", "\ufeff",
    "\x1a", "é", "é", "日本", "😀", "%", "_", "[", "]", "(", ")", ",", "$meta", "{x}", "--", "/*", "#", ";", " ",
    " or ", " and ", "id", "id != 0", "1 == 1", "true", "not", '" or id != 0 or text == "', "' or '1'=='1",
    "\\' or id >= 0 or text == \\'", '"] or id in [', "null", "＂", "＇", "”", "‘", "NaN", "\x7f", "\ud7ff", "\U0010ffff",
)  # fmt: skip


def hostile_strings(count: int) -> Iterator[str]:
    """Strings that look like ways out of quotes; the same ones in every run."""
    dice = random.Random(20240229)
    for _ in range(count):
        pieces = [
            dice.choice(FRAGMENTS) if dice.random() < 0.85 else chr(dice.randrange(0xD800))
            for _ in range(dice.randrange(8))
        ]
        yield "".join(pieces)


strings = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.lists(st.sampled_from(FRAGMENTS), max_size=5).map("".join),
)
integers = st.one_of(st.integers(-9, 9), st.integers(MIN, MAX), st.sampled_from([MIN, MIN + 1, MAX]))
singles = st.floats(width=32, allow_nan=False, allow_infinity=False)
doubles = st.floats(allow_nan=False, allow_infinity=False)
names = st.sampled_from(["color", "and", "a b", "_seq", "Exists", "json_contains", "x1", 'q"\\'])

_whole = st.sampled_from(["id", "tiny", "big"]).map(tree.FieldRef)
_element = st.builds(tree.Path, st.just("numbers"), st.tuples(st.integers(0, 3)))
_string = st.one_of(
    st.sampled_from(["text", "maybe"]).map(tree.FieldRef), st.builds(tree.Path, st.just("words"), st.just((0,)))
)
_keys = st.lists(st.one_of(strings, st.integers(0, 5)), max_size=2)
_untyped = st.one_of(
    names.map(tree.FieldRef),
    st.builds(lambda key, more: tree.Path(tree.META, (key, *more)), names, _keys),
    st.builds(lambda key, more: tree.Path("meta", (key, *more)), strings, _keys),
)
_computed = st.recursive(
    st.one_of(_whole, _element, st.builds(tree.ArrayLength, st.just(tree.FieldRef("numbers")))),
    lambda inner: st.one_of(
        st.builds(tree.Arithmetic, st.sampled_from("+-"), inner, st.integers(-99, 99).map(tree.Literal)),
        st.builds(tree.Arithmetic, st.sampled_from("*/%"), inner, st.integers(1, 99).map(tree.Literal)),
        st.builds(tree.Arithmetic, st.sampled_from("+-*"), st.integers(1, 99).map(tree.Literal), inner),
    ),
    max_leaves=3,
)
_json_computed = st.builds(tree.Arithmetic, st.sampled_from("+-*/"), _untyped, st.integers(1, 9).map(tree.Literal))
_op = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
_scalars = st.one_of(
    st.lists(st.one_of(integers, doubles), max_size=4),
    st.lists(strings, max_size=4),
    st.lists(st.booleans(), max_size=2),
).map(tuple)
_mode = st.sampled_from(["all", "any"])


def _literals(values: st.SearchStrategy[Any]) -> st.SearchStrategy[tree.Literal]:
    return values.map(tree.Literal)


conditions = st.one_of(
    st.builds(tree.Compare, _op, _computed, _literals(integers)),
    st.builds(tree.Compare, _op, _literals(integers), _computed),
    st.builds(tree.Compare, _op, st.just(tree.FieldRef("single")), _literals(singles)),
    st.builds(tree.Compare, _op, st.just(tree.FieldRef("double")), _literals(doubles)),
    st.builds(tree.Compare, _op, _string, _literals(strings)),
    st.builds(tree.Compare, _op, _untyped, _literals(st.one_of(integers, doubles, strings))),
    st.builds(tree.Compare, st.sampled_from(["==", "!="]), _untyped, _literals(st.booleans())),
    st.builds(tree.Compare, _op, _json_computed, _literals(st.one_of(integers, doubles))),
    st.builds(tree.Compare, _op, _whole, _whole),
    st.builds(tree.In, st.one_of(_whole, _element), st.lists(integers, max_size=4).map(tuple), st.booleans()),
    st.builds(tree.In, _string, st.lists(strings, max_size=4).map(tuple), st.booleans()),
    st.builds(tree.In, _untyped, _scalars, st.booleans()),
    st.builds(tree.Like, st.one_of(_string, _untyped), st.text("ab%_", max_size=6)),
    st.builds(tree.IsNull, st.one_of(_untyped, _string.filter(lambda n: isinstance(n, tree.FieldRef))), st.booleans()),
    st.builds(tree.Exists, _untyped),
    st.builds(
        tree.Contains, _mode, st.just(tree.FieldRef("words")), st.lists(strings, min_size=1, max_size=3).map(tuple)
    ),
    st.builds(tree.Contains, _mode, _untyped, _scalars.filter(bool)),
    st.builds(tree.Contains, st.just("any_one"), _untyped, _scalars.filter(bool).map(lambda values: values[:1])),
    st.builds(tree.TextMatch, st.just(tree.FieldRef("text")), strings),
    st.just(tree.FieldRef("flag")),
)
filters = st.recursive(
    conditions,
    lambda inner: st.one_of(
        st.builds(tree.Not, inner),
        st.lists(inner, min_size=2, max_size=3).map(tree.all_of),
        st.lists(inner, min_size=2, max_size=3).map(tree.any_of),
    ),
    max_leaves=6,
)
"""Trees that fit ``SCHEMA``, in any form, not only the normal one."""
