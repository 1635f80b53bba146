"""Advice about indexes: asked for, and looked at. The measuring is a job (``run_advice``)."""

import secrets
from dataclasses import dataclass

from vectorstore.domain.advice import Point
from vectorstore.domain.errors import Conflict, FieldError, InvalidRequest, UnsupportedByEngine
from vectorstore.domain.models import DataType, IndexSpec, Metric
from vectorstore.domain.requests import AdviceRequest
from vectorstore.models import IndexAdvice, Job
from vectorstore.service.catalogue import KnownCollection
from vectorstore.service.job_service import submit
from vectorstore.service.operation import Service

LEAST_ROWS = 1_100
"""Milvus builds no index over fewer than 1,024 rows of a segment, and some of the sample are queries."""
_RANGES = (("sample", LEAST_ROWS, 1_000_000), ("max_seconds", 10, 86_400))


@dataclass(frozen=True, slots=True)
class AdviceView:
    """``advice`` is None where nothing was measured; ``whole``: whether the caller may know of all rows."""

    collection: str
    field: str
    advice: IndexAdvice | None
    whole: bool

    @property
    def points(self) -> list[Point]:
        return [Point.from_json(item) for item in self.advice.points] if self.advice else []


class AdviceService(Service):
    def latest(self, name: str, field: str | None = None) -> AdviceView:
        """What the last sweep found about the index of a field.

        Raises:
            InvalidRequest: no such vector field, or several and none named.
        """
        with self.on_collection("collection.view", name) as act:
            known = act.known
            target = known.vector_field(field, "?field")
            found = IndexAdvice.objects.filter(uid=known.uid, field=target.name).first()
            return AdviceView(known.schema.name, target.name, found, known.is_whole)

    def start(self, name: str, request: AdviceRequest) -> Job:
        """Start a sweep.

        Raises:
            InvalidRequest: a value is out of its range; there is no such field.
            UnsupportedByEngine: the field's vectors are no float vectors.
        """
        with self.on_collection("index.create", name, request) as act:
            known = act.known
            target = known.vector_field(request.field)
            _check(request)
            if target.type is not DataType.FLOAT_VECTOR:
                raise UnsupportedByEngine(f"Indexes are measured for FLOAT_VECTOR; {target.name} is {target.type}.")
            params = {
                "collection": known.schema.name,
                "uid": known.uid,
                "field": target.name,
                "sample": request.sample,
                "recall_target": request.recall_target,
                "memory_budget_mb": request.memory_budget_mb,
                "max_seconds": request.max_seconds,
                "key": secrets.token_hex(8),
            }
            return submit(self.scope, "advise", params, known.schema.name)


def advised(known: KnownCollection, field: str, point: int | None) -> IndexSpec:
    """The index of a point of the last advice about ``field``, of the recommended one without ``point``.

    Raises:
        Conflict: nothing was measured.
        InvalidRequest: there is no such point.
    """
    advice = IndexAdvice.objects.filter(uid=known.uid, field=field).first()
    if advice is None or advice.recommended is None:
        raise Conflict(f"No index of {known.schema.name}.{field} was measured; start a sweep first.")
    place = advice.recommended if point is None else point
    if not 0 <= place < len(advice.points):
        raise InvalidRequest.at("/point", f"the advice has the points 0 to {len(advice.points) - 1}")
    chosen = Point.from_json(advice.points[place])
    return IndexSpec(field=field, kind=chosen.kind, metric=Metric(advice.metric), params=chosen.params)


def _check(request: AdviceRequest) -> None:
    errors = [
        FieldError(f"/{name}", "invalid", f"{name} is a whole number from {low:,} to {high:,}")
        for name, low, high in _RANGES
        if not low <= getattr(request, name) <= high
    ]
    if not 0 < request.recall_target <= 1:
        errors.append(FieldError("/recall_target", "invalid", "recall_target is above 0 and at most 1"))
    if request.memory_budget_mb is not None and not 0 < request.memory_budget_mb <= 10**9:
        errors.append(
            FieldError("/memory_budget_mb", "invalid", "memory_budget_mb is above 0 and at most 1,000,000,000")
        )
    if errors:
        raise InvalidRequest("; ".join(item.detail for item in errors), errors=tuple(errors))
