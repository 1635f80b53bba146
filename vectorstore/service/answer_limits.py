"""How large an answer may be, told before Milvus is asked for it."""

from collections.abc import Sequence

from vectorstore.config.settings import current
from vectorstore.domain.errors import InvalidRequest
from vectorstore.domain.sizes import value_bytes
from vectorstore.service.catalogue import KnownCollection

_DYNAMIC_BYTES = 256


def check_answer(known: KnownCollection, names: Sequence[str], rows: int, *, rows_named: str) -> None:
    """Raises InvalidRequest where so many rows with those output fields are more than ``VECTORSTORE_MAX_ANSWER_MB``.

    ``rows_named`` is what asks for the rows: ``top_k``, ``limit``.
    """
    fields = {name: known.schema.field(name) for name in names}
    sizes = {name: _DYNAMIC_BYTES if field is None else value_bytes(field) for name, field in fields.items()}
    total, most = rows * sum(sizes.values()), current().max_answer_mb * 2**20
    if total <= most:
        return
    largest = max(sizes, key=lambda name: sizes[name])
    raise InvalidRequest.at(
        "/output_fields",
        f"the answer would have about {total / 2**20:,.0f} MB, and at most {current().max_answer_mb} MB are given at"
        f" once: leave {largest} ({sizes[largest]:,} bytes a row) out of output_fields, lower {rows_named}, or raise"
        " VECTORSTORE_MAX_ANSWER_MB",
        "answer_too_large",
    )
