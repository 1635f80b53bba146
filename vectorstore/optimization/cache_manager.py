"""Answers to searches, kept in a Redis of their own.

Whether an answer is still right is decided by its key alone, which has every version in it that a change would move
(``cache_key``). So nothing is ever deleted: what nobody asks for any more ends with its lifetime, or gives way when
memory is short.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from vectorstore.config.encryption import key_for
from vectorstore.config.settings import current
from vectorstore.domain.models import CollectionName
from vectorstore.optimization.cache_counts import count
from vectorstore.optimization.cache_envelope import Hits, pack, seal, unpack, unseal
from vectorstore.optimization.redis_connection import QUICK_S, Away, RedisConnection
from vectorstore.optimization.single_flight import SingleFlight

_PREFIX = b"vectorstore:answer:"

Result = Literal["hit", "miss", "bypass"]


@dataclass(frozen=True, slots=True)
class Found:
    hits: Hits
    result: Result


@dataclass(frozen=True, slots=True)
class Kept:
    """What the first of those who ask at once has for the others. ``stored``: it is in Redis too."""

    body: bytes | None
    stored: bool


class CacheManager:
    """``largest`` is the size of the largest answer that is kept, in bytes."""

    def __init__(self, url: str, secret: bytes, largest: int) -> None:
        self.secret = secret
        self._largest = largest
        self._redis = RedisConnection(url, QUICK_S, text=False)
        self._flights: SingleFlight[Kept] = SingleFlight()

    def answer(
        self, name: CollectionName, key: bytes | None, ask: Callable[[], Hits], *, ttl_s: int, deadline_s: float
    ) -> Found:
        """What is kept under ``key``, else what ``ask`` gives, which is then kept for ``ttl_s`` seconds.

        Without a key ``ask`` is called. Who asks for the same at the same time waits for the first one, at most
        ``deadline_s`` seconds. Whatever happens to Redis, the answer is right.

        Raises:
            VectorStoreError: what ``ask`` raises for this caller.
        """
        found = self._answer(name, key, ask, ttl_s, deadline_s)
        count(name, found.result)
        return found

    def _answer(
        self, name: CollectionName, key: bytes | None, ask: Callable[[], Hits], ttl_s: int, deadline_s: float
    ) -> Found:
        if key is None:
            return Found(ask(), "bypass")
        try:
            kept = self._look(name, key)
        except Away:
            return Found(ask(), "bypass")
        if kept is not None:
            return Found(kept, "hit")
        mine: list[Hits] = []

        def first() -> Kept:
            mine.append(ask())
            body = pack(mine[0])
            return Kept(body, body is not None and self._store(name, key, body, ttl_s))

        shared, led = self._flights.ask(key, first, deadline_s)
        if led:
            return Found(mine[0], "miss" if shared is not None and shared.stored else "bypass")
        if shared is None or shared.body is None:
            return Found(ask(), "bypass")
        return Found(unpack(shared.body), "miss")

    def _look(self, name: CollectionName, key: bytes) -> Hits | None:
        value = self._redis.ask(lambda client: client.get(_PREFIX + key))
        if value is None:
            return None
        found = unseal(self.secret, key, cast(bytes, value))
        if found is None:
            count(name, "refused")
        return found

    def _store(self, name: CollectionName, key: bytes, body: bytes, ttl_s: int) -> bool:
        if len(body) > self._largest:
            return False
        value = seal(self.secret, key, body)
        try:
            self._redis.ask(lambda client: client.set(_PREFIX + key, value, ex=ttl_s))
        except Away:
            return False
        count(name, "store")
        return True


_managers: dict[tuple[str, tuple[str, ...], Path, int], CacheManager] = {}


def cache_manager() -> CacheManager | None:
    """The cache behind ``VECTORSTORE_CACHE_URL``; None without one."""
    settings = current()
    if not settings.cache_url:
        return None
    of = (settings.cache_url, settings.encryption_keys, settings.data_dir, settings.cache_answer_kb)
    manager = _managers.get(of)
    if manager is None:
        secret = key_for("answers in the cache 1")
        manager = _managers[of] = CacheManager(settings.cache_url, secret, settings.cache_answer_kb * 1024)
    return manager
