"""Short texts about a profile, and its bar."""

from dataclasses import dataclass
from typing import Any

from vectorstore.admin.summary import cell
from vectorstore.models import SearchProfile
from vectorstore.monitoring.stages import in_order
from vectorstore.service.profile_service import SlowQuery

WIDTH = 1_000
"""Of a bar, in the units of its drawing."""

_KEPT = {"slow": "because it was slow", "asked": "because it was asked for", "sample": "by chance"}


@dataclass(frozen=True, slots=True)
class Bar:
    """One stage: ``x`` and ``width`` in the drawing, ``share`` in percent of the whole."""

    stage: str
    ms: float
    share: float
    x: float
    width: float


def bars(profile: SearchProfile) -> list[Bar]:
    """The stages one after the other, as long as they took."""
    whole = sum(profile.stages.values()) or 1.0
    found, x = [], 0.0
    for stage, ms in in_order(profile.stages).items():
        width = ms / whole * WIDTH
        found.append(Bar(stage, ms, ms / whole * 100, round(x, 2), round(width, 2)))
        x += width
    return found


def place(item: SearchProfile | SlowQuery) -> str:
    """The collection, with the cluster and the database unless they are the default ones."""
    where = [name for name in (item.cluster, item.database) if name != "default"]
    return " / ".join([*where, item.collection])


def facts(profile: SearchProfile) -> list[tuple[str, str]]:
    """What there is to say beside the stages, by name."""
    shared = "alone" if profile.batch == 1 else f"{profile.batch:,} requests in one call"
    return [
        ("Asked by", profile.actor),
        ("On", place(profile)),
        ("Request", profile.request_id or "–"),
        (
            "Kept",
            {"slow": "because it was slow", "asked": "because it was asked for"}.get(profile.kept_for, "by chance"),
        ),
        ("Batch", shared),
        ("Calls of Milvus", f"{profile.attempts:,}"),
        ("Rows", "–" if profile.rows is None else f"{profile.rows:,}"),
        ("Outcome", profile.outcome),
        ("Shape", profile.shape_hash),
    ]


def lines(values: dict[str, Any]) -> list[tuple[str, str]]:
    """The members that say something, by name."""
    said = {name: value for name, value in values.items() if value not in (None, "", [], {}, False)}
    return [(name.replace("_", " ").capitalize(), cell(value)) for name, value in said.items()]
