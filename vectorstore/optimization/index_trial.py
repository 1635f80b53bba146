"""Indexes built on trial over a sample, in a collection that nobody sees, and searched.

Every wait is cut into pieces, between which ``check`` (``Work.check``) may raise.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from vectorstore.adapters.milvus_adapter import MilvusAdapter
from vectorstore.adapters.search_calls import VectorQuery
from vectorstore.config.index_candidates import Candidate, ladder
from vectorstore.domain.advice import Point
from vectorstore.domain.batch import Batch
from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.errors import DeadlineExceeded, OutcomeUnknown, VectorStoreError
from vectorstore.domain.models import Consistency, DataType, IndexSpec, Metric
from vectorstore.domain.vector import Floats
from vectorstore.optimization.index_memory import index_mb
from vectorstore.optimization.nearest import Nearest

TOP_K = 10
_LOOK_S = 1.0
_BATCH_BYTES = 8 * 1024 * 1024
_WARM, _TIMED = 5, 100
_ALL_FOUND = 0.9995

Check = Callable[[], None]


class Trial:
    """``rows``, shape (n, d), are what is indexed; ``queries``, shape (q, d), are none of them."""

    def __init__(
        self,
        adapter: MilvusAdapter,
        database: str,
        name: str,
        rows: Floats,
        queries: Floats,
        metric: Metric,
        check: Check,
    ) -> None:
        self._adapter, self._database, self._check = adapter, database, check
        self._rows, self._queries, self._metric = rows, queries, metric
        vector = Field("vector", DataType.FLOAT_VECTOR, dimension=rows.shape[1])
        fields = (Field("id", DataType.INT64, primary=True), vector)
        self._schema = Collection(name=name, fields=fields, dynamic_fields=False, shards=1)
        self._nearest = Nearest(queries, rows, metric, TOP_K)

    def load(self) -> None:
        """Make the collection anew, with all rows sealed."""
        self.drop()
        self._adapter.create_collection(self._database, self._schema)
        step = max(1, min(10_000, _BATCH_BYTES // (4 * self._rows.shape[1])))
        for start in range(0, len(self._rows), step):
            self._check()
            part = self._rows[start : start + step]
            ids = list(range(start, start + len(part)))
            batch = Batch(size=len(part), ids=list(ids), columns={"id": ids, "vector": part})
            self._adapter.insert(self._database, self._schema, batch)
        self._waiting(lambda: self._adapter.flush(self._database, self._schema.name, _LOOK_S))

    def drop(self) -> None:
        """Nothing of it stays."""
        if self._adapter.has_collection(self._database, self._schema.name):
            self._adapter.drop_collection(self._database, self._schema.name)

    def measure(self, candidate: Candidate, total: int, ends: float, *, today: bool = False) -> list[Point]:
        """The points of one index, for a collection of ``total`` rows; empty where it was not built by ``ends``.

        Raises:
            VectorStoreError: the engine cannot build or search it.
        """
        spec = IndexSpec("vector", candidate.kind, self._metric, candidate.params)
        try:
            build_s = self._build(spec, ends)
            memory = index_mb(candidate.kind, candidate.params, total, self._rows.shape[1])
            steps = self._steps(candidate)
            times = self._times([step for step, _ in steps])
            return [
                Point(
                    kind=candidate.kind,
                    params=candidate.params,
                    search=step,
                    recall=recall,
                    p50_ms=p50,
                    p95_ms=p95,
                    build_s=round(build_s, 3),
                    memory_mb=round(memory, 3),
                    today=today,
                )
                for (step, recall), (p50, p95) in zip(steps, times, strict=True)
            ]
        except DeadlineExceeded:
            return []
        finally:
            self._take_off()

    def _build(self, spec: IndexSpec, ends: float) -> float:
        began = time.monotonic()
        with suppress(OutcomeUnknown):  # it takes longer than a call may: it goes on in Milvus
            self._adapter.create_index(self._database, self._schema.name, spec)
        name = self._schema.name
        self._waiting(lambda: self._adapter.wait_for_index(self._database, name, "vector", _LOOK_S), ends)
        spent = time.monotonic() - began
        self._waiting(lambda: self._adapter.load_collection(self._database, name, 1, _LOOK_S), ends)
        return spent

    def _steps(self, candidate: Candidate) -> list[tuple[dict[str, Any], float]]:
        """Search parameters with their recall, from the least effort up to where all is found."""
        found: list[tuple[dict[str, Any], float]] = []
        for step in ladder(candidate, TOP_K):
            self._check()
            answers = self._find(self._queries, step)
            right = [self._nearest.right(number, answer) for number, answer in enumerate(answers)]
            found.append((step, round(float(np.mean(right)), 4)))
            if found[-1][1] >= _ALL_FOUND:
                break  # more effort only takes longer
        return found

    def _times(self, steps: list[dict[str, Any]]) -> list[tuple[float, float]]:
        """p50 and p95 in milliseconds of each, one query at a time, as callers search.

        Each query is searched with all the steps, one after the other: what else the machine does slows them all.
        """
        spent: list[list[float]] = [[] for _ in steps]
        for number, vector in enumerate([*self._queries[:_WARM], *self._queries[:_TIMED]]):
            for step, mine in zip(steps, spent, strict=True):
                self._check()
                began = time.perf_counter()
                self._find([vector], step)
                if number >= _WARM:
                    mine.append((time.perf_counter() - began) * 1_000)
        return [(_percentile(mine, 50), _percentile(mine, 95)) for mine in spent]

    def _find(self, vectors: Sequence[Floats] | Floats, params: dict[str, Any]) -> list[list[int]]:
        query = VectorQuery(
            field=self._schema.vector_fields[0],
            vectors=list(vectors),
            limit=TOP_K,
            params=params,
            consistency=Consistency.EVENTUALLY,
        )
        found = self._adapter.search(self._database, self._schema, query)
        return [[int(hit.id) for hit in hits] for hits in found]

    def _take_off(self) -> None:
        """Milvus keeps the index of what is loaded, and has one at a time."""
        with suppress(VectorStoreError):
            self._adapter.release_collection(self._database, self._schema.name)
        with suppress(VectorStoreError):
            self._adapter.drop_index(self._database, self._schema.name, "vector")

    def _waiting(self, done: Callable[[], object], ends: float = float("inf")) -> None:
        """
        Raises:
            DeadlineExceeded: it was not done by ``ends``, of ``time.monotonic``.
        """
        while True:
            self._check()
            try:
                done()
                return
            except (DeadlineExceeded, OutcomeUnknown):
                if time.monotonic() > ends:
                    raise DeadlineExceeded("The time of the sweep is over.") from None


def _percentile(values: list[float], share: int) -> float:
    return round(float(np.percentile(values, share)), 3)
