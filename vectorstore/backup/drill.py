"""A drill: a set is restored out of sight, searched, compared with brute force, and dropped again."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from vectorstore.adapters.search_calls import VectorQuery
from vectorstore.backup.compatibility import fit
from vectorstore.backup.history import Source, definition_of_source
from vectorstore.backup.loading import Loader
from vectorstore.backup.merge import live_rows
from vectorstore.backup.place import BackupPlace, backup_place
from vectorstore.config.collection_config import RESTORE_PREFIX
from vectorstore.config.index_config import search_params
from vectorstore.domain.collection import Collection, Field
from vectorstore.domain.definition import Definition
from vectorstore.domain.digest import RowHasher, RunningDigest
from vectorstore.domain.errors import BackupDamaged, NotFound
from vectorstore.domain.models import Consistency, DataType, IndexSpec, Metric, RowId
from vectorstore.domain.vector import Floats
from vectorstore.models import Backup
from vectorstore.service.context import Scope
from vectorstore.service.engines import engine_of
from vectorstore.service.publishing import take_back
from vectorstore.service.work import Work

QUERIES, TOP_K = 20, 10
LEAST_RECALL = 0.8
"""Below it something is wrong with what was restored, not with the parameters of an index."""


def run_drill(work: Work, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
    """Drill every collection of the set of the row ``params["backup"]``.

    Raises:
        BackupDamaged: what came back is not what the set says, or cannot be searched.
    """
    row = Backup.objects.filter(set_id=params["backup"]).first()
    if row is None or row.end_seq is None:
        raise NotFound(f"The backup {params['backup']} is gone, or holds no exact moment.")
    told = {}
    with backup_place() as place:
        for item in row.collections:
            work.say(f"restoring {item['name']} on trial")
            told[item["name"]] = _drill(work, scope, row, item, place)
    return {"backup": row.set_id, "recall": told}


def drill_prefix(set_id: str) -> str:
    """How the names of what a drill of that set loads begin."""
    return f"{RESTORE_PREFIX}drill_{set_id.replace('-', '_')}_"


def _drill(work: Work, scope: Scope, row: Backup, item: dict[str, Any], place: BackupPlace) -> float | None:
    source = Source(item["uid"], row.end_seq or 0, row.set_id, row.end_seq or 0)
    engine = engine_of(scope.cluster)
    definition = fit(definition_of_source(source, place.repository), engine.capabilities).definition
    name = f"{drill_prefix(row.set_id)}{secrets.token_hex(8)}"
    loader = Loader(_Once(work), engine.adapter, scope.database, definition, name)
    found = [_Nearest(spec, target) for spec in definition.indexes if (target := _dense(definition, spec)) is not None]
    try:
        work.stage("loading")
        loader.create()
        rows = live_rows(source.changes(place, work.check), loader.schema, place.scratch)
        digest = RunningDigest()
        hasher = RowHasher(loader.schema, partitions=place.repository.manifest(row.set_id).places)
        rows = _counted(rows, hasher, digest)
        loader.load(_watched(rows, loader.schema.primary.name, found), None)
        if (digest.rows, digest.hex) != (item["rows"], item["digest"]):
            raise BackupDamaged(f"The backup {row.set_id} gives other rows of {item['name']} than it says.")
        work.stage("indexing")
        loader.index()
        loader.prove()
        searched = found if loader.indexed else []
        recalls = [_recall(scope, loader.schema, nearest) for nearest in searched if nearest.queries is not None]
    finally:
        take_back(scope, name)
    recall = min(recalls, default=None)
    if recall is not None and recall < LEAST_RECALL:
        raise BackupDamaged(f"Searches in the restored {item['name']} find {recall:.0%} of what is nearest.")
    return recall


@dataclass(slots=True)
class _Nearest:
    """The nearest rows of the first vectors, by looking at every row as it goes by."""

    spec: IndexSpec
    target: Field
    queries: Floats | None = None
    scores: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 0)))
    ids: list[list[RowId]] = field(default_factory=list)

    def see(self, keys: list[RowId], rows: Floats) -> None:
        if self.queries is None:
            self.queries = np.array(rows[:QUERIES], np.float32)
            self.scores = np.empty((len(self.queries), 0))
            self.ids = [[] for _ in self.queries]
        scores = np.concatenate((self.scores, _nearness(self.queries, rows, self.spec.metric)), axis=1)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :TOP_K]
        for number, places in enumerate(order):
            known = self.ids[number]
            held = len(known)
            self.ids[number] = [known[place] if place < held else keys[place - held] for place in places]
        self.scores = np.take_along_axis(scores, order, axis=1)


def _nearness(queries: Floats, rows: Floats, metric: Metric) -> npt.NDArray[np.float64]:
    """Larger is nearer; shape (queries, rows)."""
    left, right = queries.astype(np.float64), rows.astype(np.float64)
    product: npt.NDArray[np.float64] = left @ right.T
    if metric is Metric.IP:
        return product
    squares: npt.NDArray[np.float64] = (right**2).sum(axis=1)
    if metric is Metric.L2:
        return 2 * product - squares
    return product / np.maximum(np.sqrt(squares), 1e-30)


def _counted(rows: Iterator[pa.RecordBatch], hasher: RowHasher, digest: RunningDigest) -> Iterator[pa.RecordBatch]:
    for part in rows:
        digest.add(hasher.hashes(part))
        yield part


def _watched(rows: Iterator[pa.RecordBatch], key: str, found: list[_Nearest]) -> Iterator[pa.RecordBatch]:
    for part in rows:
        for nearest in found:
            column = part.column(nearest.target.name)
            width = nearest.target.dimension or 0
            flat = column.values.slice(column.offset * width, len(column) * width).to_numpy(zero_copy_only=False)
            nearest.see(part.column(key).to_pylist(), flat.reshape(len(column), width))
        yield part


def _dense(definition: Definition, spec: IndexSpec) -> Field | None:
    target = definition.schema.field(spec.field)
    return target if target is not None and target.type is DataType.FLOAT_VECTOR and not target.nullable else None


def _recall(scope: Scope, schema: Collection, nearest: _Nearest) -> float:
    """The share of the nearest rows, ties counted by their scores' place, that a search finds."""
    queries = nearest.queries if nearest.queries is not None else np.empty((0, 0), np.float32)
    hits = engine_of(scope.cluster).adapter.search(
        scope.database,
        schema,
        VectorQuery(
            field=nearest.target,
            vectors=list(queries),
            limit=TOP_K,
            params=search_params(nearest.spec.kind, {}, TOP_K, 0.99),
            consistency=Consistency.STRONG,
        ),
    )
    wanted = sum(len(ids) for ids in nearest.ids)
    right = sum(len({hit.id for hit in found} & set(ids)) for found, ids in zip(hits, nearest.ids, strict=True))
    return right / wanted if wanted else 1.0


class _Once:
    """The work without its ledger: a drill that was interrupted begins again, in another collection."""

    def __init__(self, work: Work) -> None:
        self.check, self.stage, self.progress, self.say = work.check, work.stage, work.progress, work.say
        self._done: dict[str, dict[str, Any]] = {}

    def finished(self, key: str) -> dict[str, Any] | None:
        return self._done.get(key)

    def finish(self, key: str, note: dict[str, Any] | None = None) -> None:
        self._done[key] = note or {}
