"""``Collection`` and ``Field``: a schema as people write it and as Milvus keeps it."""

from dataclasses import dataclass, field
from typing import Any

from vectorstore.domain.models import Consistency, DataType


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a schema.

    ``dimension`` counts the components of a vector (bits for BINARY_VECTOR); ``max_length`` counts
    UTF-8 bytes of a VARCHAR or of each VARCHAR element of an ARRAY; ``max_capacity`` counts elements.
    """

    name: str
    type: DataType
    primary: bool = False
    dimension: int | None = None
    max_length: int | None = None
    element_type: DataType | None = None
    max_capacity: int | None = None
    nullable: bool = False
    default: Any = None
    partition_key: bool = False
    description: str = ""


@dataclass(frozen=True, slots=True)
class Collection:
    """A schema with the settings that Milvus keeps beside it.

    ``auto_id`` says that the gateway mints the ids: engine collections are always made with
    ``auto_id=False``, so that a repeated insert is never a duplicate. ``engine_ids`` marks a foreign
    collection whose engine makes the ids.
    """

    name: str
    fields: tuple[Field, ...]
    description: str = ""
    dynamic_fields: bool = True
    auto_id: bool = False
    engine_ids: bool = False
    shards: int = 1
    consistency: Consistency = Consistency.BOUNDED
    properties: dict[str, str] = field(default_factory=dict)

    @property
    def primary(self) -> Field:
        return next(item for item in self.fields if item.primary)

    @property
    def vector_fields(self) -> tuple[Field, ...]:
        return tuple(item for item in self.fields if item.type.is_vector)

    @property
    def scalar_fields(self) -> tuple[Field, ...]:
        return tuple(item for item in self.fields if not item.type.is_vector)

    def field(self, name: str) -> Field | None:
        """The field of that name, or None."""
        return next((item for item in self.fields if item.name == name), None)
