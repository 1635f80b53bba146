"""Searches that are answered by the cache where it can, else by Milvus."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from vectorstore.adapters.retry_mechanism import CallKind
from vectorstore.adapters.search_calls import VectorQuery
from vectorstore.domain.models import Consistency, SearchHit
from vectorstore.monitoring.profile import Profile
from vectorstore.optimization import shared_search
from vectorstore.optimization.cache_key import Place, key_of
from vectorstore.optimization.cache_manager import CacheManager, Found, Result, cache_manager
from vectorstore.optimization.shared_state import State
from vectorstore.service.catalogue import KnownCollection
from vectorstore.service.context import Scope

_UNKEPT = (Consistency.STRONG, Consistency.EVENTUALLY)
"""Strong asks Milvus itself; what Eventually gives may be older than the last write, and would stay so."""


@dataclass(frozen=True, slots=True)
class Answered:
    """``hits`` of each query."""

    hits: list[list[SearchHit]]
    result: Result


def search(
    scope: Scope, known: KnownCollection, state: State, query: VectorQuery, profile: Profile, *, cache: bool
) -> Answered:
    """The answer to ``query``, with the stages ``cache``, ``queue``, ``milvus`` and ``decode``.

    Raises:
        VectorStoreError: as ``shared_search.search``.
    """
    manager = cache_manager()

    def ask() -> list[list[SearchHit]]:
        if manager is not None:
            profile.end("cache")
        shared = shared_search.search(known.engine.adapter, scope.database, known.schema, query)
        stats = shared.answer.stats
        profile.milvus(attempts=stats.attempts, decode_s=stats.decode_s, batch=shared.batch, waited_s=shared.waited)
        return shared.answer.hits

    found = _found(manager, scope, known, state, (query,), (), ask, cache=cache)
    if manager is not None:
        profile.end("cache")
    return Answered(found.hits, found.result)


def fused(
    scope: Scope,
    known: KnownCollection,
    state: State,
    queries: Sequence[VectorQuery],
    joined_by: Sequence[Any],
    ask: Callable[[], list[SearchHit]],
    profile: Profile,
    *,
    cache: bool,
) -> Answered:
    """One ranking of several searches, which ``ask`` gives and ``joined_by`` describes beside the ``queries``."""
    manager = cache_manager()

    def fuse() -> list[list[SearchHit]]:
        if manager is not None:
            profile.end("cache")
        return [ask()]

    found = _found(manager, scope, known, state, queries, joined_by, fuse, cache=cache)
    if manager is not None:
        profile.end("cache")
    return Answered(found.hits, found.result)


def _found(
    manager: CacheManager | None,
    scope: Scope,
    known: KnownCollection,
    state: State,
    queries: Sequence[VectorQuery],
    joined_by: Sequence[Any],
    ask: Callable[[], list[list[SearchHit]]],
    *,
    cache: bool,
) -> Found:
    if manager is None:
        return Found(ask(), "bypass")
    kept = cache and known.cache_ttl_s and all(query.consistency not in _UNKEPT for query in queries)
    place = _place(scope, known, state) if kept else None
    return manager.answer(
        scope.address(known.schema.name),
        key_of(manager.secret, place, queries, joined_by) if place else None,
        ask,
        ttl_s=known.cache_ttl_s,
        deadline_s=CallKind.READ.value.deadline,
    )


def _place(scope: Scope, known: KnownCollection, state: State) -> Place | None:
    """None where some version is not known, or a write is under way."""
    if state.catalogue is None or state.access is None or state.generation is None:
        return None
    endpoint = known.engine.adapter.endpoint
    return Place(
        endpoint=f"{endpoint.host}:{endpoint.port}",
        cluster=scope.cluster,
        database=scope.database,
        uid=known.uid,
        catalogue=state.catalogue,
        access=state.access,
        generation=state.generation,
        denied=sorted(known.denied),
    )
