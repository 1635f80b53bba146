"""``Capabilities``: what the connected engine can do."""

from dataclasses import asdict, dataclass, fields
from typing import Any

from vectorstore.domain.filters import Dialect
from vectorstore.domain.models import DataType, IndexKind, Metric


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The connected engine, as ``capability_probe.probe`` found it.

    ``single_writer``: two writes to one collection must not overlap (Milvus Lite).
    ``forgets_loaded``: what was loaded is not after a restart (Milvus Lite).
    ``insert_replaces``: inserting an existing key replaces the row; elsewhere it makes a second one.
    ``reads_largest_int64``: queries return the row with key 2^63-1 (Milvus 2.3 loses it).
    ``timestamps``: writes carry a timestamp that a later read can wait for.
    """

    version: str
    index_kinds: tuple[IndexKind, ...]
    vector_types: tuple[DataType, ...]
    metrics: tuple[Metric, ...]
    dialect: Dialect
    single_writer: bool
    forgets_loaded: bool
    insert_replaces: bool
    reads_largest_int64: bool
    several_vector_fields: bool
    hybrid_search: bool
    nullable: bool
    templates: bool
    truncate: bool
    add_field: bool
    segments: bool
    replicas: bool
    resource_groups: bool
    users: bool
    timestamps: bool

    def to_json(self) -> dict[str, Any]:
        """Plain data, as kept beside the cluster's row."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Capabilities":
        """The inverse of ``to_json``.

        Raises:
            KeyError, TypeError, ValueError: another version of the product wrote it; probe again.
        """
        if set(data["dialect"]) != {item.name for item in fields(Dialect)}:
            raise KeyError("dialect")
        values = dict(data)
        values["index_kinds"] = tuple(IndexKind(kind) for kind in data["index_kinds"])
        values["vector_types"] = tuple(DataType(kind) for kind in data["vector_types"])
        values["metrics"] = tuple(Metric(metric) for metric in data["metrics"])
        values["dialect"] = Dialect(**data["dialect"])
        return cls(**values)
