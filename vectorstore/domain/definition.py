"""``Definition``: everything that makes a collection but its rows, as plain data.

The journal keeps one after each change of a collection, a backup one for each collection, so that both can be read
without the database. ``FORMAT`` moves when a reader of the former form could go wrong.
"""

from dataclasses import asdict, dataclass, field
from typing import Any

from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.models import Consistency, DataType, IndexKind, IndexSpec, Metric

FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """``uid`` is the collection's identity: it stays when the name changes, and a new collection has another.

    ``partitions`` are those made by hand (``_default`` is always there); ``requested`` maps indexed fields to the kind
    that was asked for (AUTO); ``embedding`` is an ``EmbeddingSpec`` as plain data; ``owner`` a user's name.
    """

    uid: str
    cluster: str
    database: str
    schema: Collection
    indexes: tuple[IndexSpec, ...] = ()
    requested: dict[str, str] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    partitions: tuple[str, ...] = ()
    replicas: int = 1
    loaded: bool = True
    protected: bool = False
    embedding: dict[str, Any] | None = None
    expected_rows: int | None = None
    owner: str | None = None
    cache_enabled: bool = True
    cache_ttl_s: int = 0

    @property
    def name(self) -> str:
        return self.schema.name


def to_json(definition: Definition) -> dict[str, Any]:
    """Plain data for JSON; ``from_json`` gives the definition back."""
    return {"format": FORMAT, **asdict(definition)}


def from_json(data: dict[str, Any]) -> Definition:
    """
    Raises:
        ValueError: it is of a newer format than this product reads, or no definition.
    """
    plain = dict(data)
    found = plain.pop("format", None)
    if not isinstance(found, int) or found > FORMAT:
        raise ValueError(f"the definition has format {found}; this version reads up to {FORMAT}")
    try:
        schema = dict(plain.pop("schema"))
        schema["fields"] = tuple(_field(item) for item in schema["fields"])
        schema["consistency"] = Consistency(schema["consistency"])
        indexes = tuple(_index(item) for item in plain.pop("indexes"))
        plain["aliases"], plain["partitions"] = tuple(plain["aliases"]), tuple(plain["partitions"])
        return Definition(schema=Collection(**schema), indexes=indexes, **plain)
    except (KeyError, TypeError) as error:
        raise ValueError(f"this is no definition of a collection: {error}") from None


def _field(item: dict[str, Any]) -> Field:
    element = item.get("element_type")
    return Field(**{**item, "type": DataType(item["type"]), "element_type": DataType(element) if element else None})


def _index(item: dict[str, Any]) -> IndexSpec:
    return IndexSpec(**{**item, "kind": IndexKind(item["kind"]), "metric": Metric(item["metric"])})
