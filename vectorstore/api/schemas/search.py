"""A search's answer as JSON."""

import math
from typing import Any, NotRequired, TypedDict

from vectorstore.domain.models import SearchHit
from vectorstore.service.representations import SearchAnswer

_LARGEST = 3.4028234663852886e38
"""The largest float32. JSON has no infinity, and Milvus's scores can overflow to it."""


class Hit(TypedDict):
    """``score`` is the metric's own value: larger is nearer for IP and COSINE, smaller for the others."""

    id: str
    score: float
    fields: dict[str, Any]


class SearchBody(TypedDict):
    """``results`` is a list per query where ``vectors`` was given, else one list."""

    results: list[Hit | list[Hit]]
    cache: str
    took_ms: float
    profile: NotRequired[dict[str, Any]]


def search_body(answer: SearchAnswer) -> dict[str, Any]:
    """Without ``took_ms`` and ``profile``, which cover the writing of this too (``api.profiled``)."""
    primary = answer.primary
    return {
        "results": [
            _hit(item, primary) if isinstance(item, SearchHit) else [_hit(hit, primary) for hit in item]
            for item in answer.results
        ],
        "cache": answer.cache,
    }


def _hit(hit: SearchHit, primary: str) -> Hit:
    key = str(hit.id)
    fields = {**hit.fields, primary: key} if primary in hit.fields else hit.fields
    return {"id": key, "score": _finite(hit.score), "fields": fields}


def _finite(score: float) -> float:
    if math.isfinite(score):
        return score
    return 0.0 if math.isnan(score) else math.copysign(_LARGEST, score)
