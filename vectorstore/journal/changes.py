"""What a journal, an overlay or a base of a backup says of one collection: rows that are there, keys that are not."""

from dataclasses import dataclass

import pyarrow as pa

from vectorstore.domain.models import RowId


@dataclass(frozen=True, slots=True)
class Rows:
    """Full images of rows, by ``domain.arrow.arrow_schema``; keys are unique within.

    ``partition`` holds for all of them; None: the column ``$partition`` names each row's. Empty where the engine
    chooses it (a partition key), or where there is only the default one.
    """

    columns: pa.RecordBatch
    partition: str | None = ""


@dataclass(frozen=True, slots=True)
class Gone:
    """These keys were deleted."""

    keys: list[RowId]


@dataclass(frozen=True, slots=True)
class Cleared:
    """Every row was deleted, or, with ``partition``, every row of that partition."""

    partition: str | None = None


Change = Rows | Gone | Cleared
