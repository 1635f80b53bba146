"""``collections/{name}/search/``: the hot path."""

from typing import Any

from vectorstore.api.operation import operation
from vectorstore.api.schemas.search import SearchBody, search_body
from vectorstore.api.views.base import EngineView
from vectorstore.domain.requests import HybridRequest, RangeRequest, SearchRequest
from vectorstore.service import SearchService


class _SearchView(EngineView):
    tag = "Search"

    @property
    def service(self) -> SearchService:
        return SearchService(scope=self.scope)


class SearchView(_SearchView):
    @operation("Search", body=SearchRequest, answer=SearchBody)
    def post(self, body: SearchRequest, name: str) -> SearchBody:
        """By exactly one of ``vector``, ``vectors``, ``text`` and the ``id`` of a stored row."""
        return search_body(self.service.search(name, body))


class RangeSearchView(_SearchView):
    @operation("Range search", body=RangeRequest, answer=SearchBody)
    def post(self, body: RangeRequest, name: str) -> SearchBody:
        """Every row within ``radius``, up to ``limit``: L2 below it, IP and COSINE above it."""
        return search_body(self.service.range(name, body))


class HybridSearchView(_SearchView):
    @operation("Hybrid search", body=HybridRequest, answer=SearchBody)
    def post(self, body: HybridRequest, name: str) -> SearchBody:
        """Several searches whose ranked lists are fused into one."""
        return search_body(self.service.hybrid(name, body))


class TextSearchView(_SearchView):
    @operation("Text search", body=SearchRequest, answer=SearchBody)
    def post(self, body: SearchRequest, name: str) -> SearchBody:
        """By ``text``, where the collection has an embedding configured."""
        return search_body(self.service.text(name, body))


class ExplainView(_SearchView):
    @operation("Explain a search", body=SearchRequest, answer=dict[str, Any])
    def post(self, body: SearchRequest, name: str) -> dict[str, Any]:
        """The plan: index, parameters and why, the filter as parsed, consistency. Nothing is searched."""
        return self.service.explain(name, body)
