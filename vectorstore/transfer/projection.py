"""What of a collection an export may and shall hold: fields, and keys of the dynamic ones."""

from dataclasses import dataclass, replace

import orjson

from vectorstore.domain.arrow import DYNAMIC
from vectorstore.domain.batch import Batch
from vectorstore.domain.collection import Collection
from vectorstore.service.catalogue import KnownCollection
from vectorstore.service.expressions import output_fields


@dataclass(frozen=True, slots=True)
class Projection:
    """``read`` is what the engine is asked for, always with the key; ``written`` what goes into the file.

    ``keys`` are the dynamic fields that were asked for by name, None where all were; ``denied`` are never there.
    """

    read: Collection
    written: Collection
    keys: frozenset[str] | None
    denied: frozenset[str]

    @classmethod
    def of(cls, known: KnownCollection, asked: list[str] | None) -> "Projection":
        """
        Raises:
            InvalidRequest: a name that is no field the caller may see.
        """
        names = output_fields(known, asked, default_all=True)
        fields = tuple(field for field in known.visible.fields if field.name in names)
        others = frozenset(names) - {field.name for field in fields} - {DYNAMIC}
        dynamic = DYNAMIC in names or bool(others)
        written = replace(known.schema, fields=fields, dynamic_fields=dynamic)
        key = () if any(field.primary for field in fields) else (known.schema.primary,)
        read = replace(written, fields=(*key, *fields))
        return cls(read, written, None if DYNAMIC in names else others, known.denied)

    def apply(self, batch: Batch) -> Batch:
        """The columns that are written."""
        columns = {field.name: batch.columns[field.name] for field in self.written.fields}
        dynamic = batch.dynamic if self.written.dynamic_fields else None
        if dynamic is not None and (self.keys is not None or self.denied):
            dynamic = [self._kept(text) for text in dynamic]
        return Batch(size=batch.size, columns=columns, dynamic=dynamic, ids=batch.ids)

    def _kept(self, text: bytes) -> bytes:
        found = orjson.loads(text)
        kept = {
            name: value
            for name, value in found.items()
            if name not in self.denied and (self.keys is None or name in self.keys)
        }
        return orjson.dumps(kept)
