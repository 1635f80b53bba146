import pytest
from milvus_lite.search.filter.parser import parse_expr

from tests.domain.filters.language import LITE, MILVUS_2_3, SCHEMA
from vectorstore.domain.errors import InvalidFilter, UnsupportedByEngine
from vectorstore.domain.filters import Dialect, check, parse, serialise, tree


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("meta['k'] in [1, 2]", 'meta["k"] == 1 or meta["k"] == 2'),
        ("meta['k'] in [1, 2] and flag", '(meta["k"] == 1 or meta["k"] == 2) and flag == true'),
        ("$meta['a b'] in [1]", '$meta["a b"] == 1'),
        ("color in [1, 2]", "color == 1 or color == 2"),
        ("meta['k'] not in [1, 2]", '((meta["k"] != 1 and meta["k"] != 2) or not (exists meta["k"]))'),
        ("color != 1", "(color != 1 or not (exists color))"),
        ("color not in [1]", "((color != 1) or not (exists color))"),
        ("not (color < 1)", '(not (color < 1) or not (exists color) or color like "%")'),
        ("not (color < 'x')", '(not (color < "x") or not (exists color) or color >= 0 or color < 0)'),
        ("color + 1 != 2", '(color + 1.0 != 2.0 or not (exists color) or color like "%")'),
        ("not (color like 'a%')", '(not (color like "a%") or not (exists color))'),
        ("color == 1", "color == 1"),
        ("tiny != 1 and numbers[0] != 1 and tiny not in [1]", "tiny != 1 and numbers[0] != 1 and tiny not in [1]"),
        ("not json_contains(color, 1)", "not (json_contains(color, 1))"),
    ],
)
def test_an_engine_that_knows_nothing_of_missing_keys_is_told(text: str, written: str) -> None:
    node = check(parse(text), SCHEMA)
    assert serialise(node, LITE) == written
    parse_expr(written)


@pytest.mark.parametrize(
    ("text", "lacking", "reason"),
    [
        ("tiny % 2 == 1", LITE, r"column 6: .*%"),
        ("array_length(meta['k']) == 1", LITE, r"column 1: .*array_length"),
        ("json_contains($meta['a b'], 1)", LITE, r"column 1: .*bare name"),
        ("text like '%a'", MILVUS_2_3, r"column 11: .*prefix"),
        ("maybe is null", MILVUS_2_3, r"column 1: .*null"),
        ("text_match(text, 'x')", MILVUS_2_3, r"column 1: .*text_match"),
        ("array_length(numbers) > 1", MILVUS_2_3, r"column 23: .*== and !="),
        ("single + 1 > 2", MILVUS_2_3, r"== and !="),
        ("1 - single == 2", MILVUS_2_3, r"one field and one constant"),
        ("tiny + big == 2", MILVUS_2_3, r"one field and one constant"),
        ("single + 1 == double", MILVUS_2_3, r"one field and one constant"),
        ("(single + 1) * 2 == 2", MILVUS_2_3, r"one field and one constant"),
    ],
)
def test_what_the_engine_lacks_is_named(text: str, lacking: Dialect, reason: str) -> None:
    node = check(parse(text), SCHEMA)
    with pytest.raises(UnsupportedByEngine, match=reason) as caught:
        serialise(node, lacking)
    assert caught.value.errors[0].pointer == "/filter"
    assert serialise(node, Dialect())


def test_strings_have_only_the_escapes_that_all_engines_read() -> None:
    value = "\\\"\n\r\t'\0\x07\u2028\U0001f600"
    written = serialise(tree.Compare("==", tree.FieldRef("text"), tree.Literal(value)))
    assert written == 'text == "\\\\\\"\\n\\r\\t\'\0\x07\u2028\U0001f600"'
    assert parse_expr(written).right.value == value


@pytest.mark.parametrize(
    "node",
    [
        tree.FieldRef("flag"),
        tree.Literal(True),
        tree.Compare("==", tree.FieldRef("a or b"), tree.Literal(1)),
        tree.Compare("==", tree.FieldRef("and"), tree.Literal(1)),
        tree.Compare("==", tree.Path("x]", ("k",)), tree.Literal(1)),
        tree.Compare("==", tree.FieldRef("text"), tree.Literal("\udfff")),
        tree.Compare("==", tree.Compare("==", tree.FieldRef("a"), tree.Literal(1)), tree.Literal(True)),
        tree.Exists(tree.Path("meta", ("\ud800",))),
    ],
)
def test_a_tree_that_check_would_refuse_is_not_written_either(node: tree.Node) -> None:
    with pytest.raises(InvalidFilter):
        serialise(node)


def test_the_deepest_filter_is_within_the_reach_of_milvus_lite() -> None:
    text = "(color != 1 and (color == 1 or " * 31 + "color != 1" + "))" * 31
    parse_expr(serialise(check(parse(text), SCHEMA), LITE))
    parse_expr(serialise(check(parse("not " * 62 + "color < 1"), SCHEMA), LITE))
