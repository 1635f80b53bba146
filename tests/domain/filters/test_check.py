import pytest

from tests.domain.filters.language import FIELDS, LITE, MIN, RIGID, SCHEMA
from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.errors import InvalidFilter
from vectorstore.domain.filters import check, conjunction, everything, from_object, ids_in, parse, serialise, tree
from vectorstore.domain.models import DataType

LOW = "-9223372036854775807"
NEVER, ALWAYS = f"big < {LOW} and big >= {LOW}", f"big < {LOW} or big >= {LOW}"


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        # one spelling
        ("TINY_ == 1", "TINY_ == 1"),
        ("1 == tiny", "tiny == 1"),
        ("1 < tiny <= 4", "tiny > 1 and tiny <= 4"),
        ("flag", "flag == true"),
        ("not flag", "flag != true"),
        ("tiny == 1 && (tiny == 2 || tiny == 3)", "tiny == 1 and (tiny == 2 or tiny == 3)"),
        ("exists color and tiny == 1", "(exists color) and tiny == 1"),
        # negations stand at single conditions
        ("not (tiny == 1 and flag)", "tiny != 1 or flag != true"),
        ("not (tiny == 1 or not flag)", "tiny != 1 and flag == true"),
        ("not (tiny in [1])", "tiny not in [1]"),
        ("not (tiny < 1)", "tiny >= 1"),
        ("not (color < 1)", "not (color < 1)"),
        ("not (color == 1)", "color != 1"),
        ("not (maybe is null)", "maybe is not null"),
        ("not (text like 'a%')", 'not (text like "a%")'),
        ("not (numbers[0] >= 1)", "numbers[0] < 1"),
        # numbers
        ("tiny == 1.0", "tiny == 1"),
        ("tiny in [1.0, 2]", "tiny in [1, 2]"),
        ("single == 0.1", "single == 0.10000000149011612"),
        ("single in [0.1, 1]", "single in [0.10000000149011612, 1.0]"),
        ("double == 1", "double == 1.0"),
        ("double < 1e-05 and double > 1E16", "double < 1e-05 and double > 1e+16"),
        ("double == 9007199254740993", "double == 9007199254740992.0"),
        ("color in [1, 2.5]", "color in [1] or color in [2.5]"),
        ("color not in [1, 2.5]", "color not in [1] and color not in [2.5]"),
        # the smallest integer
        (f"big == {MIN}", f"big < {LOW}"),
        (f"big <= {MIN}", f"big < {LOW}"),
        (f"big != {MIN}", f"big >= {LOW}"),
        (f"big > {MIN}", f"big >= {LOW}"),
        (f"big >= {MIN}", ALWAYS),
        (f"big < {MIN}", NEVER),
        (f"not (big < {MIN})", ALWAYS),
        (f"{MIN} <= big", ALWAYS),
        (f"big in [1, {MIN}]", f"big in [1] or big < {LOW}"),
        (f"big in [{MIN}]", f"big < {LOW}"),
        (f"big not in [1, {MIN}]", f"big not in [1] and big >= {LOW}"),
        (f"color == {MIN}", f"color == -9.223372036854776e+18 and color < {LOW}"),
        (f"color > {MIN}", f"color >= {LOW}"),
        # arithmetic
        ("tiny + 1 == 2", "tiny == 1"),
        ("2 == 1 + tiny", "tiny == 1"),
        ("10 - tiny > 3", "tiny <= 6"),
        ("tiny * 2 == 3", NEVER.replace("big", "tiny")),
        ("tiny * 2 != 3", ALWAYS.replace("big", "tiny")),
        ("tiny * 3 <= 7", "tiny <= 2"),
        ("tiny / 2 == 3", "tiny >= 6 and tiny <= 7"),
        ("tiny / 2 != 3", "tiny < 6 or tiny > 7"),
        ("(tiny + 1) * 2 >= 4", "tiny >= 1"),
        ("numbers[0] - 1 == 1", "numbers[0] == 2"),
        ("array_length(numbers) + 1 == 3", "array_length(numbers) == 2"),
        ("tiny % 2 == 1", "tiny % 2 == 1"),
        ("tiny % 2 + 1 == 2", "tiny % 2 == 1"),
        ("single + 1 == 2", "single + 1.0 == 2.0"),
        ("color / 2 == 1", "color / 2.0 == 1.0"),
        ("color % 2 == 1", "color % 2 == 1"),
        # names and paths
        ("$meta['color'] == 1", "color == 1"),
        ("$meta['color']['x'][0] == 1", 'color["x"][0] == 1'),
        ("$meta['and'] == 1", '$meta["and"] == 1'),
        ("$meta['IS'] == 1", '$meta["IS"] == 1'),
        ("$meta['tiny'] == 1", '$meta["tiny"] == 1'),
        ("$meta['json_contains'] == 1", '$meta["json_contains"] == 1'),
        ("_seq == 1", '$meta["_seq"] == 1'),
        ("$meta['a b'] in [1]", '$meta["a b"] in [1]'),
        ("meta['k'] in [1]", 'meta["k"] in [1]'),
        ("numbers[0] in [1, 2]", "numbers[0] == 1 or numbers[0] == 2"),
        ("numbers[0] not in [1, 2]", "numbers[0] != 1 and numbers[0] != 2"),
        # lists
        ("tiny in []", "tiny in []"),
        ("color in []", "id in []"),
        ("meta['k'] not in []", "id not in []"),
        ("numbers[0] in []", "id in []"),
        ("json_contains(numbers, 1)", "array_contains(numbers, 1)"),
        ("array_contains_any(meta['k'], [1])", 'json_contains_any(meta["k"], [1])'),
        # null
        ("text is null", "id in []"),
        ("text is not null", "id not in []"),
        ("maybe is null", "maybe is null"),
        ("color is null", "not (exists color)"),
        ("meta['k'] is not null", 'exists meta["k"]'),
        ("tiny == tiny", "tiny == tiny"),
        ("single < double", "single < double"),
    ],
)  # fmt: skip
def test_normal_form(text: str, normal: str) -> None:
    node = check(parse(text), SCHEMA)
    assert serialise(node) == normal
    assert check(parse(normal), SCHEMA) == node


@pytest.mark.parametrize(
    ("text", "column", "reason"),
    [
        ("1 == 1", 3, "name a field"),
        ("true", 1, "a constant is no condition"),
        ("tiny == 1 and 'x'", 15, "a constant is no condition"),
        ("tiny", 1, "no condition"),
        ("tiny + 1", 6, "no condition"),
        ("color + 1", 7, "no condition"),
        ("v == 1", 1, "vector field"),
        ("tiny == 'x'", 9, "cannot be compared with a string"),
        ("text == 1", 9, "cannot be compared with a number"),
        ("text == true", 9, "a boolean"),
        ("flag == 1", 9, "a number"),
        ("flag < true", 6, "no smaller"),
        ("color < true", 7, "no smaller"),
        ("tiny == 1.5", 9, "no integer"),
        ("tiny + 1.5 == 2", 8, "no integer"),
        ("tiny in [1, 1.5]", 9, "no integer"),
        ("single == 1e39", 11, "32-bit"),
        ("meta == 1", 6, "name an element"),
        ("meta in [1]", 9, "name an element"),
        ("exists meta", 1, "a JSON path"),
        ("exists tiny", 1, "a JSON path"),
        ("exists numbers[0]", 1, "a JSON path"),
        ("json_contains(meta, 1)", 1, "name the array"),
        ("json_contains(text, 'x')", 1, "holds no elements"),
        ("array_contains_all(words, [])", 1, "at least one value"),
        ("array_contains(words, 1)", 1, "cannot be compared with a number"),
        ("numbers == 1", 9, "name an element"),
        ("numbers['k'] == 1", 1, r"numbers\[0\]"),
        ("numbers[0][0] == 1", 1, r"numbers\[0\]"),
        ("numbers[0] is null", 1, "never null"),
        ("text['k'] == 'x'", 1, "no elements"),
        ("v[0] == 1", 1, "vector field"),
        ("color == tiny", 7, "constants only"),
        ("meta['a'] == meta['b']", 11, "constants only"),
        ("text == tiny", 6, "cannot be compared with INT"),
        ("(tiny == 1) == true", 13, "a condition is no value"),
        ("color in ['x', 1]", 10, "all numbers, all strings"),
        ("color in [true, 1]", 10, "all numbers, all strings"),
        ("tiny / 0 == 1", 6, "other than zero"),
        ("tiny % 0 == 1", 6, "other than zero"),
        ("tiny == 1 + 1", 11, "constants only"),
        ("text + 1 == 2", 6, "takes numbers"),
        ("single % 2 == 1", 8, "takes integers"),
        ("color + tiny == 2", 7, "constants only"),
        ("color + 1 == 'x'", 14, "a string"),
        ("array_length(tiny) == 1", 1, "an ARRAY field"),
        ("tiny like 'x%'", 11, "VARCHAR"),
        ("text_match(tiny, 'x')", 1, "VARCHAR"),
        ("text_match(color, 'x')", 1, "VARCHAR"),
        ("$meta[0] == 1", 1, "a name in quotes"),
        ("array_length(numbers) in [1]", 26, "a field or a path"),
    ],
)  # fmt: skip
def test_a_misfit_is_refused_where_it_is(text: str, column: int, reason: str) -> None:
    with pytest.raises(InvalidFilter, match=reason) as caught:
        check(parse(text), SCHEMA)
    assert caught.value.errors[0].pointer == "/filter"
    assert caught.value.detail.startswith(f"column {column}: ")


def test_an_unknown_name_is_a_dynamic_key_only_where_there_are_any() -> None:
    assert serialise(check(parse("color == 1"), SCHEMA)) == "color == 1"
    with pytest.raises(InvalidFilter, match=r"no field 'tinny'; did you mean tiny\?"):
        check(parse("tinny == 1"), RIGID)
    with pytest.raises(InvalidFilter, match="there is id, flag, tiny"):
        check(parse("zzzzz == 1"), RIGID)
    with pytest.raises(InvalidFilter, match="no dynamic fields"):
        check(parse("$meta['tiny'] == 1"), RIGID)


def test_a_field_named_like_a_word_of_the_language_is_not_taken_for_a_dynamic_key() -> None:
    odd = Collection(name="c", fields=(*FIELDS, Field("in", DataType.INT64)))
    with pytest.raises(InvalidFilter, match="in is a word of the filter language") as caught:
        check(from_object({"in": 1}), odd)
    assert caught.value.errors[0].pointer == "/filters/in"


def test_a_deep_tree_is_refused_without_recursion() -> None:
    node: tree.Node = tree.FieldRef("flag")
    for _ in range(100_000):
        node = tree.Not(node)
    with pytest.raises(InvalidFilter, match="64 levels"):
        check(node, SCHEMA)


def test_ids_become_one_list() -> None:
    number, string = SCHEMA.primary, Field("key", DataType.VARCHAR, primary=True)
    assert serialise(ids_in(number, [1, 2**63 - 1])) == "id in [1, 9223372036854775807]"
    assert serialise(ids_in(number, [1, MIN])) == f"id in [1] or id < {LOW}"
    assert serialise(ids_in(number, [MIN])) == f"id < {LOW}"
    assert serialise(ids_in(number, [])) == "id in []"
    assert serialise(ids_in(string, ["a", '"'])) == r'key in ["a", "\""]'
    with pytest.raises(InvalidFilter, match="16384"):
        ids_in(number, range(16_385))
    with pytest.raises(InvalidFilter, match="surrogate"):
        serialise(ids_in(string, ["\ud800"]))


def test_everything_and_conjunctions() -> None:
    assert serialise(everything(SCHEMA.primary)) == f"id < {LOW} or id >= {LOW}"
    assert serialise(everything(Field("key", DataType.VARCHAR, primary=True))) == 'key >= ""'
    one, two = check(parse("tiny == 1 or flag"), SCHEMA), check(parse("tiny == 2 and flag"), SCHEMA)
    both = conjunction(one, None, two)
    assert both is not None
    assert serialise(both) == "(tiny == 1 or flag == true) and tiny == 2 and flag == true"
    assert conjunction(None, one) == one
    assert conjunction() is None
    assert conjunction(None) is None


def test_a_condition_cannot_escape_its_part_of_a_conjunction() -> None:
    row_filter = check(parse("text == 'mine'"), SCHEMA)
    for theirs in ("tiny == 1 or tiny != 1", "not (text == 'mine')", "exists color", "color not in [1, 2.5]"):
        whole = conjunction(row_filter, check(parse(theirs), SCHEMA))
        assert whole is not None
        for dialect in (LITE, None):
            text = serialise(whole, dialect) if dialect else serialise(whole)
            read = parse(text)
            assert isinstance(read, tree.And)
            assert read.operands[0] == row_filter


def test_constants_differ_by_type() -> None:
    assert tree.Literal(1) != tree.Literal(True)
    assert tree.Literal(1) != tree.Literal(1.0)
    assert tree.Literal(1) == tree.Literal(1, source=7)
    assert tree.Literal(1) != 1
    assert len({tree.Literal(1), tree.Literal(1.0), tree.Literal(True), tree.Literal(1, source=3)}) == 3
