"""What the journal says a collection holds, worked out by the simplest means: entry by entry, oldest first."""

from typing import Any

from vectorstore.domain.arrow import from_arrow
from vectorstore.journal.changes import Cleared, Gone, Rows
from vectorstore.journal.reading import changes
from vectorstore.journal.sequence import position
from vectorstore.journal.writer import writer
from vectorstore.service.catalogue import KnownCollection, look_up
from vectorstore.service.context import Scope


def known(name: str) -> KnownCollection:
    return look_up(Scope(), name)[0]


def journalled_rows(name: str, until: int | None = None) -> dict[Any, tuple[str, list[float]]]:
    """By key: the partition and the vector of every row that is there after entry ``until``."""
    writer().flush()
    collection = known(name)
    field = collection.schema.vector_fields[0].name
    held: dict[Any, tuple[str, list[float]]] = {}
    found = list(changes(collection.uid, 0, until if until is not None else position()[0]))
    for change in reversed(found):
        if isinstance(change, Rows):
            batch = from_arrow(change.columns, collection.schema)
            for key, vector in zip(batch.ids, batch.columns[field], strict=True):
                held[key] = (change.partition or "", [float(value) for value in vector])
        elif isinstance(change, Gone):
            for key in change.keys:
                held.pop(key, None)
        elif isinstance(change, Cleared):
            held = {key: row for key, row in held.items() if change.partition not in (None, row[0])}
    return held
