"""Searches: nearest rows, ranges, hybrid, text, and the plan of a search."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from vectorstore.adapters.retry_mechanism import CallStats
from vectorstore.config.settings import current
from vectorstore.domain.errors import InvalidRequest
from vectorstore.domain.filters import rewrite, serialise
from vectorstore.domain.fusion import reciprocal_rank, weighted
from vectorstore.domain.models import Metric, SearchHit
from vectorstore.domain.requests import HybridRequest, RangeRequest, Rerank, SearchRequest
from vectorstore.domain.vector import Vector
from vectorstore.monitoring.profile import Profile
from vectorstore.optimization import shared_search
from vectorstore.optimization.query_optimizer import QueryOptimizer
from vectorstore.optimization.shared_state import State
from vectorstore.service import cached_search
from vectorstore.service.aio import async_twin
from vectorstore.service.answer_limits import check_answer
from vectorstore.service.catalogue import KnownCollection, consistency_for
from vectorstore.service.context import Scope
from vectorstore.service.expressions import output_fields, read_filter, without_denied
from vectorstore.service.profiled import ProfiledService, Reading, index_of
from vectorstore.service.representations import SearchAnswer
from vectorstore.service.search_plan import Plan, check_window, plan_part, plan_range, plan_search, vector_as_json

MAX_PARTS = 16


class SearchService(ProfiledService):
    """Bound to a collection for the asynchronous methods, whose signatures name none.

    Without ``collection_name`` these search the one that ``VECTORSTORE_DEFAULT_COLLECTION`` names.
    """

    def __init__(self, collection_name: str | None = None, scope: Scope | None = None) -> None:
        super().__init__(scope)
        self._bound = collection_name

    def search(self, collection_name: str, request: SearchRequest, profile: Profile | None = None) -> SearchAnswer:
        """The ``top_k`` nearest rows, nearest first; a list for each query where ``vectors`` were given.

        ``profile`` is one that the caller goes on with and finishes, here as in the other searches.

        Raises:
            InvalidRequest, InvalidFilter: what is wrong and where.
            NotLoaded: the collection is released.
        """
        return self._run("search", collection_name, request, plan_search, profile)

    def range(self, collection_name: str, request: RangeRequest, profile: Profile | None = None) -> SearchAnswer:
        """Every row within the radius, nearest first, up to ``limit``."""
        return self._run("range", collection_name, request, plan_range, profile)

    def text(self, collection_name: str, request: SearchRequest, profile: Profile | None = None) -> SearchAnswer:
        """A search by text, embedded as the collection's embedding says."""
        if request.text is None:
            raise InvalidRequest.at("/text", "give the text to search for")
        return self._run("text", collection_name, request, plan_search, profile)

    def _run(
        self, kind: str, collection_name: str, request: Any, planner: Callable[..., Plan], profile: Profile | None
    ) -> SearchAnswer:
        with self.reading(kind, collection_name, request, profile) as reading:
            known, state, stages = reading.act.known, reading.act.state, reading.profile
            plan = planner(self.scope, known, state, request)
            reading.planned(request, plan)
            answered = cached_search.search(self.scope, known, state, plan.query, stages, cache=request.cache)
            found = answered.hits
            reading.found(sum(len(hits) for hits in found))
            if plan.without is not None:
                most = request.top_k if isinstance(request, SearchRequest) else request.limit
                found = [[hit for hit in hits if hit.id != plan.without][:most] for hits in found]
            several = isinstance(request, SearchRequest) and request.vectors is not None
            found = [_visible(known, hits) for hits in found]
            return _answer(found if several else found[0], answered.result, reading)

    def hybrid(self, collection_name: str, request: HybridRequest, profile: Profile | None = None) -> SearchAnswer:
        """Several searches fused into one ranking; by the gateway where the engine cannot."""
        with self.reading("hybrid", collection_name, request, profile) as reading:
            known, state = reading.act.known, reading.act.state
            plans = self._plan_parts(known, state, request)
            reading.planned(request, *plans)
            weights = _weights(request.rerank, len(plans))
            fuse = self._fused_by_milvus if known.engine.capabilities.hybrid_search else self._fused_here
            answered = cached_search.fused(
                self.scope,
                known,
                state,
                [plan.query for plan in plans],
                (request.rerank.strategy, request.rerank.k, weights, request.top_k),
                lambda: fuse(reading, plans, weights, request),
                reading.profile,
                cache=request.cache,
            )
            hits = _visible(known, answered.hits[0])
            reading.found(len(hits))
            return _answer(hits, answered.result, reading)

    def _plan_parts(self, known: KnownCollection, state: State, request: HybridRequest) -> list[Plan]:
        check_window(request.top_k, 0, "/top_k")
        known.require_partitions(request.partitions)
        if not 1 <= len(request.searches) <= MAX_PARTS:
            raise InvalidRequest.at("/searches", f"give 1 to {MAX_PARTS} searches")
        if request.rerank.k <= 0:
            raise InvalidRequest.at("/rerank/k", "k is above 0")
        fields = output_fields(known, request.output_fields, default_all=False)
        check_answer(known, fields, request.top_k, rows_named="top_k")
        common = {
            "partitions": request.partitions,
            "consistency": consistency_for(request.consistency, known, state),
            "after": state.written,
            "output_fields": fields,
        }
        shared = read_filter(known, request.filter, request.filters)
        return [
            plan_part(self.scope, known, part, shared, common, f"/searches/{number}")
            for number, part in enumerate(request.searches)
        ]

    def _fused_by_milvus(
        self, reading: Reading, plans: list[Plan], weights: list[float], request: HybridRequest
    ) -> list[SearchHit]:
        known, stats = reading.act.known, CallStats()
        plans, weights = _possible(plans, weights)
        rank: dict[str, Any] = {"strategy": "rrf", "params": {"k": request.rerank.k}}
        if request.rerank.strategy == "weighted":
            rank = {"strategy": "weighted", "params": {"weights": weights}}
        queries = [plan.query for plan in plans]
        fields = output_fields(known, request.output_fields, default_all=False)
        hits = known.engine.adapter.hybrid_search(
            self.scope.database, known.schema, queries, rank, request.top_k, fields, stats
        )
        reading.profile.milvus(attempts=stats.attempts, decode_s=stats.decode_s)
        return hits

    def _fused_here(
        self, reading: Reading, plans: list[Plan], weights: list[float], request: HybridRequest
    ) -> list[SearchHit]:
        known = reading.act.known
        plans, weights = _possible(plans, weights)
        parts = [
            shared_search.search(known.engine.adapter, self.scope.database, known.schema, plan.query) for plan in plans
        ]
        reading.profile.milvus(
            attempts=sum(part.answer.stats.attempts for part in parts),
            decode_s=sum(part.answer.stats.decode_s for part in parts),
            batch=max((part.batch for part in parts), default=1),
            waited_s=sum(part.waited for part in parts),
        )
        lists = [part.answer.hits[0] for part in parts]
        if request.rerank.strategy == "rrf":
            return reciprocal_rank(lists, request.rerank.k, request.top_k)
        metrics = [plan.index.metric if plan.index else Metric.COSINE for plan in plans]
        return weighted(lists, metrics, weights, request.top_k)

    def explain(self, collection_name: str, request: SearchRequest) -> dict[str, Any]:
        """The plan of a search without running it."""
        with self.on_collection("vector.search", collection_name, request) as act:
            known, state = act.known, act.state
            plan = plan_search(self.scope, known, state, request)
            adapter = known.engine.adapter
            rows = adapter.stored_rows(self.scope.database, known.schema.name) if known.is_whole else None
            optimizer = QueryOptimizer(plan.index)
        return {
            "collection": known.schema.name,
            "field": plan.query.field.name,
            "index": index_of(plan.index),
            "params": plan.query.params,
            "params_reason": plan.reason,
            **_filter(known, plan),
            "consistency": str(plan.query.consistency),
            "waits_for_own_writes": state.written > 0,
            "output_fields": list(plan.query.output_fields),
            "top_k": request.top_k,
            "estimated_candidates": None if rows is None else optimizer.candidates(plan.query.params, rows),
            "stored_rows": rows,
        }

    # The methods of the Python API, with their asynchronous twins under the names of the specification.

    def _name(self) -> str:
        name = self._bound or current().default_collection
        if not name:
            raise InvalidRequest(
                "No collection to search: give SearchService(collection_name) or set VECTORSTORE_DEFAULT_COLLECTION."
            )
        return name

    def similar(self, vector: Vector, top_k: int = 10) -> list[SearchHit]:
        """The ``top_k`` nearest rows with their fields."""
        request = SearchRequest(vector=vector_as_json(vector.values), top_k=top_k, output_fields=self._all_fields())
        return _flat(self.search(self._name(), request))

    def within(self, vector: Vector, radius: float) -> list[SearchHit]:
        """Rows within ``radius`` (L2: below it, IP and COSINE: above it), at most 16,384."""
        request = RangeRequest(
            vector=vector_as_json(vector.values), radius=radius, limit=16_384, output_fields=self._all_fields()
        )
        return _flat(self.range(self._name(), request))

    def filtered(self, vector: Vector, filters: dict[str, Any], top_k: int = 10) -> list[SearchHit]:
        """Vector and scalar conditions together: the nearest rows among those that match ``filters``."""
        request = SearchRequest(
            vector=vector_as_json(vector.values), filters=filters, top_k=top_k, output_fields=self._all_fields()
        )
        return _flat(self.search(self._name(), request))

    def _all_fields(self) -> list[str]:
        schema = self.glance("vector.search", self._name()).visible
        names = [field.name for field in schema.scalar_fields]
        return [*names, "$meta"] if schema.dynamic_fields else names

    similarity_search = async_twin(similar)
    range_search = async_twin(within)
    hybrid_search = async_twin(filtered)


def _visible(known: KnownCollection, hits: list[SearchHit]) -> list[SearchHit]:
    if not known.denied:
        return hits
    return [replace(hit, fields=without_denied(known, [hit.fields])[0]) for hit in hits]


def _flat(answer: SearchAnswer) -> list[SearchHit]:
    return [hit for hit in answer.results if isinstance(hit, SearchHit)]


def _answer(results: Any, cache: str, reading: Reading) -> SearchAnswer:
    """With what is done to the hits after they were decoded counted as decoding."""
    profile = reading.profile
    profile.end("decode")
    return SearchAnswer(
        results=results,
        cache=cache,
        took_ms=profile.took_ms,
        profile=profile.told() if profile.asked else None,
        primary=reading.act.known.schema.primary.name,
    )


def _weights(rerank: Rerank, parts: int) -> list[float]:
    weights = rerank.weights if rerank.weights is not None else [1.0] * parts
    if rerank.strategy == "weighted" and (len(weights) != parts or not all(0 <= weight <= 1 for weight in weights)):
        raise InvalidRequest.at("/rerank/weights", f"give a weight from 0 to 1 for each of the {parts} searches")
    return weights


def _possible(plans: list[Plan], weights: list[float]) -> tuple[list[Plan], list[float]]:
    """Without those that can find nothing."""
    found = [(plan, weight) for plan, weight in zip(plans, weights, strict=True) if not plan.query.nothing]
    return [plan for plan, _ in found], [weight for _, weight in found]


def _filter(known: KnownCollection, plan: Plan) -> dict[str, Any]:
    """The caller's filter alone: that of its grant is not told."""
    dialect = known.engine.capabilities.dialect
    told: dict[str, Any] = {"filter": None, "rewritten": None, "rewrites": []}
    if plan.filter is not None:
        made = rewrite(plan.filter, known.schema)
        told["filter"] = serialise(plan.filter, dialect)
        told["rewritten"] = serialise(made.node, dialect) if made.node is not None else None
        told["rewrites"] = list(made.done)
    return told | {"asks_milvus": not plan.query.nothing}
