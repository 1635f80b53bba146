import pytest

from vectorstore.config.collection_config import FILTER_WORDS, MAX_SHARDS, is_valid_name, shards_for
from vectorstore.domain.filters.operands import KEYWORDS


@pytest.mark.parametrize("name", ["a", "_", "A9", "documents_v2", "a" * 255])
def test_names_that_milvus_takes(name: str) -> None:
    assert is_valid_name(name)


@pytest.mark.parametrize(
    "name", ["", "9a", "a b", "a-b", "a.b", "é", "a\n", "\na", "a" * 256, "$meta", "٣", "a٣", "../x"]
)
def test_names_that_milvus_refuses(name: str) -> None:
    assert not is_valid_name(name)


def test_the_words_of_the_filter_language_are_those_that_no_field_may_have() -> None:
    assert FILTER_WORDS >= KEYWORDS


@pytest.mark.parametrize(
    ("rows", "shards"),
    [
        (None, 7), (0, 1), (1, 1), (1_000_000, 1), (1_000_001, 2), (200_000_000, 2), (200_000_001, 3),
        (1_600_000_000, MAX_SHARDS), (10**12, MAX_SHARDS),
    ],
)  # fmt: skip
def test_shards_grow_with_the_rows_expected(rows: int | None, shards: int) -> None:
    assert shards_for(rows, default=7) == shards
