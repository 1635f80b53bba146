"""Vectors of a collection: all of them, or as many drawn at random from everywhere."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from vectorstore.adapters.milvus_adapter import MilvusAdapter
from vectorstore.adapters.read_calls import RowQuery
from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.filters import ids_in, serialise
from vectorstore.domain.models import Consistency
from vectorstore.domain.vector import Floats

_MOST_BYTES = 256 * 1024 * 1024
_PAGE_IDS = 1_000
_ALL = RowQuery(expression="", output_fields=[], consistency=Consistency.STRONG)


def most_rows(dimension: int) -> int:
    """How many vectors a sample may have, for bounded memory: 256 MiB of them."""
    return max(1, _MOST_BYTES // (4 * dimension))


def sample(
    adapter: MilvusAdapter,
    database: str,
    collection: Collection,
    field: Field,
    wanted: int,
    rows: int,
    *,
    check: Callable[[], None],
    ends: float,
) -> Floats:
    """About ``wanted`` of ``rows`` vectors of a float field, shape (n, dimension), the same ones for the same rows.

    Keys alone are read of the whole collection, and vectors of those that were drawn. At ``ends`` (of
    ``time.monotonic``) what there is then is taken: it comes from the lower keys.
    """
    narrow = replace(collection, fields=(collection.primary, field), dynamic_fields=False)
    parts = (
        _every(adapter, database, narrow, field)
        if rows <= wanted
        else _drawn(adapter, database, narrow, field, wanted / rows)
    )
    found: list[Floats] = []
    count = 0
    for part in parts:
        check()
        found.append(part[: wanted - count])
        count += len(found[-1])
        if count >= wanted or time.monotonic() > ends:
            break
    whole = np.concatenate(found) if found else np.empty((0, field.dimension or 0), np.float32)
    return np.ascontiguousarray(whole, np.float32)


def _every(adapter: MilvusAdapter, database: str, narrow: Collection, field: Field) -> Iterator[Floats]:
    for batch in adapter.scan(database, narrow, _ALL):
        yield np.asarray(batch.columns[field.name], np.float32)


def _drawn(adapter: MilvusAdapter, database: str, narrow: Collection, field: Field, share: float) -> Iterator[Floats]:
    draw = random.Random(7)
    key = narrow.primary
    for page in adapter.read_pages(database, narrow, replace(_ALL, output_fields=[key.name])):
        chosen = [row[key.name] for row in page if draw.random() < share]
        if not chosen:
            yield np.empty((0, field.dimension or 0), np.float32)
        for start in range(0, len(chosen), _PAGE_IDS):
            expression = serialise(ids_in(key, chosen[start : start + _PAGE_IDS]))
            query = replace(_ALL, expression=expression, output_fields=[field.name], limit=_PAGE_IDS, lenient=True)
            rows = adapter.query(database, narrow, query)
            yield np.array([row[field.name] for row in rows if row[field.name] is not None], np.float32)
