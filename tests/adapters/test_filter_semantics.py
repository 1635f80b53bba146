"""Every engine finds the rows that a filter means, by an evaluation of the tree in Python."""

import random
import secrets
from typing import Any

import pytest
from hypothesis import assume, note
from hypothesis import strategies as st

from tests.support import filters as made
from tests.support.adapters import reach
from tests.support.engines import RunningEngine
from vectorstore.adapters.capabilities import Capabilities
from vectorstore.adapters.milvus_adapter import MilvusAdapter
from vectorstore.adapters.read_calls import RowQuery
from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.errors import UnsupportedByEngine
from vectorstore.domain.filters import Compare, FieldRef, Literal, Node, check, ids_in, serialise, tree
from vectorstore.domain.filters.evaluate import matches
from vectorstore.domain.models import Consistency, DataType, IndexKind, IndexSpec, Metric
from vectorstore.domain.rows import read_rows

DATABASE = "default"
FIELDS = tuple(field for field in made.SCHEMA.fields if not field.nullable and not field.type.is_vector)
WORDS = ("", "a", "ab", "w1", "w10", "it's", "back\\slash", 'say "x"', "100%", "a_b", "é", "日本", "\nx", "😀")
NAMES = ("tag", "extra", "and", "a b", "it's", 'say "x"', "é", "array_length", "a\\b")
LISTED = ("tags", "iso")
NUMBERS = tuple(range(-6, 7))
HOSTILE = (
    "'", '"', "\\", "\\\\", "\\'", '\\"', "\n", "\r\n", "\t", "\x00", "\x1b", "\x7f", "\u2028", "\ufeff", "\u202e",
    "'] or id != '' or id in ['", '"] or id != "', '" or text != "', "' or ''=='", '") or (id != "', "%", "_",
    "%' or '",
    "$meta", "]", "[", "--", "/* */", "#", ";", "\\u0022", "\\x27", "\\n", "a\\", "＂", "’", "{}", "true", "null", "0",
)  # fmt: skip


def some_rows() -> list[dict[str, Any]]:
    """Fifty rows whose JSON keys are missing here and there and hold values of every type."""
    dice = random.Random(11)
    rows = []
    for number in range(50):
        few = dice.choice(NUMBERS)
        row: dict[str, Any] = {
            "id": f"h{HOSTILE[number]}" if number < len(HOSTILE) else f"r{number}",
            "vector": [float(number), 1.0],
            "flag": number % 2 == 0,
            "tiny": few,
            "small": few * 3,
            "middle": few * 1000,
            "big": dice.choice([-(2**63), 2**63 - 1, 2**53 + 1, few]),
            "single": few / 10,
            "double": few / 4,
            "text": HOSTILE[number] if number < len(HOSTILE) else dice.choice(WORDS),
            "meta": {"k": few, "r": few / 2, "s": dice.choice(WORDS), "b": number % 3 == 0, "l": [few, 1],
                     "o": {"k": few}},
            "numbers": [few, 1, -2],
            "reals": [few / 10, 0.5],
            "words": [dice.choice(WORDS[:6]), "w1"],
        }  # fmt: skip
        for key in ("k", "s"):
            if dice.random() < 0.3:
                del row["meta"][key]
        for name in NAMES:
            if dice.random() < 0.7:
                row[name] = dice.choice([few, few / 2, dice.choice(WORDS)])
        for name in LISTED:
            if dice.random() < 0.7:
                row[name] = dice.choice([few, "a", [few, 1], ["a", "w1"], {"k": few}])
        if dice.random() < 0.7:
            row["on"] = dice.choice([True, False, "a", ["a"]])
        rows.append(row)
    return rows


ROWS = some_rows()
_shared: dict[int, Collection] = {}


class Asked:
    """One engine with the rows in it."""

    def __init__(self, adapter: MilvusAdapter, capabilities: Capabilities, collection: Collection) -> None:
        self.adapter, self.capabilities, self.collection = adapter, capabilities, collection

    def written(self, node: Node) -> str:
        return serialise(check(node, self.collection), self.capabilities.dialect)

    def found(self, expression: str) -> set[Any]:
        query = RowQuery(expression=expression, output_fields=["id"], consistency=Consistency.STRONG)
        rows = [row["id"] for row in self.adapter.query(DATABASE, self.collection, query)]
        assert len(rows) == len(set(rows))
        return set(rows)

    def meant(self, node: Node) -> set[Any]:
        return {row["id"] for row in ROWS if matches(node, row, self.collection)}


@pytest.fixture
def asked(engine: RunningEngine) -> Asked:
    adapter, capabilities = reach(engine)
    if engine.port not in _shared:
        vector = Field("vector", DataType.FLOAT_VECTOR, dimension=2)
        collection = Collection(name=f"t_{secrets.token_hex(6)}", fields=(*FIELDS, vector))
        adapter.create_collection(DATABASE, collection)
        adapter.create_index(DATABASE, collection.name, IndexSpec("vector", IndexKind.FLAT, Metric.L2))
        adapter.load_collection(DATABASE, collection.name)
        adapter.insert(DATABASE, collection, read_rows(ROWS, collection))
        _shared[engine.port] = collection
    return Asked(adapter, capabilities, _shared[engine.port])


# Constants near the values in the rows. Left out, because engines differ and no rule of ours says which is right:
# elements beyond the end of an array, sums that overflow 64 bits, calculations with 32-bit floats, null in JSON,
# text_match, a number in JSON against one that a double cannot hold, and booleans in JSON where numbers may be:
# to Milvus Lite they are 0 and 1. There a list or an object also meets neither < nor its negation, and
# what ends in a line break is also like a pattern without it.
few = st.sampled_from(NUMBERS)
quarters = few.map(lambda number: number / 4)
tenths = few.map(lambda number: number / 10)
texts = st.sampled_from(WORDS + HOSTILE)
int_places = st.one_of(
    st.sampled_from(tuple(made.INTS)).map(FieldRef),
    st.sampled_from((0, 1, 2)).map(lambda at: tree.Path("numbers", (at,)))
)  # fmt: skip
single_places = st.just(FieldRef("single")) | st.sampled_from((0, 1)).map(lambda at: tree.Path("reals", (at,)))
word_places = st.sampled_from((tree.Path("words", (0,)), tree.Path("words", (1,))))
string_places = st.sampled_from((FieldRef("id"), FieldRef("text"), tree.Path("words", (0,)), tree.Path("words", (1,))))
scalar_places = st.one_of(
    st.sampled_from(("k", "r", "s", "zz")).map(lambda key: tree.Path("meta", (key,))),
    st.just(tree.Path("meta", ("o", "k"))), st.just(tree.Path("meta", ("l", 0))),
    st.sampled_from((*NAMES, "nowhere")).map(FieldRef),
    st.sampled_from(NAMES).map(lambda name: tree.Path(tree.META, (name,))),
)  # fmt: skip
json_places = scalar_places | st.one_of(
    st.sampled_from(("l", "o")).map(lambda key: tree.Path("meta", (key,))),
    st.sampled_from(LISTED).map(lambda name: tree.Path(tree.META, (name,))),
    st.just(FieldRef("tags")),
)
bool_places = st.sampled_from((tree.Path("meta", ("b",)), FieldRef("on"), tree.Path(tree.META, ("on",))))
int_constants = few | st.sampled_from((made.LOW, made.HIGH, 2**53 + 1, 300))
sums = made.meant(
    tree.Arithmetic, st.sampled_from("+-*/%"),
    st.sampled_from(("tiny", "small", "middle")).map(FieldRef), made.factors.map(Literal),
)  # fmt: skip
double_sums = made.meant(tree.Arithmetic, st.sampled_from("+-"), st.just(FieldRef("double")), quarters.map(Literal))
patterns = st.one_of(
    texts.map(lambda text: text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")).flatmap(
        lambda text: st.sampled_from((text, text + "%", text[:1] + "%", "%" + text, "%" + text + "%", "_" + text[1:]))
    ).filter(lambda text: (len(text) - len(text.rstrip("\\"))) % 2 == 0),
    st.sampled_from(("%", "", "_", "%%", "a%b", "w_", "%1%")),
)  # fmt: skip
leaves: st.SearchStrategy[Node] = st.one_of(
    made.comparisons(int_places, int_constants),
    made.comparisons(sums, few),
    made.comparisons(double_sums, quarters),
    made.comparisons(single_places, tenths),
    made.comparisons(st.just(FieldRef("double")), quarters),
    made.comparisons(string_places, texts),
    made.comparisons(st.just(FieldRef("flag")), st.booleans(), made.equalities),
    made.comparisons(scalar_places, few | quarters | texts),
    made.comparisons(json_places, few | quarters | texts, made.equalities),
    made.comparisons(bool_places, st.booleans(), made.equalities),
    made.comparisons(bool_places, texts, made.equalities),
    made.meant(tree.In, bool_places, made.lists(st.booleans()), st.booleans()),
    made.comparisons(st.sampled_from(("numbers", "words")).map(lambda name: tree.ArrayLength(FieldRef(name))), few),
    made.meant(tree.Compare, made.orders, *[st.sampled_from(("tiny", "small", "middle")).map(FieldRef)] * 2),
    made.meant(tree.In, int_places, made.lists(int_constants), st.booleans()),
    made.meant(tree.In, single_places, made.lists(tenths), st.booleans()),
    made.meant(tree.In, string_places, made.lists(texts), st.booleans()),
    made.meant(tree.In, json_places, made.lists(few) | made.lists(texts) | made.lists(quarters), st.booleans()),
    made.meant(tree.Like, word_places | json_places, patterns),
    made.meant(tree.Like, string_places, patterns.filter(lambda pattern: pattern.endswith("%"))),
    json_places.map(tree.Exists),
    made.meant(tree.IsNull, json_places, st.booleans()),
    made.contains(st.just(FieldRef("numbers")), made.lists(few, 1), "array"),
    made.contains(st.just(FieldRef("words")), made.lists(texts, 1), "array"),
    made.contains(json_places, made.lists(few, 1) | made.lists(texts, 1), "json"),
    st.just(FieldRef("flag")),
    bool_places,
)


@made.examples(2_000, few=60)
def test_random_filters_find_what_they_mean(asked: Asked, count: int) -> None:
    def holds(node: Node) -> None:
        try:
            expression = asked.written(node)
        except UnsupportedByEngine:
            assume(False)
        note(expression)
        assert asked.found(expression) == asked.meant(node)

    made.each(made.grown(leaves, 5), holds, count)


@pytest.mark.parametrize("field", ["id", "text"])
def test_a_hostile_string_is_found_as_itself_and_nothing_else_is(asked: Asked, field: str) -> None:
    """Among many others in one list, by itself, and as the only one left out."""
    values = [row[field] for row in ROWS]
    every = {row["id"] for row in ROWS}
    assert asked.found(asked.written(tree.In(FieldRef(field), tuple(values)))) == every
    for value in dict.fromkeys(values):
        mine = {row["id"] for row in ROWS if row[field] == value}
        assert asked.found(asked.written(Compare("==", FieldRef(field), Literal(value)))) == mine
        assert asked.found(asked.written(tree.In(FieldRef(field), (value,), True))) == every - mine
    if field == "id":
        assert asked.found(serialise(ids_in(asked.collection.primary, values[:20]))) == set(values[:20])
