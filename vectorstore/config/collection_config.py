"""Rules and limits of collections, by Milvus's own, checked before Milvus is called."""

import math
import re

NAME_RULE = "begins with a letter or underscore, holds letters, digits and underscores, at most 255 characters"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")

FILTER_WORDS = frozenset({"and", "or", "not", "in", "like", "is", "null", "exists", "true", "false"})
"""Words of the filter language: a field of that name could never be addressed."""

MAX_DIMENSION = 32_768
MAX_FIELDS = 64
MAX_VARCHAR_BYTES = 65_535
MAX_ARRAY_CAPACITY = 4_096
MAX_SHARDS = 16
MAX_REPLICAS = 16
MAX_VECTOR_FIELDS = 10
MAX_WINDOW = 16_384
"""Milvus's limit of top_k, and of offset + limit."""
MAX_QUERIES = 16_384
"""Milvus's limit of vectors in one search."""

DEFAULT_VARCHAR_ID_BYTES = 256
SCRATCH_PREFIX = "_vectorstore_"
"""Names that begin so are the gateway's own, and in no list."""
RESTORE_PREFIX = f"{SCRATCH_PREFIX}restore_"
"""Of collections that a restore loads."""
EXCHANGE_PREFIX = f"{SCRATCH_PREFIX}exchange_"
"""Followed by a uid: what had the collection's name before a rebuilt one took its place."""
ADVICE_PREFIX = f"{SCRATCH_PREFIX}advice_"
"""Of collections that indexes are measured in."""

_ROWS_PER_SHARD = 100_000_000
_ROWS_OF_ONE_SHARD = 1_000_000


def is_valid_name(name: str) -> bool:
    """Whether Milvus takes ``name`` for a collection, field, partition, alias or database."""
    return _NAME.fullmatch(name) is not None


def shards_for(expected_rows: int | None, default: int) -> int:
    """How many shards a new collection gets.

    One up to a million rows, where a second only costs; then one per hundred million rows and at least
    two, so that writes spread; ``default`` where the size is not known.
    """
    if expected_rows is None:
        return default
    if expected_rows <= _ROWS_OF_ONE_SHARD:
        return 1
    return min(MAX_SHARDS, max(2, math.ceil(expected_rows / _ROWS_PER_SHARD)))
