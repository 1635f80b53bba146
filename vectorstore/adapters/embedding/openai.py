"""Embeddings over HTTP by any server that speaks OpenAI's ``POST {base_url}/embeddings``.

What goes wrong is told without the server's words, which may repeat the key or the text.
"""

import base64
import binascii
import math
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Self

import httpx
import numpy as np
import orjson
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, stop_before_delay
from tenacity.wait import wait_random_exponential

from vectorstore.adapters.embedding.base import Matrix, read_options
from vectorstore.config.settings import Settings
from vectorstore.domain.errors import EmbeddingFailed, InvalidRequest
from vectorstore.domain.vector import Floats

_DEADLINE = 10.0
_ATTEMPTS = 3
_BATCH, _LARGEST_BATCH = 64, 2048
_LARGEST_ANSWER = 64 * 1024 * 1024
_backoff = wait_random_exponential(multiplier=0.2, max=2)


class _TryAgain(Exception):
    """A failure that may pass; ``pause`` is how long the server asks to wait, in seconds."""

    def __init__(self, detail: str, pause: float | None = None) -> None:
        super().__init__(detail)
        self.pause = pause


class OpenAIEmbedder:
    """Rows are as the server gives them. Each batch of texts has ``deadline`` seconds, repeats included."""

    def __init__(
        self,
        base_url: str | httpx.URL,
        model: str,
        *,
        dimensions: int | None = None,
        batch_size: int = _BATCH,
        api_key: str = "",
        deadline: float = _DEADLINE,
    ) -> None:
        if not (api_key.isascii() and api_key.isprintable()):
            raise EmbeddingFailed("VECTORSTORE_EMBEDDING_API_KEY holds characters that no header can carry.")
        self._url = str(base_url).rstrip("/") + "/embeddings"
        self._asked: dict[str, Any] = {"model": model, "encoding_format": "base64"}
        if dimensions is not None:
            self._asked["dimensions"] = dimensions
        self._dimension = dimensions
        self._batch_size = batch_size
        self._deadline = deadline
        # Redirects are not followed: they could carry the key to another host.
        self._client = httpx.Client(headers={"Authorization": f"Bearer {api_key}"} if api_key else {})

    @classmethod
    def from_options(cls, options: Mapping[str, Any], settings: Settings) -> Self:
        """Options: ``base_url``, ``model``, ``dimensions`` (else the model's own), ``batch_size``.

        Raises:
            InvalidRequest: a wrong option, or a host that ``VECTORSTORE_EMBEDDING_HOSTS`` does not name.
        """
        optional = {"dimensions": int, "batch_size": int}
        read = read_options(options, required={"base_url": str, "model": str}, optional=optional)
        if read.get("batch_size", 1) > _LARGEST_BATCH:
            raise InvalidRequest.at("/embedding/options/batch_size", f"batch_size is at most {_LARGEST_BATCH}")
        url = _allowed_url(read.pop("base_url"), settings.embedding_hosts)
        return cls(url, **read, api_key=settings.embedding_api_key)

    @property
    def dimension(self) -> int:
        if self._dimension is None:
            self.embed(["dimension"])
        return self._dimension or 0

    def embed(self, texts: Sequence[str]) -> Matrix:
        size = self._batch_size
        parts = [self._embed_batch(texts[start : start + size]) for start in range(0, len(texts), size)]
        return np.concatenate(parts) if parts else np.empty((0, self.dimension), np.float32)

    def embed_query(self, text: str) -> Floats:
        vector: Floats = self.embed([text])[0]
        return vector

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _embed_batch(self, texts: Sequence[str]) -> Matrix:
        retrying = Retrying(
            retry=retry_if_exception_type(_TryAgain),
            stop=stop_after_attempt(_ATTEMPTS) | stop_before_delay(self._deadline),
            wait=_pause,
            reraise=True,
        )
        try:
            raw = retrying(self._post, self._asked | {"input": list(texts)}, time.monotonic() + self._deadline)
        except _TryAgain as error:
            raise EmbeddingFailed(str(error), retry_after=error.pause or 1) from None
        try:
            vectors = _read_answer(raw, len(texts))
        except (ValueError, TypeError, KeyError, AttributeError):  # AttributeError: no object where one should be
            raise EmbeddingFailed("The embedding server's answer is not a list of one vector for each text.") from None
        if self._dimension is None:
            self._dimension = vectors.shape[1]
        if vectors.shape[1] != self._dimension:
            raise EmbeddingFailed(
                f"The embedding server gave vectors of {vectors.shape[1]} dimensions instead of {self._dimension}."
            )
        return vectors

    def _post(self, body: dict[str, Any], ends: float) -> bytes:
        late = f"The embedding server did not answer within {self._deadline:g} s."
        left = max(0.001, ends - time.monotonic())
        try:
            with self._client.stream("POST", self._url, json=body, timeout=left) as response:
                if response.status_code == 429 or response.status_code >= 500:
                    detail = f"The embedding server is busy or broken: it answered {response.status_code}."
                    raise _TryAgain(detail, _retry_after(response.headers.get("Retry-After", "")))
                if response.status_code != 200:
                    raise EmbeddingFailed(_refusal(response.status_code))
                raw = bytearray()
                for chunk in response.iter_bytes():
                    raw += chunk
                    if len(raw) > _LARGEST_ANSWER:
                        raise EmbeddingFailed("The embedding server's answer is too large; lower batch_size.")
                    if time.monotonic() > ends:
                        raise EmbeddingFailed(late, retry_after=1)
                return bytes(raw)
        except httpx.TimeoutException:
            raise EmbeddingFailed(late, retry_after=1) from None
        except httpx.HTTPError:
            raise _TryAgain("The embedding server cannot be reached or broke off.") from None


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.pause if isinstance(error, _TryAgain) else None
    return asked if asked is not None else _backoff(state)


def _retry_after(text: str) -> float | None:
    """Seconds of a Retry-After header, which has a number or a date (RFC 9110, 10.2.3)."""
    try:
        seconds = float(text)
    except ValueError:
        try:
            at = parsedate_to_datetime(text)
        except ValueError:
            return None
        seconds = (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _refusal(status: int) -> str:
    hint = "; check VECTORSTORE_EMBEDDING_API_KEY" if status in (401, 403) else "; check base_url, model and dimensions"
    return f"The embedding server refused the request: it answered {status}{hint}."


def _allowed_url(text: str, hosts: tuple[str, ...]) -> httpx.URL:
    at = "/embedding/options/base_url"
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        raise InvalidRequest.at(at, "base_url is not a URL") from None
    if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.query or url.fragment:
        raise InvalidRequest.at(at, "base_url is like https://embeddings.example.org/v1: no user, query or fragment")
    host = f"[{url.host}]" if ":" in url.host else url.host
    port = url.port or (443 if url.scheme == "https" else 80)
    if port > 65_535:
        raise InvalidRequest.at(at, "base_url has no valid port")
    if not {url.host, host, f"{host}:{port}"} & {item.lower() for item in hosts}:
        detail = f"embedding servers on {host}:{port} are not allowed; VECTORSTORE_EMBEDDING_HOSTS names those that are"
        raise InvalidRequest.at(at, detail)
    return url


def _read_answer(raw: bytes, count: int) -> Matrix:
    """float32 of shape (count, dimension), in the order of the texts.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: the answer is something else.
    """
    data = orjson.loads(raw)["data"]
    items = {item.get("index", place): item["embedding"] for place, item in enumerate(data)}
    if len(data) != count or sorted(items) != list(range(count)):
        raise ValueError
    vectors: Matrix = np.stack([_read_embedding(items[index]) for index in range(count)])
    if vectors.ndim != 2 or not vectors.shape[1] or not np.isfinite(vectors).all():
        raise ValueError
    return vectors


def _read_embedding(value: Any) -> Floats:
    if isinstance(value, str):
        try:
            return np.frombuffer(base64.b64decode(value, validate=True), "<f4")
        except binascii.Error:
            raise ValueError from None
    with np.errstate(over="ignore"):
        array: Floats = np.asarray(value, np.float32)
    return array
