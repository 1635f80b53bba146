"""Searches: nearest rows, ranges, hybrid, text, and the plan of a search."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from vectorstore.config.settings import current
from vectorstore.domain.errors import InvalidRequest
from vectorstore.domain.filters import serialise
from vectorstore.domain.fusion import reciprocal_rank, weighted
from vectorstore.domain.models import Metric, SearchHit
from vectorstore.domain.requests import HybridRequest, RangeRequest, Rerank, SearchRequest
from vectorstore.domain.vector import Vector
from vectorstore.optimization.shared_state import State
from vectorstore.service.aio import async_twin
from vectorstore.service.catalogue import KnownCollection, consistency_for
from vectorstore.service.context import Scope
from vectorstore.service.expressions import output_fields, read_filter, without_denied
from vectorstore.service.operation import Service
from vectorstore.service.representations import SearchAnswer
from vectorstore.service.search_plan import Plan, check_window, plan_part, plan_range, plan_search, vector_as_json

MAX_PARTS = 16


class SearchService(Service):
    """Bound to a collection for the asynchronous methods, whose signatures name none.

    Without ``collection_name`` these search the one that ``VECTORSTORE_DEFAULT_COLLECTION`` names.
    """

    def __init__(self, collection_name: str | None = None, scope: Scope | None = None) -> None:
        super().__init__(scope)
        self._bound = collection_name

    def search(self, collection_name: str, request: SearchRequest) -> SearchAnswer:
        """The ``top_k`` nearest rows, nearest first; a list for each query where ``vectors`` were given.

        Raises:
            InvalidRequest, InvalidFilter: what is wrong and where.
            NotLoaded: the collection is released.
        """
        return self._run(collection_name, request, plan_search)

    def range(self, collection_name: str, request: RangeRequest) -> SearchAnswer:
        """Every row within the radius, nearest first, up to ``limit``."""
        return self._run(collection_name, request, plan_range)

    def text(self, collection_name: str, request: SearchRequest) -> SearchAnswer:
        """A search by text, embedded as the collection's embedding says."""
        if request.text is None:
            raise InvalidRequest.at("/text", "give the text to search for")
        return self.search(collection_name, request)

    def _run(self, collection_name: str, request: Any, planner: Callable[..., Plan]) -> SearchAnswer:
        began = time.perf_counter()
        with self.on_collection("vector.search", collection_name, request) as act:
            known, state = act.known, act.state
            plan = planner(self.scope, known, state, request)
            planned = time.perf_counter()
            found = known.engine.adapter.search(self.scope.database, known.schema, plan.query)
            answered = time.perf_counter()
            act.rows = sum(len(hits) for hits in found)
        if plan.without is not None:
            most = request.top_k if isinstance(request, SearchRequest) else request.limit
            found = [[hit for hit in hits if hit.id != plan.without][:most] for hits in found]
        several = isinstance(request, SearchRequest) and request.vectors is not None
        found = [_visible(known, hits) for hits in found]
        return SearchAnswer(
            results=found if several else found[0],
            cache="bypass",
            took_ms=_ms(time.perf_counter() - began),
            profile=_profile(plan, planned - began, answered - planned) if request.profile else None,
            primary=known.schema.primary.name,
        )

    def hybrid(self, collection_name: str, request: HybridRequest) -> SearchAnswer:
        """Several searches fused into one ranking; by the gateway where the engine cannot."""
        began = time.perf_counter()
        with self.on_collection("vector.search", collection_name, request) as act:
            known, state = act.known, act.state
            plans = self._plan_parts(known, state, request)
            hits = _visible(known, self._fuse(known, plans, request))
            act.rows = len(hits)
        spent = _ms(time.perf_counter() - began)
        return SearchAnswer(results=hits, cache="bypass", took_ms=spent, primary=known.schema.primary.name)

    def _plan_parts(self, known: KnownCollection, state: State, request: HybridRequest) -> list[Plan]:
        check_window(request.top_k, 0, "/top_k")
        known.require_partitions(request.partitions)
        if not 1 <= len(request.searches) <= MAX_PARTS:
            raise InvalidRequest.at("/searches", f"give 1 to {MAX_PARTS} searches")
        if request.rerank.k <= 0:
            raise InvalidRequest.at("/rerank/k", "k is above 0")
        where = {
            "partitions": request.partitions,
            "consistency": consistency_for(request.consistency, known, state),
            "after": state.written,
            "output_fields": output_fields(known, request.output_fields, default_all=False),
        }
        shared = read_filter(known, request.filter, request.filters)
        return [
            plan_part(self.scope, known, part, shared, where, f"/searches/{number}")
            for number, part in enumerate(request.searches)
        ]

    def _fuse(self, known: KnownCollection, plans: list[Plan], request: HybridRequest) -> list[SearchHit]:
        weights = _weights(request.rerank, len(plans))
        adapter = known.engine.adapter
        if known.engine.capabilities.hybrid_search:
            rank: dict[str, Any] = {"strategy": "rrf", "params": {"k": request.rerank.k}}
            if request.rerank.strategy == "weighted":
                rank = {"strategy": "weighted", "params": {"weights": weights}}
            queries = [plan.query for plan in plans]
            fields = queries[0].output_fields
            return adapter.hybrid_search(self.scope.database, known.schema, queries, rank, request.top_k, fields)
        lists = [adapter.search(self.scope.database, known.schema, plan.query)[0] for plan in plans]
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
        return {
            "collection": known.schema.name,
            "field": plan.query.field.name,
            "index": _index(plan),
            "params": plan.query.params,
            "params_reason": _reason(request, plan),
            "filter": serialise(plan.filter, known.engine.capabilities.dialect) if plan.filter else None,
            "consistency": str(plan.query.consistency),
            "waits_for_own_writes": state.written > 0,
            "output_fields": list(plan.query.output_fields),
            "top_k": request.top_k,
            "estimated_candidates": None if rows is None else _candidates(plan, rows),
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


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)


def _weights(rerank: Rerank, parts: int) -> list[float]:
    weights = rerank.weights if rerank.weights is not None else [1.0] * parts
    if rerank.strategy == "weighted" and (len(weights) != parts or not all(0 <= weight <= 1 for weight in weights)):
        raise InvalidRequest.at("/rerank/weights", f"give a weight from 0 to 1 for each of the {parts} searches")
    return weights


def _profile(plan: Plan, planning: float, searching: float) -> dict[str, Any]:
    return {
        "stages": {"plan": _ms(planning), "milvus": _ms(searching)},
        "params": plan.query.params,
        "index": _index(plan),
        "consistency": str(plan.query.consistency),
    }


def _index(plan: Plan) -> dict[str, Any] | None:
    if plan.index is None:
        return None
    return {"type": str(plan.index.kind), "metric": str(plan.index.metric), "params": plan.index.params}


def _reason(request: SearchRequest, plan: Plan) -> str:
    if request.params:
        return "given with the request; what it left open follows the defaults"
    if request.recall_target is not None:
        return f"chosen for a recall target of {request.recall_target}"
    return "defaults of the index kind, raised where top_k needs it" if plan.query.params else "the index has none"


def _candidates(plan: Plan, rows: int) -> int:
    params = plan.query.params
    if "nprobe" in params and plan.index is not None:
        share = params["nprobe"] / max(1, int(plan.index.params.get("nlist", params["nprobe"])))
        return min(rows, round(rows * min(1.0, float(share))))
    return min(rows, int(params.get("ef") or params.get("search_list") or rows))
