"""Index kinds and their parameters.

Ranges are those of Milvus's documentation of in-memory indexes.
"""

from dataclasses import dataclass
from typing import Any

from vectorstore.domain.models import DataType, IndexKind, IndexSpec


@dataclass(frozen=True, slots=True)
class Parameter:
    """A whole number within ``low`` to ``high``; ``help`` says what it trades."""

    low: int
    high: int
    default: int
    help: str


@dataclass(frozen=True, slots=True)
class KindRules:
    """``build`` parameters are given when the index is made, ``search`` ones with each search."""

    types: tuple[DataType, ...]
    build: dict[str, Parameter]
    search: dict[str, Parameter]
    help: str


_DENSE = (DataType.FLOAT_VECTOR, DataType.FLOAT16_VECTOR, DataType.BFLOAT16_VECTOR)
_SPARSE = (DataType.SPARSE_FLOAT_VECTOR,)
_BINARY = (DataType.BINARY_VECTOR,)

_NLIST = {"nlist": Parameter(1, 65_536, 128, "Clusters the vectors are split into; about four times the root of rows.")}
_NPROBE = {"nprobe": Parameter(1, 65_536, 16, "Clusters searched; more finds more and takes longer.")}
_GRAPH = {
    "M": Parameter(2, 2_048, 16, "Links of each vector; more finds more and takes memory."),
    "efConstruction": Parameter(1, 32_768, 200, "Candidates looked at while building; more builds slower and better."),
}
_EF = {"ef": Parameter(1, 32_768, 64, "Candidates looked at while searching, at least top_k.")}
_PQ = {
    "m": Parameter(1, 32_768, 8, "Parts a vector is cut into; divides the dimension."),
    "nbits": Parameter(1, 24, 8, "Bits kept of each part."),
}

RULES: dict[IndexKind, KindRules] = {
    IndexKind.FLAT: KindRules(_DENSE, {}, {}, "Compares with every vector: exact, for small collections."),
    IndexKind.IVF_FLAT: KindRules(_DENSE, _NLIST, _NPROBE, "Clusters, vectors kept whole."),
    IndexKind.IVF_SQ8: KindRules(_DENSE, _NLIST, _NPROBE, "Clusters, a byte a component: a quarter of the memory."),
    IndexKind.IVF_PQ: KindRules(_DENSE, {**_NLIST, **_PQ}, _NPROBE, "Clusters, product quantisation: least memory."),
    IndexKind.HNSW: KindRules(_DENSE, _GRAPH, _EF, "A graph: fastest at high recall, most memory."),
    IndexKind.HNSW_SQ: KindRules(_DENSE, _GRAPH, _EF, "A graph over scalar-quantised vectors."),
    IndexKind.HNSW_PQ: KindRules(_DENSE, {**_GRAPH, **_PQ}, _EF, "A graph over product-quantised vectors."),
    IndexKind.SCANN: KindRules(
        _DENSE,
        _NLIST,
        {**_NPROBE, "reorder_k": Parameter(1, 16_384, 200, "Candidates ranked again exactly, at least top_k.")},
        "Clusters with anisotropic quantisation and exact re-ranking.",
    ),
    IndexKind.DISKANN: KindRules(
        _DENSE, {}, {"search_list": Parameter(1, 65_535, 100, "Candidates, at least top_k.")}, "A graph on disk."
    ),
    IndexKind.AUTOINDEX: KindRules((*_DENSE, *_SPARSE, *_BINARY), {}, {}, "The engine's own choice."),
    IndexKind.BIN_FLAT: KindRules(_BINARY, {}, {}, "Compares with every binary vector: exact."),
    IndexKind.BIN_IVF_FLAT: KindRules(_BINARY, _NLIST, _NPROBE, "Clusters of binary vectors."),
    IndexKind.SPARSE_INVERTED_INDEX: KindRules(_SPARSE, {}, {}, "An inverted index of sparse vectors."),
    IndexKind.SPARSE_WAND: KindRules(_SPARSE, {}, {}, "An inverted index with the WAND algorithm."),
}

_EXTRA_BUILD: dict[IndexKind, dict[str, tuple[str, ...]]] = {
    IndexKind.HNSW_SQ: {"sq_type": ("SQ6", "SQ8", "BF16", "FP16")}
}


def build_errors(kind: IndexKind, params: dict[str, Any]) -> list[tuple[str, str]]:
    """What is wrong with build parameters: pairs of name and reason."""
    return _errors({**RULES[kind].build}, params, _EXTRA_BUILD.get(kind, {}), kind)


def search_errors(kind: IndexKind, params: dict[str, Any]) -> list[tuple[str, str]]:
    """What is wrong with search parameters: pairs of name and reason."""
    return _errors(RULES[kind].search, params, {}, kind)


def _errors(
    rules: dict[str, Parameter], params: dict[str, Any], choices: dict[str, tuple[str, ...]], kind: IndexKind
) -> list[tuple[str, str]]:
    found = []
    for name, value in params.items():
        rule = rules.get(name)
        if name in choices:
            if value not in choices[name]:
                found.append((name, f"{name} is one of {', '.join(choices[name])}"))
        elif rule is None:
            known = ", ".join([*rules, *choices]) or "none"
            found.append((name, f"{kind} has no parameter {name}; it has: {known}"))
        elif isinstance(value, bool) or not isinstance(value, int) or not rule.low <= value <= rule.high:
            found.append((name, f"{name} is a whole number from {rule.low} to {rule.high}"))
    return found


CANDIDATES = ("ef", "search_list", "reorder_k")
"""Parameters that Milvus wants to be at least top_k."""

_STEPS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1_024, 1_536, 2_048)


def effort(kind: IndexKind) -> str:
    """The search parameter that trades recall for time; empty where the kind has none."""
    return next((name for name in RULES[kind].search if name in ("ef", "nprobe", "search_list")), "")


def ladder(index: IndexSpec, top_k: int) -> list[int]:
    """Values of that parameter, ascending, at which recall is worth measuring; empty where the kind has none."""
    name = effort(index.kind)
    return sorted({within(index, name, step, top_k) for step in _STEPS}) if name else []


def within(index: IndexSpec, name: str, value: int, top_k: int) -> int:
    """``value`` of a search parameter as the index takes it for that many rows."""
    rule = RULES[index.kind].search[name]
    most = rule.high
    if name == "nprobe":
        most = min(most, int(index.params.get("nlist", RULES[index.kind].build["nlist"].default)))
    least = top_k if name in CANDIDATES else rule.low
    return max(min(max(value, least), most), rule.low)


def search_params(kind: IndexKind, given: dict[str, Any], top_k: int, recall_target: float | None) -> dict[str, Any]:
    """Search parameters with what the caller left open: more effort for a higher recall target and top_k.

    The factors are a rule of thumb, for where no curve was measured on the collection.
    """
    rules = RULES[kind].search
    effort = 1.0 if recall_target is None else 0.5 if recall_target <= 0.8 else 1.0 if recall_target <= 0.95 else 4.0
    params: dict[str, Any] = {}
    for name, rule in rules.items():
        value = round(rule.default * effort)
        if name in CANDIDATES:
            value = max(value, round(top_k * max(1.0, 1.5 * effort)), top_k)
        params[name] = min(rule.high, value)
    return params | given
