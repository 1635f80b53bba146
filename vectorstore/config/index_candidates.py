"""Which indexes come into question: one table, for the choice without data and for those that advice measures."""

import math
from collections.abc import Collection as Container
from dataclasses import dataclass
from typing import Any

from vectorstore.config.index_config import RULES
from vectorstore.domain.models import DataType, IndexKind

Params = dict[str, Any]

EXACT_ROWS = 2_000
"""Up to here comparing with every vector is as fast as a graph."""
QUANTISED_BYTES = 16 * 2**30
"""From here on the vectors are kept at one byte a component."""
_LEAST_TRAINED = 39
"""Rows for each cluster below which k-means warns that they are too few (faiss, ``min_points_per_centroid``)."""


@dataclass(frozen=True, slots=True)
class Candidate:
    kind: IndexKind
    params: Params

    @property
    def key(self) -> str:
        """Names it in a ledger."""
        return ",".join([str(self.kind), *(f"{name}={self.params[name]}" for name in sorted(self.params))])


_GRAPHS = ((16, 200), (8, 100), (8, 200), (16, 100), (32, 100), (32, 200))
"""M and efConstruction; the first is the default."""


def variants(kind: IndexKind, dimension: int | None, rows: int | None) -> list[Params]:
    """Build parameters worth a try for ``rows`` rows; the first ones are what is built without measuring."""
    if kind is IndexKind.HNSW:
        return [{"M": m, "efConstruction": ef} for m, ef in _GRAPHS]
    params: Params = {name: rule.default for name, rule in RULES[kind].build.items()}
    if "nlist" in params and rows:
        params["nlist"] = clusters(rows)
    if "m" in params and dimension:
        parts = (dimension // 4, dimension // 2, 16, 8, 4, 2, 1)
        params["m"] = next(part for part in parts if _divides(part, dimension))
    if kind is IndexKind.HNSW_SQ:
        return [params | {"sq_type": "SQ8"}, params | {"M": 32, "sq_type": "SQ8"}]
    if kind is IndexKind.IVF_FLAT and rows:
        return [params, params | {"nlist": max(1, round(rows**0.5))}]
    return [params]


def clusters(rows: int) -> int:
    """``nlist`` by the rule of Milvus's and faiss's documentation: four times the root of the rows."""
    return int(max(1, min(65_536, round(4 * math.sqrt(rows)))))


def _divides(part: int, dimension: int) -> bool:
    return part > 0 and dimension % part == 0


def candidates(kind: DataType, dimension: int | None, rows: int, available: Container[IndexKind]) -> list[Candidate]:
    """All that a sweep measures, the most promising first, since its time may be over before the last one.

    Not DISKANN: where the engine's storage does not support it, its build never ends and blocks others. Nor
    AUTOINDEX, which is one of the others, chosen by the engine.
    """
    skipped = (IndexKind.DISKANN, IndexKind.AUTOINDEX)
    kinds = [item for item in RULES if kind in RULES[item].types and item in available and item not in skipped]
    trained = (IndexKind.IVF_PQ, IndexKind.HNSW_PQ, IndexKind.SCANN)
    if rows < _LEAST_TRAINED * 256:  # 8 bits are 256 centroids
        kinds = [item for item in kinds if item not in trained]
    by_kind = [[Candidate(item, params) for params in variants(item, dimension, rows)] for item in kinds]
    rounds = max((len(found) for found in by_kind), default=0)
    return [found[turn] for turn in range(rounds) for found in by_kind if turn < len(found)]


def ladder(candidate: Candidate, top_k: int) -> list[Params]:
    """Search parameters from the least effort to the most; one step without any where the kind has none."""
    rules = RULES[candidate.kind].search
    if "ef" in rules:
        return [{"ef": ef} for ef in (16, 32, 64, 128, 256, 512) if ef >= top_k]
    if "search_list" in rules:
        return [{"search_list": size} for size in (20, 50, 100, 200) if size >= top_k]
    if "nprobe" in rules:
        nlist = int(candidate.params.get("nlist", RULES[candidate.kind].build["nlist"].default))
        steps = [step for step in (4, 8, 16, 32, 64, 128, 256) if step < nlist] or [nlist]
        more = {"reorder_k": max(200, top_k)} if "reorder_k" in rules else {}
        return [{"nprobe": step, **more} for step in steps]
    return [{}]


def choose(
    kind: DataType, dimension: int | None, expected_rows: int | None, available: Container[IndexKind]
) -> tuple[IndexKind, Params]:
    """The index of ``AUTO``: kind and build parameters from the type, size and what the engine has."""
    if kind is DataType.SPARSE_FLOAT_VECTOR:
        wanted = [IndexKind.SPARSE_INVERTED_INDEX, IndexKind.SPARSE_WAND]
    elif kind is DataType.BINARY_VECTOR:
        wanted = [IndexKind.BIN_FLAT] if (expected_rows or 0) <= 1_000_000 else [IndexKind.BIN_IVF_FLAT]
    elif expected_rows is not None and expected_rows <= EXACT_ROWS:
        wanted = [IndexKind.FLAT]
    elif (expected_rows or 0) * (dimension or 0) * 4 > QUANTISED_BYTES:
        wanted = [IndexKind.HNSW_SQ, IndexKind.IVF_SQ8, IndexKind.HNSW]
    else:
        wanted = [IndexKind.HNSW, IndexKind.IVF_FLAT, IndexKind.FLAT]
    chosen = next((item for item in wanted if item in available), IndexKind.AUTOINDEX)
    return chosen, variants(chosen, dimension, expected_rows)[0]
