"""A local embedder without a neural network: TF-IDF weights, reduced by truncated SVD (latent semantic analysis).

Fitting needs scikit-learn; embedding is a few lines of NumPy, so that a web process never imports it. A fitted
model is one file of plain arrays and JSON: loading it runs no code.
"""

import os
import re
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from zipfile import BadZipFile

import numpy as np
import orjson

from vectorstore.adapters.embedding.base import Matrix, read_options
from vectorstore.adapters.embedding.terms import learn_compounds, weighted_terms
from vectorstore.config.settings import Settings, current
from vectorstore.domain.errors import EmbeddingFailed, InvalidRequest
from vectorstore.domain.vector import Floats

_FORMAT = 1
"""Moves with every change that makes a stored model mean something else: terms, weights, layout."""

_RARITY = 1.3  # exponent of the inverse document frequency; above 1, rare words lead more strongly
_UNREADABLE = (OSError, EOFError, ValueError, KeyError, TypeError, BadZipFile)
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class _Model:
    """``idf``: (terms,); ``components``: (terms, dimension), both float32, in the order of ``vocabulary``."""

    vocabulary: dict[str, int]
    compounds: dict[str, list[str]]
    idf: Floats
    components: Matrix

    def weights(self, text: str) -> tuple[list[int], Floats]:
        """Indices and TF-IDF weights (of length 1) of the known terms of a text."""
        terms = weighted_terms(text, self.compounds)
        found = [(index, weight) for term, weight in terms.items() if (index := self.vocabulary.get(term)) is not None]
        indices = [index for index, _ in found]
        weights = np.array([weight for _, weight in found], np.float32) * self.idf[indices]
        return indices, weights / (np.linalg.norm(weights) or 1)


class TfidfSvdEmbedder:
    """Embeds with a fitted model; the file is read once and again when it changes.

    Rows have length 1, or are zero where no word of the text is known to the model.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._loaded: tuple[tuple[int, int, int], _Model] | None = None

    @classmethod
    def from_options(cls, options: Mapping[str, Any], settings: Settings) -> Self:
        """Options: ``model``, the name it was fitted under.

        Raises:
            InvalidRequest: there is no such model; the detail names those there are.
        """
        name = read_options(options, required={"model": str})["model"]
        folder = _folder(settings)
        path = folder / f"{name}.npz"
        if not _NAME.fullmatch(name) or not path.is_file():
            there = ", ".join(sorted(item.stem for item in folder.glob("*.npz"))) or "none"
            detail = f"no model is fitted under the name {name[:64]!r}; there is {there}"
            raise InvalidRequest.at("/embedding/options/model", detail)
        return cls(path)

    @property
    def dimension(self) -> int:
        return int(self._model().components.shape[1])

    def embed(self, texts: Sequence[str]) -> Matrix:
        model = self._model()
        vectors = np.zeros((len(texts), model.components.shape[1]), np.float32)
        for row, text in enumerate(texts):
            indices, weights = model.weights(text)
            if indices:
                vectors[row] = weights @ model.components[indices]
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors /= np.where(lengths > 0, lengths, 1)
        return vectors

    def embed_query(self, text: str) -> Floats:
        vector: Floats = self.embed([text])[0]
        if not vector.any():
            raise InvalidRequest("the embedding model knows none of the words of the text; try others")
        return vector

    def _model(self) -> _Model:
        try:
            state = self._path.stat()
            stamp = (state.st_mtime_ns, state.st_size, state.st_ino)
            loaded = self._loaded
            if loaded is None or loaded[0] != stamp:
                with self._lock:
                    loaded = self._loaded
                    if loaded is None or loaded[0] != stamp:
                        loaded = self._loaded = (stamp, _read(self._path))
        except _UNREADABLE as error:
            detail = f"The embedding model {self._path.stem!r} in the data folder cannot be read; fit it again."
            raise EmbeddingFailed(detail) from error
        return loaded[1]


def fit(texts: Sequence[str], name: str, dimension: int) -> TfidfSvdEmbedder:
    """Fit a model on ``texts`` and keep it as ``name``, replacing an older one in one step.

    Raises:
        InvalidRequest: bad name, or fewer texts or distinct words than ``dimension``.
    """
    from scipy.sparse import csr_matrix
    from sklearn.decomposition import TruncatedSVD
    from threadpoolctl import threadpool_limits

    if not _NAME.fullmatch(name):
        raise InvalidRequest("the name of a model has 1 to 64 characters: a to z, digits, _ and -")
    compounds = learn_compounds(texts)
    vocabulary: dict[str, int] = {}
    columns: list[int] = []
    values: list[float] = []
    starts = [0]
    for text in texts:
        for term, weight in weighted_terms(text, compounds).items():
            columns.append(vocabulary.setdefault(term, len(vocabulary)))
            values.append(weight)
        starts.append(len(columns))
    if min(len(texts), len(vocabulary)) <= dimension:
        raise InvalidRequest(
            f"{dimension} dimensions need more than {dimension} texts and distinct words;"
            f" there are {len(texts)} texts with {len(vocabulary)} words"
        )
    idf = _inverse_frequencies(np.bincount(columns, minlength=len(vocabulary)), len(texts))
    matrix = csr_matrix((np.array(values, np.float32) * idf[columns], columns, starts))
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    matrix.data /= np.repeat(np.where(lengths > 0, lengths, 1), np.diff(starts)).astype(np.float32)
    with threadpool_limits(1):  # threads that wait for each other by spinning are ten times slower on a busy machine
        svd = TruncatedSVD(dimension, n_iter=4, random_state=0).fit(matrix)
    components = np.ascontiguousarray(svd.components_.T, dtype=np.float32)
    path = _folder(current()) / f"{name}.npz"
    _write(path, _Model(vocabulary, compounds, idf, components))
    return TfidfSvdEmbedder(path)


def _inverse_frequencies(documents: Any, total: int) -> Floats:
    smooth = np.log((1 + total) / (1 + documents)) + 1
    weights: Floats = (smooth**_RARITY).astype(np.float32)
    return weights


def _folder(settings: Settings) -> Path:
    return settings.data_dir / "models"


def _write(path: Path, model: _Model) -> None:
    words = {"format": _FORMAT, "vocabulary": list(model.vocabulary), "compounds": model.compounds}
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.stem}-", delete=False) as file:
        try:
            np.savez(
                file,
                words=np.frombuffer(orjson.dumps(words), np.uint8),
                idf=model.idf,
                components=model.components,
            )
            file.flush()
            os.fsync(file.fileno())
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise


def _read(path: Path) -> _Model:
    """Raises one of ``_UNREADABLE`` where the file is no model of this format."""
    with np.load(path, allow_pickle=False) as file:
        words = orjson.loads(file["words"].tobytes())
        idf, components = file["idf"], file["components"]
    vocabulary = {term: index for index, term in enumerate(words["vocabulary"])}
    if words["format"] != _FORMAT or idf.shape != (len(vocabulary),) or components.shape[:1] != idf.shape:
        raise ValueError("a model of another format")
    return _Model(vocabulary, words["compounds"], idf, components)
