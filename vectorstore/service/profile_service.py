"""Kept profiles and slow queries, looked at by those who may see the profiles of a collection."""

import builtins
from dataclasses import dataclass, replace
from datetime import datetime
from math import ceil

from django.db.models import Count, Max, Q, QuerySet, Sum
from django.utils import timezone

from vectorstore.domain.errors import InvalidRequest, NotFound, VectorStoreError
from vectorstore.models import SearchProfile
from vectorstore.monitoring.profile import SLOW
from vectorstore.service.catalogue import look_up
from vectorstore.service.context import Scope
from vectorstore.service.operation import Service
from vectorstore.service.query_advice import Present, advice

_ABSENT = "There is no such profile."
_RIGHT = "profile.view"
_SHAPE = ("cluster", "database", "collection", "shape_hash")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileFilter:
    """Each given one must be met: profiles from ``since`` on that took at least ``slower_than`` milliseconds."""

    collection: str = ""
    since: datetime | None = None
    slower_than: float | None = None


@dataclass(frozen=True, slots=True)
class SlowQuery:
    """The slow ones among the kept profiles of one shape; ``latest`` is the key of the last of them."""

    cluster: str
    database: str
    collection: str
    shape_hash: str
    count: int
    total_ms: float
    max_ms: float
    last_seen: datetime
    latest: int


class ProfileService(Service):
    """``profile.view`` is asked of the collection of each profile."""

    def __init__(self, scope: Scope | None = None) -> None:
        super().__init__(scope)
        self._present: dict[tuple[str, str, str], Present] = {}
        self._away: set[str] = set()

    def list(self, wanted: ProfileFilter) -> QuerySet[SearchProfile]:
        """Those of collections whose profiles the caller may see, newest first.

        Raises:
            PermissionDenied: it may see those of none.
            InvalidRequest: a time without its offset.
        """
        self._check(wanted)
        with self.listing(_RIGHT) as act:
            act.parameters = {"collection": wanted.collection} if wanted.collection else {}
            return self._within(self.reachable(), wanted)

    def reachable(self) -> QuerySet[SearchProfile]:
        """As ``list``, for a page that shows several; the page's own request is what is recorded."""
        rows, rights = SearchProfile.objects.all(), self.rights
        if rights.actor.superuser and rights.actor.scopes is None:
            return rows
        found = Q(pk__in=())
        held: dict[tuple[str, str], builtins.list[str]] = {}
        for place in rows.order_by().values_list("cluster", "database", "collection").distinct():
            if rights.decide(_RIGHT, *place).allowed:
                held.setdefault(place[:2], []).append(place[2])
        for (cluster, database), names in held.items():
            found |= Q(cluster=cluster, database=database, collection__in=names)
        return rows.filter(found)

    def get(self, number: int) -> SearchProfile:
        """Raises NotFound: there is none, or none that the caller may know of."""
        found = SearchProfile.objects.filter(pk=number).first()
        if found is None:
            raise NotFound(_ABSENT)
        there = Service(replace(self.scope, cluster=found.cluster, database=found.database))
        if not self.rights.decide(_RIGHT, found.cluster, found.database, found.collection).allowed:
            there.hidden(_RIGHT, found.collection, _ABSENT)
        with there.operation(_RIGHT, found.collection):
            return found

    def slow(self, wanted: ProfileFilter) -> builtins.list[SlowQuery]:
        """Slow queries by shape, those that took the most time together first. Raises as ``list``."""
        return self.grouped(self.list(wanted))

    def grouped(self, rows: QuerySet[SearchProfile]) -> builtins.list[SlowQuery]:
        """The slow ones of ``rows`` by shape, those that took the most time together first."""
        found = rows.filter(kept_for=SLOW).order_by().values(*_SHAPE)
        summed = found.annotate(
            count=Count("pk"), total_ms=Sum("took_ms"), max_ms=Max("took_ms"), last_seen=Max("at"), latest=Max("pk")
        )
        return [SlowQuery(**row) for row in summed.order_by("-total_ms", *_SHAPE)]

    def p95_ms(self, slow: SlowQuery, wanted: ProfileFilter) -> float:
        """Of the same profiles: 95 % of them took at most as long (nearest rank)."""
        where = {name: getattr(slow, name) for name in _SHAPE}
        rows = self._within(SearchProfile.objects.filter(kept_for=SLOW, pk__lte=slow.latest, **where), wanted)
        times = rows.order_by("took_ms").values_list("took_ms", flat=True)
        place = max(0, ceil(slow.count * 0.95) - 1)
        return float(times[place : place + 1].first() or slow.max_ms)  # some may have been purged meanwhile

    def example(self, slow: SlowQuery) -> SearchProfile | None:
        """The last one of the shape; None where it was purged meanwhile."""
        return SearchProfile.objects.filter(pk=slow.latest).first()

    def advice(self, profile: SearchProfile) -> builtins.list[str]:
        """What would make it faster. A collection is asked about once, a cluster that does not answer no more."""
        place = (profile.cluster, profile.database, profile.collection)
        if place not in self._present:
            self._present[place] = self._ask(*place)
        return advice(profile, self._present[place])

    def _ask(self, cluster: str, database: str, collection: str) -> Present:
        if cluster in self._away:
            return Present()
        try:
            known, _ = look_up(replace(self.scope, cluster=cluster, database=database), collection)
            adapter, name = known.engine.adapter, known.schema.name
            return Present(
                indexed=frozenset(adapter.indexed_fields(database, name)),
                rows=adapter.stored_rows(database, name),
                vectors=frozenset(field.name for field in known.schema.vector_fields),
                primary=known.schema.primary.name,
            )
        except NotFound:
            return Present()
        except VectorStoreError:
            self._away.add(cluster)
            return Present()

    def _within(self, rows: QuerySet[SearchProfile], wanted: ProfileFilter) -> QuerySet[SearchProfile]:
        conditions = {
            "collection": wanted.collection or None,
            "at__gte": wanted.since,
            "took_ms__gte": wanted.slower_than,
        }
        return rows.filter(**{name: value for name, value in conditions.items() if value is not None})

    def _check(self, wanted: ProfileFilter) -> None:
        if wanted.since is not None and timezone.is_naive(wanted.since):
            raise InvalidRequest.at("?since", "give the time with its offset, such as 2030-01-31T00:00:00Z")
        if not self.rights.somewhere(_RIGHT):
            with self.operation(_RIGHT):  # refused, and recorded as any refusal is
                pass
