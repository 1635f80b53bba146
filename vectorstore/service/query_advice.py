"""What would make a kept search faster, by plain rules over its profile and the collection as it is now."""

from collections.abc import Iterator
from dataclasses import dataclass

from vectorstore.models import SearchProfile
from vectorstore.optimization.query_optimizer import NO_CURVE

LARGE_ROWS = 100_000
MANY_ROWS_BY_FLAT = 20_000
FAR_OFFSET = 1_000
MUCH = 0.5
"""Share of the whole time from which a stage is worth a word."""


@dataclass(frozen=True, slots=True)
class Present:
    """A collection as it is now. ``indexed`` are the fields with any index, ``rows`` the stored ones; None: unknown."""

    indexed: frozenset[str] | None = None
    rows: int | None = None
    vectors: frozenset[str] = frozenset()
    primary: str = ""


def advice(profile: SearchProfile, present: Present) -> list[str]:
    """Texts, what helps most first; empty where no rule applies."""
    return [*_of_indexes(profile, present), *_of_the_request(profile, present), *_of_stages(profile)]


def _of_indexes(profile: SearchProfile, present: Present) -> Iterator[str]:
    rows = present.rows or 0
    for search in profile.plan.get("searches", ()):
        field, kind = search["field"], search["index"]
        missing = kind is None and field not in (present.indexed or ())
        if missing:
            yield f"There is no index on {field}, so that every vector is compared. Create one."
        elif kind == "FLAT" and rows >= MANY_ROWS_BY_FLAT:
            yield f"The index on {field} is FLAT and compares all {rows:,} vectors. HNSW or an IVF kind compares few."
    if present.indexed is None or rows < LARGE_ROWS:
        return
    for field in profile.plan.get("filter_fields", ()):
        if field not in present.indexed and field != present.primary:
            yield (
                f"The filter looks at {field}, which has no scalar index: it is tested on each of {rows:,} rows."
                " Give the field a scalar index in Milvus, or make it the partition key."
            )


def _of_the_request(profile: SearchProfile, present: Present) -> Iterator[str]:
    request = profile.request
    if request.get("offset", 0) >= FAR_OFFSET:
        yield (
            f"An offset of {request['offset']:,} makes Milvus find as many rows and throw them away."
            " Go on from the last row by a filter instead."
        )
    asked = request.get("output_fields") or []
    named = sorted(present.vectors.intersection(asked)) or (["*"] if "*" in asked else [])
    if named and present.vectors:
        yield f"The answer carries vectors ({', '.join(named)}). Leave them out of output_fields if you can."
    if request.get("recall_target") is not None and NO_CURVE in profile.plan.get("params_reason", ""):
        yield (
            "The recall target was met by a rule of thumb, since no recall curve was measured on this collection then."
            " Measure one: indexes/{field}/measure/."
        )
    if profile.plan.get("consistency") == "Strong":
        yield (
            "Strong consistency waits for Milvus's time tick, about 200 ms. With Bounded, a read through this gateway"
            " sees what was written through it."
        )


def _of_stages(profile: SearchProfile) -> Iterator[str]:
    whole = profile.took_ms or 1.0
    share = {name: ms / whole for name, ms in profile.stages.items()}
    if share.get("queue", 0) >= MUCH:
        yield "Most of the time it waited for calls before it. More query nodes or replicas answer more at once."
    if share.get("decode", 0) + share.get("serialise", 0) >= MUCH:
        yield "Most of the time went to the answer itself. Ask for fewer rows or fields."
    if profile.attempts > max(1, len(profile.plan.get("searches", ()))):
        yield f"Milvus was called {profile.attempts} times, because calls failed. Look at its health."
