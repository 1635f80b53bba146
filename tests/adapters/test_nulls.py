"""What null means in a filter, on every engine that has it: neither a condition nor its opposite is met."""

import secrets

import pytest

from tests.adapters.test_filter_semantics import DATABASE, Asked
from tests.support.adapters import reach
from tests.support.engines import RunningEngine
from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.filters import check, parse, rewrite, serialise
from vectorstore.domain.models import DataType, IndexKind, IndexSpec, Metric
from vectorstore.domain.rows import read_rows

FIELDS = (
    Field("id", DataType.VARCHAR, primary=True, max_length=10),
    Field("name", DataType.VARCHAR, max_length=20, nullable=True),
    Field("number", DataType.INT64, nullable=True),
    Field("numbers", DataType.ARRAY, element_type=DataType.INT64, max_capacity=4, nullable=True),
    Field("flag", DataType.BOOL, nullable=True),
    Field("vector", DataType.FLOAT_VECTOR, dimension=2),
)
ROWS = [
    {"id": "a", "vector": [0.0, 0.0], "name": "abc", "number": 1, "numbers": [1, 2], "flag": True},
    {"id": "b", "vector": [0.0, 0.0], "name": "xyz", "number": 2, "numbers": [3], "flag": False},
    {"id": "null", "vector": [0.0, 0.0], "name": None, "number": None, "numbers": None, "flag": None},
]
_made: dict[int, Collection] = {}


@pytest.fixture
def asked(engine: RunningEngine) -> Asked:
    adapter, capabilities = reach(engine)
    if not capabilities.nullable:
        pytest.skip("the engine has no nulls")
    if engine.port not in _made:
        collection = Collection(name=f"t_{secrets.token_hex(6)}", fields=FIELDS)
        adapter.create_collection(DATABASE, collection)
        adapter.create_index(DATABASE, collection.name, IndexSpec("vector", IndexKind.FLAT, Metric.L2))
        adapter.load_collection(DATABASE, collection.name)
        adapter.insert(DATABASE, collection, read_rows(ROWS, collection))
        _made[engine.port] = collection
    return Asked(adapter, capabilities, _made[engine.port])


@pytest.mark.parametrize(
    "condition",
    [
        'name == "abc"',
        'name in ["abc"]',
        'name like "a%"',
        'name < "b"',
        "number == 1",
        "number in [1, 7]",
        "number + 1 == 2",
        "array_contains(numbers, 1)",
        "array_contains_any(numbers, [1, 9])",
        "array_contains_all(numbers, [1, 2])",
        "array_length(numbers) == 2",
        "numbers[0] == 1",
        "numbers[0] in [1]",
        "flag",
    ],
)
def test_a_condition_and_its_opposite(asked: Asked, condition: str) -> None:
    for text, found in ((condition, {"a"}), (f"not ({condition})", {"b"}), (f'id == "" or not ({condition})', {"b"})):
        node = rewrite(check(parse(text), asked.collection), asked.collection).node
        assert node is not None
        assert asked.found(serialise(node, asked.capabilities.dialect)) == found, text


def test_an_empty_list_is_not_met_by_null(asked: Asked) -> None:
    checked = check(parse("number not in []"), asked.collection)
    assert asked.found(serialise(checked, asked.capabilities.dialect)) == {"a", "b"}
