"""``profiles/`` and ``slow-queries/``."""

from typing import Any

from vectorstore.api.operation import operation
from vectorstore.api.query_values import as_ms, as_text, as_time
from vectorstore.api.schemas.profiles import (
    ProfileBody,
    ProfileSummary,
    SlowQueryBody,
    profile_body,
    profile_summary,
    slow_query_body,
)
from vectorstore.api.views.base import View
from vectorstore.service.context import Scope
from vectorstore.service.profile_service import ProfileFilter, ProfileService, SlowQuery

_FILTERS = ("collection", "since", "slower_than")
_ORDERING = {
    "total_ms": lambda slow: slow.total_ms,
    "count": lambda slow: slow.count,
    "max_ms": lambda slow: slow.max_ms,
    "last_seen": lambda slow: slow.last_seen,
}


class _ProfilesView(View):
    tag = "Profiles"

    @property
    def service(self) -> ProfileService:
        return ProfileService(Scope(actor=self.actor))

    @property
    def wanted(self) -> ProfileFilter:
        asked = self.request.query_params
        return ProfileFilter(
            collection=as_text("collection", asked.get("collection", "")),
            since=as_time("since", asked["since"]) if asked.get("since") else None,
            slower_than=as_ms("slower_than", asked["slower_than"]) if asked.get("slower_than") else None,
        )


class ProfilesView(_ProfilesView):
    @operation("List profiles", answer=ProfileSummary, order=("at", "took_ms"), query=_FILTERS)
    def get(self) -> dict[str, Any]:
        """Searches and reads that were slow, asked for their profile or were drawn by chance; the newest first."""
        return self.table(self.service.list(self.wanted), profile_summary, search="collection", order="-id")


class ProfileView(_ProfilesView):
    @operation("Get a profile", answer=ProfileBody)
    def get(self, number: int) -> ProfileBody:
        """Where the time of one went, and what would make it faster."""
        service = self.service
        found = service.get(number)
        return profile_body(found, service.advice(found))


class SlowQueriesView(_ProfilesView):
    @operation("List slow queries", answer=SlowQueryBody, order=_ORDERING, query=_FILTERS)
    def get(self) -> dict[str, Any]:
        """The slow ones among the kept profiles by their shape; those that took the most time together first."""
        service, wanted = self.service, self.wanted

        def body(slow: SlowQuery) -> SlowQueryBody | None:
            example = service.example(slow)
            if example is None:
                return None
            return slow_query_body(slow, service.p95_ms(slow, wanted), example, service.advice(example))

        return self.page(
            service.slow(wanted), body, search=lambda slow: slow.collection, ordering=_ORDERING, order="-total_ms"
        )
