"""Texts to trees, every refusal with its column, and nothing that takes long or deep."""

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

import pytest

from vectorstore.domain.errors import InvalidFilter
from vectorstore.domain.filters import Compare, FieldRef, Literal, Node, parse, tree
from vectorstore.domain.filters.failures import DEPTH_LIMIT, LIST_LIMIT
from vectorstore.domain.filters.parser import TEXT_LIMIT

A, B, C = (Compare("==", FieldRef(name), Literal(1)) for name in "abc")


def equals(value: bool | int | float | str) -> Node:
    return Compare("==", FieldRef("a"), Literal(value))


def twice(name: str) -> Node:
    return tree.Arithmetic("*", Literal(2), FieldRef(name))


def minus(left: Node, right: int) -> Node:
    return tree.Arithmetic("-", left, Literal(right))


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("a == 1", A), ("  a==1\n", A), ("((a == 1))", A), ("a == +1", A), ("a == - 1", equals(-1)),
        ("a == 0x10", equals(16)), ("a == 0b101", equals(5)), ("a == 1e3", equals(1000.0)), ("a == .5", equals(0.5)),
        ("a == 5.", equals(5.0)), ("a == -2.5E-1", equals(-0.25)), ("a == -0x8000000000000000", equals(-(2**63))),
        ("a == 9223372036854775807", equals(2**63 - 1)), ("a == true", equals(True)), ("a == FALSE", equals(False)),
        ("a == 'it\"s'", equals('it"s')), ('a == "it\'s"', equals("it's")), (r"a == 'it\'s'", equals("it's")),
        (r'a == "\n\t\r\a\b\f\v\?\\"', equals("\n\t\r\a\b\f\v?\\")), (r"a == '\u00e9\U0001F600'", equals("é😀")),
        (r"a == '\ud83d\ude00'", equals("😀")), (r"a == '\x41\101'", equals("AA")), ("a == ''", equals("")),
        ("1 == a", Compare("==", Literal(1), FieldRef("a"))), ("a != 1", Compare("!=", FieldRef("a"), Literal(1))),
        ("a == 1 and b == 1 or c == 1", tree.Or((tree.And((A, B)), C))),
        ("a == 1 && (b == 1 || c == 1)", tree.And((A, tree.Or((B, C))))),
        ("not a == 1 and b == 1", tree.And((tree.Not(A), B))), ("!(a == 1)", tree.Not(A)),
        ("NOT NOT a", tree.Not(tree.Not(FieldRef("a")))), ("not not (a == 1)", tree.Not(tree.Not(A))),
        ("a AND b Or c", tree.Or((tree.And((FieldRef("a"), FieldRef("b"))), FieldRef("c")))),
        ("a in [1, 'x', true,]", tree.In(FieldRef("a"), (1, "x", True))), ("a in []", tree.In(FieldRef("a"), ())),
        ("a in [ ]", tree.In(FieldRef("a"), ())),
        ("a not in [-1, + 2, 0x1F, -1.5e+2]", tree.In(FieldRef("a"), (-1, 2, 31, -150.0), True)),
        ("a in ['],', \"[\", 'or']", tree.In(FieldRef("a"), ("],", "[", "or"))),
        ("not (a in [1])", tree.Not(tree.In(FieldRef("a"), (1,)))), ("a like 'x%'", tree.Like(FieldRef("a"), "x%")),
        ("a is null", tree.IsNull(FieldRef("a"))), ("a IS NOT NULL", tree.IsNull(FieldRef("a"), True)),
        ("exists a['k'][0]", tree.Exists(tree.Path("a", ("k", 0)))),
        ("exists $meta['a b']", tree.Exists(tree.Path("$meta", ("a b",)))),
        ("1 < a <= 4", tree.And((Compare("<", Literal(1), FieldRef("a")), Compare("<=", FieldRef("a"), Literal(4))))),
        ("4 >= a > 1", tree.And((Compare(">=", Literal(4), FieldRef("a")), Compare(">", FieldRef("a"), Literal(1))))),
        (
            "a + 2 * b - 1 == c",
            Compare("==", minus(tree.Arithmetic("+", FieldRef("a"), twice("b")), 1),
                    FieldRef("c")),
        ),
        ("a - -1 == 2", Compare("==", tree.Arithmetic("-", FieldRef("a"), Literal(-1)), Literal(2))),
        ("a -1 == 2", Compare("==", tree.Arithmetic("-", FieldRef("a"), Literal(1)), Literal(2))),
        ("a % 2 == 0", Compare("==", tree.Arithmetic("%", FieldRef("a"), Literal(2)), Literal(0))),
        ("array_length(a) > 2", Compare(">", tree.ArrayLength(FieldRef("a")), Literal(2))),
        ("JSON_CONTAINS(a['k'], 'x')", tree.Contains("any_one", tree.Path("a", ("k",)), ("x",))),
        ("array_contains_all(a, [1, 2])", tree.Contains("all", FieldRef("a"), (1, 2), "array")),
        ("json_contains_any(a, ['x'])", tree.Contains("any", FieldRef("a"), ("x",))),
        ("text_match(a, 'two words')", tree.TextMatch(FieldRef("a"), "two words")),
        ("order and inner", tree.And((FieldRef("order"), FieldRef("inner")))),
    ],
)  # fmt: skip
def test_a_text_is_read(text: str, node: Node) -> None:
    assert parse(text) == node


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("", 1, "ends too early"), ("   ", 4, "ends too early"), ("a ==", 5, "ends too early"),
        ("a = 1", 3, "written =="), ("a & b", 3, "written and"), ("a | b", 3, "written or"),
        ("a == 'x", 6, "not closed"), ('a == "x\ny"', 6, "not closed"), ("a == 'x\\'", 6, "not closed"),
        ("a in [1, b]", 10, "a list holds"), ("a in [1 2]", 7, "a list holds"), ("a in [,]", 7, "a list holds"),
        ("a in [1,,2]", 9, "a list holds"), ("a in [1", 6, "a list in brackets"), ("a in [[1]]", 6, "list"),
        ("a in b", 6, "a list in brackets"), ("a in [0x]", 7, "not a number"), ("a in [0x1_0]", 7, "not a number"),
        ("a in [1.2.3]", 7, "not a number"), ("a in [0b2]", 7, "not a number"), ("a == 1 2", 8, "not expected"),
        ("a == 1 and", 11, "ends too early"), ("(a == 1", 8, "ends too early"), ("a == 1)", 7, "not expected"),
        ("a == 007", 6, "octal"), ("a == 9223372036854775808", 6, "64 bits"), ("a == 1e999", 6, "range"),
        ("a == 0xg", 6, "not expected"), ("a == " + "9" * 5000, 6, "64 bits"), ("a == 1a", 6, "not expected"),
        ("1 < a > 0", 7, "one way"), ("1 == a == 1", 8, "one way"), ("1 < a < 2 < 3", 11, "not expected"),
        (r"a == '\q'", 7, "no escape sequence"), (r"a == '\x80'", 7, "hexadecimal"),
        (r"a == 'ab\377'", 9, "hexadecimal"), (r"a == '\U00110000'", 7, "hexadecimal"),
        (r"a == '\ud800'", 6, "surrogate"), ("a == '\ud800'", 7, "surrogate"), ("a[-1] == 1", 3, "not expected"),
        ("a[1.5] == 1", 3, "whole number"), ("a[] == 1", 3, "not expected"), ("a[b] == 1", 3, "not expected"),
        ("$meta == 1", 7, "not expected"), ("$other == 1", 1, "only $meta"),
        ("nope(a)", 1, "there is no function nope"), ("array_length(a, b) == 1", 1, "one field"),
        ("array_length(1) == 1", 1, "one field"), ("array_contains(a, [1])", 1, "one value"),
        ("array_contains_all(a, 1)", 1, "a list of values"), ("array_contains(a)", 1, "one value"),
        ("array_contains([1], [1])", 1, "one value"), ("text_match(a, 1)", 1, "VARCHAR"),
        ("text_match(a['k'], 'x')", 1, "VARCHAR"), ("a like b", 8, "a quoted string"), ("a is 1", 6, "null"),
        ("not", 4, "ends too early"), ("and", 1, "not expected"), ("(a == 1) == true", 10, "a condition is no value"),
        ("a == (b in [1])", 3, "a condition is no value"), ("1 < (a < b) < 2", 3, "a condition is no value"),
        ("a + (b like 'x') == 1", 3, "a condition is no value"), ("a == 1 -- comment", 11, "not expected"),
        ("a == 1; b", 7, "not expected"), ("a == 1 # x", 8, "not expected"), ("é == 1", 1, "not expected"),
        ("a\u00a0== 1", 2, "not expected"),
    ],
)  # fmt: skip
def test_a_refusal_names_the_column_and_what_was_expected(text: str, column: int, words: str) -> None:
    with pytest.raises(InvalidFilter) as caught:
        parse(text)
    assert caught.value.detail.startswith(f"column {column}: ")
    assert words in caught.value.detail
    assert [(error.pointer, error.code) for error in caught.value.errors] == [("/filter", "invalid_filter")]
    assert len(caught.value.detail) < 400


def nested(opening: str, inner: str, closing: str, times: int) -> str:
    return opening * times + inner + closing * times


HOSTILE: dict[str, Callable[[int], str]] = {
    "brackets": lambda n: nested("(", "a", ")", n // 2),
    "open brackets": lambda n: "(" * n,
    "closing brackets": lambda n: ")" * n,
    "conjunctions in brackets": lambda n: nested("(", "a", "&&a)", n // 6),
    "disjunctions in brackets": lambda n: nested("(", "a", "||a)", n // 6),
    "negations": lambda n: "!" * (n - 1) + "a",
    "negations in words": lambda n: "not " * (n // 4 - 1) + "a",
    "chains in chains": lambda n: nested("(1<", "a", "<4)", min(60, n // 8)),
    "sums": lambda n: "+".join(["a"] * (n // 2)) + "==1",
    "products": lambda n: "*".join(["a"] * (n // 2)) + "==1",
    "conjunctions": lambda n: "&&".join(["a"] * (n // 3)),
    "disjunctions": lambda n: "||".join(["a"] * (n // 3)),
    "alternating": lambda n: " and a or ".join(["a"] * (n // 12)),
    "digits": lambda n: "a==" + "1" * (n - 3),
    "digits of a real": lambda n: "a==1." + "1" * (n - 5),
    "digits in a list": lambda n: f"a in [{'1' * (n - 8)}]",
    "digits in a list, then a word": lambda n: f"a in [{'1' * (n - 10)} x]",
    "blanks in a list": lambda n: f"a in [1,{' ' * (n - 10)}x]",
    "blanks before a sign in a list": lambda n: f"a in [{' ' * (n // 2 - 8)}-{' ' * (n // 2 - 8)}x]",
    "an open list": lambda n: "a in [" + "1," * (n // 2 - 4),
    "open lists": lambda n: "[" * n,
    "an open string": lambda n: "a == '" + "x" * (n - 6),
    "escapes": lambda n: "a == '" + "\\n" * (n // 2 - 4) + "'",
    "a bad escape at the end": lambda n: "a == '" + "\\n" * (n // 2 - 5) + "\\q'",
    "backslashes": lambda n: "a == '" + "\\" * (n - 6),
    "quotes": lambda n: "'" * n,
    "subscripts": lambda n: "a" + "[0]" * (n // 3 - 3) + "==1",
    "open subscripts": lambda n: "a[" * (n // 2),
    "calls": lambda n: "f(" * (n // 2),
    "blanks": lambda n: " " * n,
    "one name": lambda n: "a" * n,
    "names": lambda n: "a " * (n // 2),
    "dots": lambda n: "." * n,
    "dollars": lambda n: "$meta" * (n // 5),
    "a list": lambda n: f"a in [{','.join(['1'] * (n // 2 - 8))}]",
    "a list of strings": lambda n: f"a in [{','.join(['_x_'] * (n // 4 - 8))}]".replace("_", "'"),
}


def steps(text: str) -> int:
    """Calls that reading ``text`` takes."""
    calls = 0

    def count(_frame: FrameType, _event: str, _argument: object) -> None:
        nonlocal calls
        calls += 1

    sys.setprofile(count)
    try:
        with suppress(InvalidFilter):  # nothing else, least of all a RecursionError
            parse(text)
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize("kind", HOSTILE)
def test_the_work_for_a_hostile_text_grows_no_faster_than_the_text(kind: str) -> None:
    parse("a == 1")  # builds the parser
    few, many = HOSTILE[kind](4096), HOSTILE[kind](TEXT_LIMIT)
    assert steps(many) <= 20 * steps(few) + 2_000
    times = []
    for text in (few, many):
        begun = time.perf_counter()
        with suppress(InvalidFilter):
            parse(text)
        times.append((time.perf_counter() - begun) * 1000)
    print(f"{kind}: {times[0]:.1f} ms for 4 KB, {times[1]:.1f} ms for 64 KB")
    assert times[1] < 20_000  # a regular expression that backtracks is one step, and would take minutes


def test_the_length_of_a_text_is_bounded() -> None:
    at_most = "a == '" + "x" * (TEXT_LIMIT - 7) + "'"
    assert parse(at_most) == equals("x" * (TEXT_LIMIT - 7))
    with pytest.raises(InvalidFilter, match=f"column {TEXT_LIMIT + 1}: the filter is longer"):
        parse(at_most + " ")


def test_the_depth_of_a_text_is_bounded() -> None:
    parse(nested("not (", "a", ")", DEPTH_LIMIT - 1))
    for text in (nested("(", "a", ")", DEPTH_LIMIT + 1), "!" * DEPTH_LIMIT + "a", "a" + "+1" * DEPTH_LIMIT + "==1"):
        with pytest.raises(InvalidFilter, match=r"column \d+: the filter is nested more than 64 levels"):
            parse(text)


def test_brackets_in_strings_are_no_depth() -> None:
    assert parse(f"a == '{'(' * 1000}'") == equals("(" * 1000)
    assert parse(" and ".join(["(a)"] * 200)) == tree.And((FieldRef("a"),) * 200)


def test_the_length_of_a_list_is_bounded() -> None:
    values = ",".join(["1"] * LIST_LIMIT)
    assert parse(f"a in [{values}]") == tree.In(FieldRef("a"), (1,) * LIST_LIMIT)
    with pytest.raises(InvalidFilter, match=f"column 6: the list has more than {LIST_LIMIT} values"):
        parse(f"a in [{','.join(['1'] * 20_000)}]")


def test_threads_share_the_parser() -> None:
    from concurrent.futures import ThreadPoolExecutor

    texts = [f"a == {number} and b in ['{number}']" for number in range(200)]
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(parse, texts))
    assert read == [
        tree.And((Compare("==", FieldRef("a"), Literal(n)), tree.In(FieldRef("b"), (str(n),)))) for n in range(200)
    ]
