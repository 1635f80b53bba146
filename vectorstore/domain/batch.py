"""``Batch``: checked rows in columns, the form in which they travel to the engine."""

from dataclasses import dataclass, field
from typing import Any

from vectorstore.domain.models import RowId


@dataclass(slots=True)
class Batch:
    """``size`` rows by column.

    ``columns`` maps a field's name to its values, one per row: a float32 array of shape
    (size, dimension) for FLOAT_VECTOR, a list otherwise (None stands for null; bytes for binary, float16
    and JSON values; dicts for sparse vectors). ``dynamic`` holds each row's dynamic fields as JSON text,
    or is None where the schema has none. ``ids`` are the primary keys in row order.
    """

    size: int
    columns: dict[str, Any] = field(default_factory=dict)
    dynamic: list[bytes] | None = None
    ids: list[RowId] = field(default_factory=list)
