"""``collections/{name}/search/``: the hot path."""

from collections.abc import Callable
from typing import Any

from django.http import HttpResponse

from vectorstore.api.operation import operation
from vectorstore.api.profiled import profiled
from vectorstore.api.schemas.search import SearchBody, search_body
from vectorstore.api.views.base import EngineView
from vectorstore.domain.requests import HybridRequest, RangeRequest, SearchRequest
from vectorstore.monitoring.profile import Profile
from vectorstore.service import SearchService
from vectorstore.service.representations import SearchAnswer

_CACHE = {"X-Cache": {"enum": ["hit", "miss", "bypass"]}}


class _SearchView(EngineView):
    tag = "Search"

    @property
    def service(self) -> SearchService:
        return SearchService(scope=self.scope)

    def answer(self, search: Callable[..., SearchAnswer], name: str, body: Any) -> HttpResponse:
        """With a header that says what the cache did, for who does not read bodies."""
        cache = ""

        def found(profile: Profile) -> dict[str, Any]:
            nonlocal cache
            answer = search(name, body, profile)
            cache = answer.cache
            return search_body(answer)

        response = profiled(self.began, found, timed=True)
        response["X-Cache"] = cache
        return response


class SearchView(_SearchView):
    @operation("Search", body=SearchRequest, answer=SearchBody, headers=_CACHE)
    def post(self, body: SearchRequest, name: str) -> HttpResponse:
        """By exactly one of ``vector``, ``vectors``, ``text`` and the ``id`` of a stored row."""
        return self.answer(self.service.search, name, body)


class RangeSearchView(_SearchView):
    @operation("Range search", body=RangeRequest, answer=SearchBody, headers=_CACHE)
    def post(self, body: RangeRequest, name: str) -> HttpResponse:
        """Every row within ``radius``, up to ``limit``: L2 below it, IP and COSINE above it."""
        return self.answer(self.service.range, name, body)


class HybridSearchView(_SearchView):
    @operation("Hybrid search", body=HybridRequest, answer=SearchBody, headers=_CACHE)
    def post(self, body: HybridRequest, name: str) -> HttpResponse:
        """Several searches whose ranked lists are fused into one."""
        return self.answer(self.service.hybrid, name, body)


class TextSearchView(_SearchView):
    @operation("Text search", body=SearchRequest, answer=SearchBody, headers=_CACHE)
    def post(self, body: SearchRequest, name: str) -> HttpResponse:
        """By ``text``, where the collection has an embedding configured."""
        return self.answer(self.service.text, name, body)


class ExplainView(_SearchView):
    @operation("Explain a search", body=SearchRequest, answer=dict[str, Any])
    def post(self, body: SearchRequest, name: str) -> dict[str, Any]:
        """The plan: index, parameters and why, the filter as parsed, consistency. Nothing is searched."""
        return self.service.explain(name, body)
