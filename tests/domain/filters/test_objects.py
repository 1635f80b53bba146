from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.domain.filters.language import EXAMPLES, SCHEMA, strings
from vectorstore.domain.errors import InvalidFilter
from vectorstore.domain.filters import check, from_object, parse, serialise
from vectorstore.domain.filters.literals import write_string


@pytest.mark.parametrize(
    ("filters", "text"),
    [
        ({"text": "x"}, "text == 'x'"),
        ({"text": "x", "tiny": {"$lt": 10}}, "text == 'x' and tiny < 10"),
        ({"tiny": {"$gt": 1, "$lte": 4}}, "1 < tiny <= 4"),
        ({"tiny": {"$ne": 1}}, "tiny != 1"),
        ({"tiny": {"$gte": 1}, "flag": True}, "tiny >= 1 and flag"),
        ({"tiny": {"$in": [1, 2]}}, "tiny in [1, 2]"),
        ({"tiny": {"$nin": [1, 2]}}, "tiny not in [1, 2]"),
        ({"text": {"$like": "ab%"}}, "text like 'ab%'"),
        ({"numbers": {"$contains": 1}}, "array_contains(numbers, 1)"),
        ({"words": {"$contains_any": ["a", "b"]}}, "array_contains_any(words, ['a', 'b'])"),
        ({"meta.tags": {"$contains_all": ["a"]}}, "json_contains_all(meta['tags'], ['a'])"),
        ({"color": {"$exists": True}}, "exists color"),
        ({"color": {"$exists": False}}, "not exists color"),
        ({"maybe": {"$null": True}}, "maybe is null"),
        ({"maybe": {"$null": False}}, "maybe is not null"),
        ({"maybe": None}, "maybe is null"),
        ({"meta.a.b": 1}, "meta['a']['b'] == 1"),
        ({"color.rgb": 1}, "color['rgb'] == 1"),
        ({"a b": 1}, "$meta['a b'] == 1"),
        ({"and": 1}, "$meta['and'] == 1"),
        ({"$or": [{"tiny": 1}, {"tiny": 2}]}, "tiny == 1 or tiny == 2"),
        ({"$and": [{"tiny": 1}, {"$or": [{"flag": True}, {"tiny": 3}]}]}, "tiny == 1 and (flag or tiny == 3)"),
        ({"$not": {"tiny": 1, "flag": True}}, "not (tiny == 1 and flag)"),
        ({"tiny": {"$not": {"$gt": 1}}}, "not (tiny > 1)"),
        ({"text": "x", "$or": [{"tiny": 1}, {"tiny": 2}]}, "text == 'x' and (tiny == 1 or tiny == 2)"),
        ({"big": {"$eq": -(2**63)}}, "big == -9223372036854775808"),
    ],
)
def test_the_object_form_says_what_the_text_form_says(filters: dict[str, Any], text: str) -> None:
    assert check(from_object(filters), SCHEMA) == check(parse(text), SCHEMA)


_OPS = {"$eq": "==", "$ne": "!=", "$lt": "<", "$lte": "<=", "$gt": ">", "$gte": ">="}


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(sorted(_OPS)), strings), min_size=1, unique_by=lambda item: item[0]),
    st.booleans(),
)
def test_any_string_is_the_same_in_both_forms(parts: list[tuple[str, str]], many: bool) -> None:
    if many:
        filters: dict[str, Any] = {"$or": [{"text": {op: value}} for op, value in parts]}
    else:
        filters = {"text": dict(parts)}
    text = (" or " if many else " and ").join(f"text {_OPS[op]} {write_string(value)}" for op, value in parts)
    assert serialise(check(from_object(filters), SCHEMA)) == serialise(check(parse(text), SCHEMA))


def _deep(levels: int) -> dict[str, Any]:
    filters: dict[str, Any] = {"tiny": 1}
    for _ in range(levels):
        filters = {"$not": filters}
    return filters


@pytest.mark.parametrize(
    ("filters", "pointer", "reason"),
    [
        ({}, "/filters", "at least one"),
        ([], "/filters", "an object"),
        ({"id": {"$nope": 1}}, "/filters/id/$nope", r"no operator \$nope; there are \$eq, .*\$not"),
        ({"$nor": []}, "/filters/$nor", r"no operator \$nor; there are \$and, \$or, \$not"),
        ({"": 1}, "/filters/", "no operator"),
        ({"a/b~c": {"$nope": 1}}, "/filters/a~1b~0c/$nope", "no operator"),
        ({"$or": []}, "/filters/$or", "a list of filters"),
        ({"$or": {}}, "/filters/$or", "a list of filters"),
        ({"$or": [{"tiny": 1}, {}]}, "/filters/$or/1", "an object"),
        ({"$or": [{"tiny": 1}, {"tiny": {"$in": [1, None]}}]}, "/filters/$or/1/tiny/$in/1", "a value is"),
        ({"$not": 1}, "/filters/$not", "an object"),
        ({"tiny": {}}, "/filters/tiny", "at least one operator"),
        ({"tiny": [1]}, "/filters/tiny", "a value is"),
        ({"tiny": {"$eq": {"x": 1}}}, "/filters/tiny/$eq", "a value is"),
        ({"tiny": {"$in": 1}}, "/filters/tiny/$in", "a list of values"),
        ({"tiny": {"$in": [1] * 16_385}}, "/filters/tiny/$in", "16384 values"),
        ({"tiny": 2**63}, "/filters/tiny", "64 bits"),
        ({"double": float("nan")}, "/filters/double", "finite"),
        ({"double": {"$lt": float("inf")}}, "/filters/double/$lt", "finite"),
        ({"text": {"$like": 1}}, "/filters/text/$like", "a pattern"),
        ({"color": {"$exists": 1}}, "/filters/color/$exists", "true or false"),
        (_deep(70), None, "64 levels"),
        (_deep(5000), None, "64 levels"),
        ({"tiny": "x"}, "/filters/tiny", "cannot be compared with a string"),
        ({"text": "\ud800"}, "/filters/text", "surrogate"),
        ({"\ud800": 1}, "/filters/\ud800", "surrogate"),
        ({"v": 1}, "/filters/v", "a vector field"),
        ({"text": {"$in": ["x", 1]}}, "/filters/text/$in", "cannot be compared with a number"),
        ({"color": {"$in": ["x", 1]}}, "/filters/color/$in", "all numbers, all strings"),
    ],
)  # fmt: skip
def test_an_error_points_at_the_value(filters: Any, pointer: str | None, reason: str) -> None:
    with pytest.raises(InvalidFilter, match=reason) as caught:
        check(from_object(filters), SCHEMA)
    (error,) = caught.value.errors
    assert error.pointer == pointer if pointer else error.pointer.startswith("/filters/$not")


def test_the_pointer_may_start_elsewhere() -> None:
    with pytest.raises(InvalidFilter) as caught:
        from_object({"id": {"$nope": 1}}, "/searches/0/filters")
    assert caught.value.errors[0].pointer == "/searches/0/filters/id/$nope"


def test_a_deep_field_negation_is_refused() -> None:
    value: dict[str, Any] = {"$eq": 1}
    for _ in range(5000):
        value = {"$not": value}
    with pytest.raises(InvalidFilter, match="64 levels"):
        from_object({"tiny": value})
