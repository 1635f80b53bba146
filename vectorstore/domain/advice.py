"""What advice about an index consists of: measured points, and which of them is recommended, and why."""

from dataclasses import asdict, dataclass
from dataclasses import field as made_by
from typing import Any

from vectorstore.domain.models import IndexKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One index at one effort of searching.

    ``recall`` is recall@10 from 0 to 1, ``p50_ms`` and ``p95_ms`` are of single searches in milliseconds, ``build_s``
    seconds for the sample, ``memory_mb`` mebibytes for all rows of the collection (``estimated``: by formula).
    """

    kind: IndexKind
    params: dict[str, Any]
    search: dict[str, Any]
    recall: float
    p50_ms: float
    p95_ms: float
    build_s: float
    memory_mb: float
    estimated: bool = True
    today: bool = False

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Point":
        return cls(**{**data, "kind": IndexKind(data["kind"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """``memory_budget_mb`` in mebibytes; None for no limit."""

    recall_target: float = 0.95
    memory_budget_mb: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """``point`` is a place in the list of points, None where nothing was measured; ``reasons`` are sentences."""

    point: int | None
    meets_recall: bool = False
    meets_budget: bool = False
    reasons: list[str] = made_by(default_factory=list)
