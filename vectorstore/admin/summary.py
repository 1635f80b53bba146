"""Short texts about collections, from the live state or, while Milvus is away, from the record."""

import json
from dataclasses import dataclass
from typing import Any

from vectorstore.domain.collection import Field
from vectorstore.models import CollectionRecord
from vectorstore.service.representations import CollectionView


@dataclass(frozen=True, slots=True)
class FieldLine:
    """One row of the schema table. ``limit`` carries its unit."""

    name: str
    type: str
    limit: str
    flags: tuple[str, ...]
    default: Any
    description: str


def field_lines(record: CollectionRecord, view: CollectionView | None) -> list[FieldLine]:
    """The schema, field by field."""
    if view is not None:
        return [_line(_plain(item)) for item in view.collection.fields]
    return [_line(item) for item in record.schema.get("fields", [])]


def dimensions(record: CollectionRecord, view: CollectionView | None) -> str:
    """Each vector field's dimension; with the field's name where there are several."""
    fields = [_plain(item) for item in view.collection.fields] if view else record.schema.get("fields", [])
    vectors = [item for item in fields if item["type"].endswith("VECTOR")]
    sizes = [count(item["dimension"]) if item.get("dimension") else "sparse" for item in vectors]
    if len(vectors) == 1:
        return sizes[0]
    return ", ".join(f"{size} ({item['name']})" for item, size in zip(vectors, sizes, strict=True))


def indexes(record: CollectionRecord, view: CollectionView | None) -> str:
    """Kind and metric of each index."""
    if view is not None:
        return ", ".join(f"{item.spec.kind} · {item.spec.metric}" for item in view.indexes)
    return ", ".join(f"{item.kind} · {item.metric}" for item in record.indexes.all())


def count(number: int | None) -> str:
    """A count with its thousands apart."""
    return "" if number is None else f"{number:,}"


def cell(value: Any) -> str:
    """A value of a row as text; lists, objects and numbers as JSON."""
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False, default=str)


def size(bytes_held: int | None) -> str:
    """Bytes in binary units."""
    if bytes_held is None:
        return ""
    amount = float(bytes_held)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def _plain(field: Field) -> dict[str, Any]:
    names = ("name", "dimension", "max_length", "max_capacity", "primary", "nullable", "partition_key", "default")
    found = {name: getattr(field, name) for name in names}
    element = str(field.element_type) if field.element_type else None
    return found | {"type": str(field.type), "element_type": element, "description": field.description}


def _line(item: dict[str, Any]) -> FieldLine:
    kind = f"{item['type']} of {item['element_type']}" if item.get("element_type") else item["type"]
    bits = "bits" if item["type"] == "BINARY_VECTOR" else "dimensions"
    limits = [
        f"{item[name]:,} {unit}"
        for name, unit in (("dimension", bits), ("max_length", "bytes"), ("max_capacity", "elements"))
        if item.get(name)
    ]
    flags = [
        text
        for name, text in (("primary", "primary key"), ("partition_key", "partition key"), ("nullable", "nullable"))
        if item.get(name)
    ]
    return FieldLine(
        name=item["name"],
        type=kind,
        limit=", ".join(limits),
        flags=tuple(flags),
        default=item.get("default"),
        description=item.get("description", ""),
    )
