"""Which embedder an ``EmbeddingSpec`` means."""

import json
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from vectorstore.adapters.embedding.base import Embedder
from vectorstore.adapters.embedding.openai import OpenAIEmbedder
from vectorstore.adapters.embedding.tfidf_svd import TfidfSvdEmbedder
from vectorstore.adapters.embedding.transformers import TransformersEmbedder
from vectorstore.config.settings import Settings, current
from vectorstore.domain.errors import InvalidRequest
from vectorstore.domain.requests import EmbeddingSpec

PROVIDERS: dict[str, Callable[[Mapping[str, Any], Settings], Embedder]] = {
    "openai": OpenAIEmbedder.from_options,
    "sentence_transformers": TransformersEmbedder.from_options,
    "tfidf_svd": TfidfSvdEmbedder.from_options,
}

_MOST_KEPT = 16
_kept: OrderedDict[tuple[str, str, Settings], Embedder] = OrderedDict()
_lock = threading.Lock()


def get_embedder(spec: EmbeddingSpec) -> Embedder:
    """The embedder of a collection; equal specifications share one.

    Raises:
        InvalidRequest: unknown provider, or its options are wrong; each is named.
    """
    make = PROVIDERS.get(spec.provider)
    if make is None:
        detail = f"there is no embedding provider {spec.provider[:64]!r}; there are {', '.join(PROVIDERS)}"
        raise InvalidRequest.at("/embedding/provider", detail)
    settings = current()
    key = (spec.provider, json.dumps(spec.options, sort_keys=True), settings)
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    made = make(spec.options, settings)
    with _lock:
        made = _kept.setdefault(key, made)
        if len(_kept) > _MOST_KEPT:
            _kept.popitem(last=False)
        return made


def _after_fork() -> None:
    """A child shares no connections with its parent, nor a lock that another thread of the parent held."""
    global _lock
    _lock = threading.Lock()
    _kept.clear()


os.register_at_fork(after_in_child=_after_fork)
