"""The work of a sweep: a sample, an index after the other, and what to make of them."""

import time
from contextlib import suppress
from typing import Any

import numpy as np

from vectorstore.adapters.read_calls import RowQuery
from vectorstore.config.collection_config import ADVICE_PREFIX
from vectorstore.config.index_candidates import Candidate, candidates
from vectorstore.domain.advice import Point, Wish
from vectorstore.domain.errors import Conflict, EngineUnavailable, Overloaded, VectorStoreError
from vectorstore.domain.models import IndexKind, Metric
from vectorstore.domain.vector import Floats
from vectorstore.models import IndexAdvice
from vectorstore.optimization.index_advisor import front, recommend, todays
from vectorstore.optimization.index_trial import Trial
from vectorstore.optimization.vector_sample import most_rows, sample
from vectorstore.service.advice_service import LEAST_ROWS
from vectorstore.service.catalogue import KnownCollection, consistency_for, look_up
from vectorstore.service.context import Scope
from vectorstore.service.operation import Service
from vectorstore.service.work import Work

_QUERIES = 200
_SAMPLE_SHARE = 1 / 4
"""Of the time, for taking the sample."""


def run_advice(work: Work, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
    """Measure the indexes of ``params["field"]``. Each measured index is a chunk.

    Raises:
        Conflict: the collection was replaced, or has too few rows to tell one index from another.
        NotLoaded: it is released.
    """
    name = params["collection"]
    Service(scope).require("index.create", name)  # what the caller held when it asked may be gone
    known = look_up(scope, name)[0].whole
    if known.uid != params["uid"]:
        raise Conflict(f"The collection {name} was replaced meanwhile; ask again.")
    return _Sweep(work, scope, known, params).run()


class _Sweep:
    def __init__(self, work: Work, scope: Scope, known: KnownCollection, params: dict[str, Any]) -> None:
        self._work, self._scope, self._known, self._params = work, scope, known, params
        self._field = known.vector_field(params["field"])
        self._today = known.indexes.get(self._field.name)
        self._metric = self._today.metric if self._today else Metric.COSINE
        self._ends = time.monotonic() + params["max_seconds"]

    def run(self) -> dict[str, Any]:
        self._work.stage("sampling")
        total = self._count()
        rows, queries = self._sample(total)
        measured, skipped = self._measure(rows, queries, total)
        advice = self._conclude(measured, skipped, total, len(rows), len(queries))
        return {
            "collection": self._known.schema.name,
            "field": self._field.name,
            "points": len(measured),
            "recommended": advice.points[advice.recommended] if advice.recommended is not None else None,
            "reasons": advice.reasons,
        }

    def _count(self) -> int:
        known, state = look_up(self._scope, self._known.schema.name)
        level = consistency_for(None, known, state)
        query = RowQuery(expression="", output_fields=[], consistency=level, after=state.written)
        total = known.engine.adapter.count(self._scope.database, known.schema, query)
        if total < LEAST_ROWS:
            raise Conflict(
                f"{known.schema.name} has {total} rows; below {LEAST_ROWS:,} every index compares with all of them,"
                " and FLAT is right."
            )
        return total

    def _sample(self, total: int) -> tuple[Floats, Floats]:
        wanted = min(self._params["sample"], most_rows(self._field.dimension or 1))
        found = sample(
            self._known.engine.adapter,
            self._scope.database,
            self._known.schema,
            self._field,
            wanted,
            total,
            check=self._work.check,
            ends=time.monotonic() + self._params["max_seconds"] * _SAMPLE_SHARE,
        )
        if len(found) < LEAST_ROWS:
            raise Conflict(f"Only {len(found)} rows could be read in the time; give more with max_seconds.")
        order = np.random.default_rng(7).permutation(len(found))
        held_out = min(_QUERIES, len(found) // 20)
        return found[np.sort(order[held_out:])], found[order[:held_out]]

    def _measure(self, rows: Floats, queries: Floats, total: int) -> tuple[list[Point], list[str]]:
        trial = Trial(
            self._known.engine.adapter,
            self._scope.database,
            f"{ADVICE_PREFIX}{self._params['key']}",
            rows,
            queries,
            self._metric,
            self._work.check,
        )
        wanted = self._wanted(len(rows))
        points: list[Point] = []
        skipped: list[str] = []
        loaded = False
        try:
            for number, (candidate, today) in enumerate(wanted):
                self._work.progress(number, len(wanted), "indexes")
                note = self._work.finished(candidate.key)
                if note is None:
                    if not loaded:
                        self._work.stage("loading")
                        trial.load()
                        loaded = True
                    self._work.stage(f"measuring {candidate.kind}")
                    note = self._one(trial, candidate, total, today=today)
                    self._work.finish(candidate.key, note)
                points += [Point.from_json(item) for item in note["points"]]
                skipped += [note["skipped"]] if note["skipped"] else []
            self._work.progress(len(wanted), len(wanted), "indexes")
        finally:
            with suppress(EngineUnavailable, Overloaded):  # the cleaning takes it later
                trial.drop()
        return points, skipped

    def _one(self, trial: Trial, candidate: Candidate, total: int, *, today: bool) -> dict[str, Any]:
        if time.monotonic() > self._ends:
            return {"points": [], "skipped": f"{candidate.key}: the time was over"}
        try:
            found = trial.measure(candidate, total, self._ends, today=today)
        except (EngineUnavailable, Overloaded):
            raise
        except VectorStoreError as error:
            self._work.say(f"{candidate.key} cannot be measured: {error.detail}")
            return {"points": [], "skipped": f"{candidate.key}: {error.detail}"}
        for point in found:
            self._work.say(f"{candidate.key} {point.search}: recall {point.recall:.3f}, p50 {point.p50_ms:.2f} ms")
        skipped = "" if found else f"{candidate.key}: it was not built in the time"
        return {"points": [point.to_json() for point in found], "skipped": skipped}

    def _wanted(self, rows: int) -> list[tuple[Candidate, bool]]:
        """Today's index first: the others are compared with it."""
        able = self._known.engine.capabilities.index_kinds
        found = candidates(self._field.type, self._field.dimension, rows, able)
        if self._today is None or self._today.kind is IndexKind.DISKANN:
            return [(candidate, False) for candidate in found]
        now = Candidate(self._today.kind, self._today.params)
        return [(now, True), *((candidate, False) for candidate in found if candidate.key != now.key)]

    def _conclude(self, points: list[Point], skipped: list[str], total: int, rows: int, queries: int) -> IndexAdvice:
        wish = Wish(recall_target=self._params["recall_target"], memory_budget_mb=self._params["memory_budget_mb"])
        found = recommend(points, wish)
        values = {
            "metric": str(self._metric),
            "dimension": self._field.dimension,
            "rows": total,
            "sample": rows,
            "queries": queries,
            "recall_target": wish.recall_target,
            "memory_budget_mb": wish.memory_budget_mb,
            "points": [point.to_json() for point in points],
            "front": front(points),
            "recommended": found.point,
            "today": todays(points, wish.recall_target),
            "meets_recall": found.meets_recall,
            "meets_budget": found.meets_budget,
            "reasons": found.reasons,
            "skipped": skipped,
            "engine": self._known.engine.capabilities.version,
        }
        advice, _ = IndexAdvice.objects.update_or_create(uid=self._known.uid, field=self._field.name, defaults=values)
        return advice
