"""Recall curves: measured when asked for, and of collections that are searched with a recall target."""

import logging
from datetime import timedelta
from typing import Any

from django.utils import timezone

from vectorstore.adapters.read_calls import RowQuery
from vectorstore.domain.errors import InvalidRequest, NotFound, VectorStoreError
from vectorstore.domain.models import DataType
from vectorstore.domain.recall import Curve
from vectorstore.models import Job, JobState
from vectorstore.optimization.shared_state import shared_state
from vectorstore.service import recall_curves
from vectorstore.service.catalogue import KnownCollection, consistency_for, forget, look_up
from vectorstore.service.context import Scope
from vectorstore.service.job_service import submit
from vectorstore.service.measure_recall import Measurement
from vectorstore.service.operation import Service
from vectorstore.service.work import Work

log = logging.getLogger("vectorstore.recall")

KIND = "measure_recall"
_PAUSE = timedelta(hours=1)
"""After a measurement of an index, before it is measured again unasked: one that failed is likely to fail again."""


class RecallService(Service):
    """Who may build an index may measure it: all rows are read, and searched some thousand times."""

    def start(self, collection_name: str, field: str | None = None) -> Job:
        """Measure the index of a field, as a job.

        Raises:
            NotFound: the field has no index.
            InvalidRequest: its vectors are sparse.
        """
        with self.on_collection("index.create", collection_name) as act:
            name = _measurable(act.known, field)
            params = {"collection": act.known.schema.name, "field": name}
            return submit(self.scope, KIND, params, act.known.schema.name)

    def measure(self, collection_name: str, field: str, work: Work) -> Curve:
        """Measure now and keep the curve.

        Raises:
            Conflict: there are too few rows.
        """
        with self.on_collection("index.create", collection_name) as act:
            known = act.known
            name = _measurable(known, field)
            measurement = Measurement(known, act.state, known.vector_field(name), known.indexes[name], work)
            curve = measurement.run()
            recall_curves.record(known.record_id, name, curve)
            forget(self.scope)
            return curve


def _measurable(known: KnownCollection, field: str | None) -> str:
    found = known.vector_field(field)
    if found.name not in known.indexes:
        raise NotFound(f"The field {found.name} has no index.")
    if found.type is DataType.SPARSE_FLOAT_VECTOR:
        raise InvalidRequest.at("/field", "recall is measured of dense and of binary vectors")
    return found.name


def run_measure(work: Work, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
    """The job of ``start``."""
    curve = RecallService(scope).measure(params["collection"], params["field"], work)
    return {"collection": params["collection"], "field": params["field"], "points": len(curve.points)}


def measure_due() -> int:
    """Start to measure one collection that is searched with a recall target and has no curve that holds.

    Returns how many jobs were started: none while one is under way.
    """
    measured = Job.objects.filter(kind=KIND)
    if measured.filter(state__in=(JobState.QUEUED, JobState.RUNNING)).exists():
        return 0
    lately = measured.filter(created_at__gt=timezone.now() - _PAUSE)
    for name, field in shared_state().wanted_recalls():
        scope = Scope(cluster=name.cluster, database=name.database)
        try:
            known, state = look_up(scope, name.name)
            index = known.indexes.get(field)
            mine = lately.filter(cluster=name.cluster, database=name.database, collection=known.schema.name)
            if index is None or mine.filter(params__field=field).exists():
                continue
            every = RowQuery(expression="", output_fields=[], consistency=consistency_for(None, known, state))
            rows = known.engine.adapter.count(scope.database, known.schema, every)
            if rows > 1 and not recall_curves.holds(known.curves.get(field), index, rows):
                RecallService(scope).start(known.schema.name, field)
                return 1
        except VectorStoreError as error:
            log.warning("the recall of %s is not measured now: %s", name, error.detail)
    return 0
