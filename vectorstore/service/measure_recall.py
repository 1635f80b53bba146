"""Measuring recall: queries like those to come, the rows truly nearest to them, and how many of these searches find."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from django.utils import timezone

from vectorstore.adapters.read_calls import RowQuery
from vectorstore.adapters.search_calls import VectorQuery
from vectorstore.config import index_config
from vectorstore.domain.collection import Field
from vectorstore.domain.errors import Conflict, DeadlineExceeded
from vectorstore.domain.filters import ids_in, serialise
from vectorstore.domain.models import Consistency, IndexSpec, RowId
from vectorstore.domain.recall import Curve, CurvePoint, fingerprint
from vectorstore.domain.vector import read_vector
from vectorstore.optimization.ground_truth import GroundTruth
from vectorstore.optimization.sample_queries import moved
from vectorstore.optimization.shared_state import State
from vectorstore.service.catalogue import KnownCollection, consistency_for
from vectorstore.service.work import Work

QUERIES = 200
TOP_KS = (1, 10, 100)
_KNOWN_NEAREST = 2 * max(TOP_KS)
"""More than are asked for, because of rows that are equally far."""
_NEIGHBOURS = 10
_AT_ONCE = 50
_BUILD_S, _LOAD_S, _POLL_S = 1_800.0, 60.0, 1.0
_SEALED = ("Sealed", "Flushing", "Flushed")
_INDEXED = 1_024
"""Milvus makes no index of a segment with fewer rows."""
_TIMED = 15


class Measurement:
    """Of one field of a collection, all of whose rows are read; what is written meanwhile may be missed."""

    def __init__(self, known: KnownCollection, state: State, field: Field, index: IndexSpec, work: Work) -> None:
        self._known, self._field, self._index, self._work = known, field, index, work
        self._adapter, self._database = known.engine.adapter, known.database
        self._consistency: dict[str, Any] = {
            "consistency": consistency_for(Consistency.BOUNDED, known, state),
            "after": state.written,
        }

    def run(self) -> Curve:
        """
        Raises:
            Conflict: there are too few rows to search among.
            DeadlineExceeded: the index was not built in time.
        """
        self._work.stage("waiting for the index")
        self._settle()
        self._work.stage("choosing queries")
        queries = self._queries()
        self._work.stage("comparing with every row")
        truth, rows = self._truth(queries)
        self._work.stage("searching")
        points = tuple(point for top_k in TOP_KS if top_k < rows for point in self._points(queries, truth, top_k))
        return Curve(
            fingerprint=fingerprint(self._index),
            parameter=index_config.effort(self._index.kind),
            rows=rows,
            measured_at=timezone.now(),
            points=points,
        )

    def _settle(self) -> None:
        """Milvus compares with every row of what its index does not have yet, which would look like perfect recall."""
        self._adapter.flush(self._database, self._known.schema.name)
        ends = time.monotonic() + _BUILD_S
        while True:
            self._work.check()
            try:
                self._adapter.wait_for_index(self._database, self._known.schema.name, self._field.name, _POLL_S)
                break
            except DeadlineExceeded:
                if time.monotonic() > ends:
                    raise
        ends = time.monotonic() + _LOAD_S
        while self._known.engine.capabilities.segments and self._bare_segments():
            if time.monotonic() > ends:
                self._work.say("Some rows are searched without the index: they are new, or written all the time.")
                return
            self._work.check()
            time.sleep(_POLL_S)

    def _bare_segments(self) -> bool:
        """Whether sealed rows that are enough for an index are not searched with it yet: seconds after it is built."""
        segments = self._adapter.segments(self._database, self._known.schema.name)
        return any(item.state in _SEALED and not item.index and item.rows >= _INDEXED for item in segments)

    def _queries(self) -> list[Any]:
        """Made from rows that are chosen evenly among all, by their keys."""
        primary, dice = self._known.schema.primary, np.random.default_rng()
        ids: list[RowId] = []
        draws = np.empty(0)
        for page in self._adapter.read_pages(self._database, self._known.schema, self._rows([primary.name])):
            self._work.check()
            ids += [row[primary.name] for row in page]
            draws = np.concatenate([draws, dice.random(len(page))])
            kept = np.argsort(draws)[:QUERIES]
            ids, draws = [ids[place] for place in kept], draws[kept]
        if len(ids) < 2:
            raise Conflict(f"The collection {self._known.schema.name} has too few rows to measure searches on.")
        stored = list(self._vectors(ids).items())
        rungs = index_config.ladder(self._index, _NEIGHBOURS) or [0]
        near = self._found([vector for _, vector in stored], _NEIGHBOURS, rungs[len(rungs) // 2])
        others = self._vectors(list({each for found in near for each in found}))
        return [
            moved(vector, [others[each] for each in found if each != own and each in others], dice)
            for (own, vector), found in zip(stored, near, strict=True)
        ]

    def _vectors(self, ids: Sequence[RowId]) -> dict[RowId, Any]:
        """A page of ids at a time, so that an answer has no more than Milvus sends."""
        primary, field = self._known.schema.primary.name, self._field
        found: dict[RowId, Any] = {}
        for start in range(0, len(ids), QUERIES):
            part = ids[start : start + QUERIES]
            expression = serialise(ids_in(self._known.schema.primary, part))
            query = replace(self._rows([primary, field.name]), expression=expression, limit=len(part))
            for row in self._adapter.query(self._database, self._known.schema, query):
                found[row[primary]] = read_vector(row[field.name], field.type, field.dimension)
        return found

    def _truth(self, queries: Sequence[Any]) -> tuple[GroundTruth, int]:
        truth = GroundTruth(queries, self._index.metric, _KNOWN_NEAREST)
        schema = replace(self._known.schema, fields=(self._known.schema.primary, self._field), dynamic_fields=False)
        total, done = self._adapter.stored_rows(self._database, self._known.schema.name), 0
        for batch in self._adapter.scan(self._database, schema, self._rows([])):
            self._work.check()
            truth.add(batch.ids, batch.columns[self._field.name])
            done += batch.size
            self._work.progress(done, max(total, done), "rows")
        return truth, done

    def _rows(self, fields: list[str]) -> RowQuery:
        return RowQuery(expression="", output_fields=fields, **self._consistency)

    def _points(self, queries: Sequence[Any], truth: GroundTruth, top_k: int) -> Iterator[CurvePoint]:
        """From the least effort to that which finds all."""
        for value in index_config.ladder(self._index, top_k) or [0]:
            self._work.check()
            recalls = truth.recalls(self._found(queries, top_k, value), top_k)
            point = CurvePoint(
                top_k=top_k,
                value=value,
                recall=round(float(recalls.mean()), 4),
                error=round(float(recalls.std(ddof=1) / np.sqrt(len(recalls))), 4),
                p50_ms=self._middle_time(queries, top_k, value),
            )
            self._work.say(f"top_k {top_k}, {index_config.effort(self._index.kind)} {value}: recall {point.recall}")
            yield point
            if point.recall >= 1.0:
                break

    def _found(self, vectors: Sequence[Any], top_k: int, value: int) -> list[list[RowId]]:
        found: list[list[RowId]] = []
        for start in range(0, len(vectors), _AT_ONCE):
            self._work.check()
            found += self._search(vectors[start : start + _AT_ONCE], top_k, value)
        return found

    def _middle_time(self, vectors: Sequence[Any], top_k: int, value: int) -> float:
        """Of searches one at a time, in milliseconds."""
        spent = []
        for vector in vectors[:_TIMED]:
            began = time.perf_counter()
            self._search([vector], top_k, value)
            spent.append((time.perf_counter() - began) * 1_000)
        return round(float(np.median(spent)), 3)

    def _search(self, vectors: Sequence[Any], top_k: int, value: int) -> list[list[RowId]]:
        name = index_config.effort(self._index.kind)
        query = VectorQuery(
            field=self._field,
            vectors=vectors,
            limit=top_k,
            params=index_config.search_params(self._index.kind, {name: value} if name else {}, top_k, None),
            **self._consistency,
        )
        return [[hit.id for hit in hits] for hits in self._adapter.search(self._database, self._known.schema, query)]
