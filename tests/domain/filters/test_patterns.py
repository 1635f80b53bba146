import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.domain.filters.language import EXAMPLES, MILVUS_2_3, SCHEMA
from vectorstore.domain.errors import InvalidFilter, UnsupportedByEngine
from vectorstore.domain.filters import Node, check, serialise, tree


@pytest.mark.parametrize(
    ("pattern", "written"),
    [
        ("", 'text == ""'),
        ("abc", 'text == "abc"'),
        ("abc%", 'text like "abc%"'),
        ("abc%%%", 'text like "abc%"'),
        ("%", 'text like "%"'),
        (r"50\%", 'text == "50%"'),
        (r"50\%%", 'text >= "50%" and text < "50&"'),
        (r"a\_b%", 'text >= "a_b" and text < "a_c"'),
        (r"a\\%", 'text >= "a\\\\" and text < "a]"'),
        ("\\%\ud7ff%", 'text >= "%\ud7ff" and text < "%\ue000"'),
        ("\\%\U0010ffff%", 'text >= "%\U0010ffff" and text < "&"'),
        ("%abc", 'text like "%abc"'),
        ("a_c%", 'text like "a_c%"'),
        (r"%\_x", r'text like "%\\_x"'),
        (r"%\x", 'text like "%x"'),
    ],
)
def test_a_pattern_is_written_in_the_simplest_form(pattern: str, written: str) -> None:
    assert serialise(check(tree.Like(tree.FieldRef("text"), pattern), SCHEMA)) == written


@pytest.mark.parametrize("pattern", ["%a", "a%b", "a_", "_", r"%\_"])
def test_an_engine_with_prefixes_only_gets_no_other_pattern(pattern: str) -> None:
    node = check(tree.Like(tree.FieldRef("text"), pattern, source=13), SCHEMA)
    with pytest.raises(UnsupportedByEngine, match=r"column 13: .*prefix"):
        serialise(node, MILVUS_2_3)


def test_a_pattern_that_ends_in_a_backslash_is_refused() -> None:
    with pytest.raises(InvalidFilter, match="backslash"):
        check(tree.Like(tree.FieldRef("text"), "a\\"), SCHEMA)


def _expression(pattern: str) -> re.Pattern[str]:
    def piece(match: re.Match[str]) -> str:
        return {"%": ".*", "_": "."}.get(match[0]) or re.escape(match[0][-1])

    return re.compile(re.sub(r"\\.|.", piece, pattern, flags=re.DOTALL), re.DOTALL)


def _holds(node: Node, value: str) -> bool:
    match node:
        case tree.And(operands):
            return all(_holds(item, value) for item in operands)
        case tree.Compare(op, _, tree.Literal(str(bound))):
            a, b = value.encode(), bound.encode()
            return {"==": a == b, ">=": a >= b, "<": a < b}[op]
        case tree.Like(_, pattern):
            return _expression(pattern).fullmatch(value) is not None
    raise AssertionError(node)


_alphabet = st.sampled_from(["a", "b", "%", "_", "\\", "\ud7ff", "\ue000", "\U0010ffff", "\n"])
_patterns = st.lists(st.one_of(_alphabet, st.sampled_from([r"\%", r"\_", r"\\"])), max_size=5).map("".join)


@settings(max_examples=EXAMPLES * 3, deadline=None)
@given(_patterns.filter(lambda p: not re.search(r"(?<!\\)(?:\\\\)*\\$", p)), st.lists(st.text(_alphabet, max_size=5)))
def test_the_simplest_form_finds_the_same_strings(pattern: str, values: list[str]) -> None:
    written = check(tree.Like(tree.FieldRef("text"), pattern), SCHEMA)
    for value in values:
        assert _holds(written, value) == (_expression(pattern).fullmatch(value) is not None)
