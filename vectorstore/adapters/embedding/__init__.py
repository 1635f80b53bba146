"""Embedders: models that turn text into vectors, chosen per collection by its ``EmbeddingSpec``."""

from vectorstore.adapters.embedding.base import Embedder
from vectorstore.adapters.embedding.registry import get_embedder

__all__ = ["Embedder", "get_embedder"]
