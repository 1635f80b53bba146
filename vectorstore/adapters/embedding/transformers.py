"""Embeddings by a sentence-transformers model; the package is optional and imported when first used."""

import importlib
import re
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from vectorstore.adapters.embedding.base import Matrix, read_options
from vectorstore.config.settings import Settings
from vectorstore.domain.errors import EmbeddingFailed, InvalidRequest
from vectorstore.domain.vector import Floats

_HUB_NAME = re.compile(r"(?:[A-Za-z0-9][\w.-]{0,95}/)?[A-Za-z0-9][\w.-]{0,95}")


class TransformersEmbedder:
    """Rows have length 1. The model is loaded at the first use and held by the process."""

    def __init__(self, model: str, device: str | None = None) -> None:
        self._name, self._device = model, device
        self._lock = threading.Lock()
        self._model: Any = None

    @classmethod
    def from_options(cls, options: Mapping[str, Any], settings: Settings) -> Self:
        """Options: ``model`` (its name on the hub, ``owner/name``), ``device`` (``cpu``, ``cuda``, …; else chosen)."""
        read = read_options(options, required={"model": str}, optional={"device": str})
        if not _HUB_NAME.fullmatch(read["model"]):  # no paths: options come from callers
            raise InvalidRequest.at("/embedding/options/model", "model is a name of the model hub such as owner/name")
        return cls(**read)

    @property
    def dimension(self) -> int:
        model = self._loaded()
        # Renamed in 5.x; the older name may go.
        ask = getattr(model, "get_embedding_dimension", None) or model.get_sentence_embedding_dimension
        return int(ask())

    def embed(self, texts: Sequence[str]) -> Matrix:
        return self._encode("encode_document", list(texts))

    def embed_query(self, text: str) -> Floats:
        vector: Floats = self._encode("encode_query", [text])[0]
        return vector

    def _encode(self, method: str, texts: list[str]) -> Matrix:
        if not texts:
            return np.empty((0, self.dimension), np.float32)
        model = self._loaded()
        encode = getattr(model, method, model.encode)  # before 5.0 there is one method for both
        try:
            with self._lock:  # PyTorch uses every core for one call; tokenizers are not safe to share
                vectors = encode(texts, normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False)
        except (RuntimeError, ValueError, OSError) as error:
            raise EmbeddingFailed(f"The model {self._name[:255]!r} failed to embed the text.") from error
        matrix: Matrix = np.asarray(vectors, np.float32).reshape(len(texts), -1)
        return matrix

    def _loaded(self) -> Any:
        with self._lock:
            if self._model is None:
                self._model = self._load()
            return self._model

    def _load(self) -> Any:
        try:
            library = importlib.import_module("sentence_transformers")
        except ImportError as error:
            raise InvalidRequest.at(
                "/embedding/provider",
                "sentence_transformers is not installed here: pip install vectorstore[transformers]",
            ) from error
        try:
            # Weights from anywhere but a safetensors file could run code, and so could the model's own.
            safe = {"use_safetensors": True}
            return library.SentenceTransformer(
                self._name, device=self._device, trust_remote_code=False, model_kwargs=safe
            )
        except (OSError, ValueError, RuntimeError) as error:
            raise EmbeddingFailed(f"The model {self._name[:255]!r} cannot be loaded.") from error
