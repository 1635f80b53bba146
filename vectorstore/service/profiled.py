"""Searches and reads, timed: what the services of both share."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from vectorstore.domain.errors import VectorStoreError
from vectorstore.domain.filters import Node
from vectorstore.domain.models import Consistency, IndexSpec
from vectorstore.monitoring.profile import Description, Profile
from vectorstore.service.context import Scope
from vectorstore.service.operation import CollectionOperation, Service
from vectorstore.service.request_shape import filter_fields, size_class, without_values
from vectorstore.service.search_plan import Plan

_ACTIONS = {"query": "vector.query", "get": "vector.query", "count": "vector.query"}
_SEARCH = "vector.search"


class Reading:
    """A search or read under way. What it fills in of its plan is said of it in its profile."""

    __slots__ = ("act", "consistency", "filter", "limit", "offset", "plans", "profile", "reason", "scope")

    def __init__(self, scope: Scope, act: CollectionOperation, profile: Profile) -> None:
        self.scope, self.act, self.profile = scope, act, profile
        self.plans: list[Plan] = []
        self.reason = ""
        self.filter: Node | None = None
        self.limit: int | None = None
        self.offset = 0
        self.consistency: Consistency | None = None

    def planned(self, request: Any, *plans: Plan) -> None:
        """How it is to be answered; the stage ``plan`` ends."""
        self.profile.end("plan")
        self.plans = list(plans)
        self.reason = plans[0].reason
        self.limit = request.limit if hasattr(request, "limit") else request.top_k
        self.offset = getattr(request, "offset", 0)

    def found(self, rows: int) -> None:
        """How many rows the answer has."""
        self.act.rows = self.profile.rows = rows

    def describe(self) -> Description:
        """Made only for a profile that is looked at or kept."""
        scope, known = self.scope, self.act.known
        request = without_values(self.act.parameters)
        plan = self._plan()
        shape = {
            "kind": self.profile.kind,
            "searches": plan["searches"],
            "limit": None if self.limit is None else size_class(self.limit),
            "offset": size_class(self.offset) if self.offset else None,
            "consistency": plan["consistency"],
        }
        shape |= {
            name: request[name] for name in ("filter", "filters", "output_fields", "group_by") if request.get(name)
        }
        if parts := [part["filter"] for part in request.get("searches", ()) if part.get("filter")]:
            shape["filters_of_parts"] = parts
        return Description(
            cluster=scope.cluster,
            database=scope.database,
            collection=known.schema.name,
            actor=scope.actor.name,
            shape={name: value for name, value in shape.items() if value not in (None, [])},
            request=request,
            plan=plan,
        )

    def _plan(self) -> dict[str, Any]:
        nodes = [self.filter, *(plan.filter for plan in self.plans)]
        first = self.plans[0] if self.plans else None
        level = first.query.consistency if first else self.consistency
        told: dict[str, Any] = {
            "params": first.query.params if first else {},
            "params_reason": self.reason,
            "index": index_of(first.index) if first else None,
            "consistency": None if level is None else str(level),
            "filter_fields": filter_fields(nodes),
            "searches": [
                {
                    "field": plan.query.field.name,
                    "index": plan.index and str(plan.index.kind),
                    "metric": plan.index and str(plan.index.metric),
                }
                for plan in self.plans
            ],
        }
        return told


class ProfiledService(Service):
    @contextmanager
    def reading(self, kind: str, name: str, request: Any, given: Profile | None) -> Iterator[Reading]:
        """As ``on_collection``, timed as ``kind``. ``given`` is a profile that the caller goes on with and finishes.

        What is refused for lack of a right leaves no profile.
        """
        profile = given or Profile()
        profile.kind, profile.asked = kind, request.profile
        try:
            with self.on_collection(_ACTIONS.get(kind, _SEARCH), name, request) as act:
                profile.end("authorise")
                reading = Reading(self.scope, act, profile)
                profile.describe = reading.describe
                yield reading
        except Exception as error:
            profile.outcome = error.code if isinstance(error, VectorStoreError) else "internal_error"
            profile.end("unfinished")
            profile.finish()
            raise
        if given is None:
            profile.finish()


def index_of(index: IndexSpec | None) -> dict[str, Any] | None:
    """An index as answers tell it."""
    if index is None:
        return None
    return {"type": str(index.kind), "metric": str(index.metric), "params": index.params}
