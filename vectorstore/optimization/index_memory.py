"""How much memory an index takes, by formula: for engines that do not tell, or count in another way."""

from typing import Any

from vectorstore.domain.models import IndexKind

_MIB = 1024 * 1024


def index_mb(kind: IndexKind, params: dict[str, Any], rows: int, dimension: int) -> float:
    """Mebibytes of an index over ``rows`` vectors of ``dimension`` components.

    By the table of faiss's "Guidelines to choose an index" (bytes a vector; d is the dimension): flat 4d; HNSW
    4d + 2M·4 (links of the lowest level, which holds nearly all); scalar quantisers d; product quantisers m·nbits/8.
    Clusters add their centroids, 4d each. SCANN keeps d/2 codes of 4 bits and, for re-ranking, the vectors. The ids
    (8 bytes) are with the segment, whatever the index.
    """
    whole, links = 4.0 * dimension, 8.0 * int(params.get("M", 0))
    codes = int(params.get("m", 1)) * int(params.get("nbits", 8)) / 8
    each = {
        IndexKind.IVF_SQ8: float(dimension),
        IndexKind.IVF_PQ: codes,
        IndexKind.HNSW_SQ: dimension * _SQ_BYTES.get(str(params.get("sq_type")), 1.0),
        IndexKind.HNSW_PQ: codes,
        IndexKind.SCANN: whole + dimension / 4,
    }.get(kind, whole)
    centroids = int(params.get("nlist", 0)) * whole
    codebook = 2.0 ** int(params["nbits"]) * whole if "nbits" in params else 0.0
    return float(rows * (each + links) + centroids + codebook) / _MIB


_SQ_BYTES = {"SQ6": 0.75, "SQ8": 1.0, "BF16": 2.0, "FP16": 2.0}
