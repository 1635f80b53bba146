"""The work of a restore: planned, created, loading, indexing, verifying, ready, swapped.

The rows go into a collection that nobody sees; it takes its name only when it is proved to hold what it should.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

import pyarrow as pa
from django.utils import timezone

from vectorstore.backup.compatibility import Fit, fit
from vectorstore.backup.history import Source, definition_of_source, source_of
from vectorstore.backup.loading import Loader
from vectorstore.backup.merge import live_rows
from vectorstore.backup.place import BackupPlace, backup_place
from vectorstore.backup.refill import refill, refuse_misfit
from vectorstore.backup.selection import Selection
from vectorstore.backup.verify import Level, verify
from vectorstore.config.collection_config import RESTORE_PREFIX
from vectorstore.domain.collection import Collection
from vectorstore.domain.definition import Definition, from_json, to_json
from vectorstore.domain.errors import BackupDamaged
from vectorstore.domain.sizes import row_bytes
from vectorstore.models import Backup, Job
from vectorstore.models.collection import new_uid
from vectorstore.service import publishing
from vectorstore.service.catalogue import look_up
from vectorstore.service.context import Scope
from vectorstore.service.engines import engine_of
from vectorstore.service.operation import Service
from vectorstore.service.work import Cancelled, Part, Work

RIGHT_ON_TARGET = {"new": "collection.create", "replace": "collection.drop", "data": "vector.upsert"}
_HOLD = timedelta(hours=1)
_LAST = 5
_BYTES_PER_S = 20_000_000
"""Of rows into Milvus with their indexes, where no restore has been measured yet."""
_SMALL_BYTES = 256 * 1024 * 1024
"""What Milvus keeps in one unsealed segment anyway: it is readable at once, and nobody waits for a flush."""


def run_restore(work: Work, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
    """Restore ``params``: uid, until, target, mode, schema_only, with_indexes, dry_run, partitions, filter, and cluster
    of the target; or ``several`` such, which are all proved before the first one takes its name.

    Raises:
        VectorStoreError: it cannot be done; nothing that was there has changed.
    """
    target = Scope(scope.actor, params["target_cluster"], scope.database)
    if "several" not in params:
        restore = _Restore(work, target, params)
        restore.prepare()
        return restore.publish()
    whole = {name: value for name, value in params.items() if name != "several"}
    restores = [
        _Restore(Part(work, str(number)), target, whole | {**one, "key": f"{params['key']}_{number}"})
        for number, one in enumerate(params["several"])
    ]
    try:
        for restore in restores:
            restore.prepare()
    except Cancelled:
        for restore in restores:
            publishing.take_back(target, restore.scratch)
        raise
    return {"collections": [restore.publish() for restore in restores]}


class _Restore:
    """One collection's: first all but the swap, then the swap."""

    def __init__(self, work: Work, target: Scope, params: dict[str, Any]) -> None:
        self._work, self._target, self._params = work, target, params
        self.scratch = f"{RESTORE_PREFIX}{params['key']}"

    def prepare(self) -> None:
        if self._work.finished("ready") is not None:
            return
        try:
            with backup_place() as place:
                self._work.finish("ready", _prepare(self._work, self._target, self.scratch, self._params, place))
        except Cancelled:
            publishing.take_back(self._target, self.scratch)
            raise

    def publish(self) -> dict[str, Any]:
        """It goes to its end, whoever cancels it, and whatever became of what it was read from."""
        ready = self._work.finished("ready") or {}
        if "definition" in ready:
            self._work.stage("ready")
            definition, old = from_json(ready["definition"]), _replaced(ready["old"])
            publishing.publish(self._target, self.scratch, definition, ready["began"], old)
        self._work.stage("done")
        return dict(ready["result"])


def _prepare(work: Work, target: Scope, scratch: str, params: dict[str, Any], place: BackupPlace) -> dict[str, Any]:
    """What is to be published, if anything is, and the result."""
    name = params["target"]
    # Asked again: what the caller held when it asked may be gone.
    Service(target).require(RIGHT_ON_TARGET[params["mode"]], name)
    work.stage("planned")
    source = settled_source(work, params)
    definition, fitted = _plan(source, place, target, name)
    selected = Selection.of(params)
    selected.check(definition)
    for warning in fitted.warnings:
        work.say(warning)
    hold = holding(source, place, work)
    hold()
    work = Held(work, hold)
    prove_source(work, source, place)
    if params["dry_run"]:
        return {"result": _dry(work, source, place, fitted, params)}
    if params["mode"] == "data":
        known = look_up(target, name)[0].whole
        refuse_misfit(selected.narrowed(definition), known)
        work.stage("loading")
        count = refill(work, target, known, _rows(hold, source, place, known.schema, params))
        return {"result": {"collection": name, "rows": count, "warnings": [], "from": definition.name}}
    made = selected.narrowed(fitted.definition)
    made = replace(made, indexes=made.indexes if params["with_indexes"] else ())
    loader = Loader(work, engine_of(target.cluster).adapter, target.database, made, scratch)
    if (filled := work.finished("filled")) is None:
        filled = {"rows": _fill(work, source, place, loader, params, hold)}
        work.finish("filled", filled)
    work.check()
    return {
        "definition": to_json(replace(made, uid=new_uid(), cluster=target.cluster, database=target.database)),
        "began": _began(source, params),
        "old": asdict(publishing.replaced(target, name)) if params["mode"] == "replace" else None,
        "result": {"collection": name, **filled, "warnings": list(fitted.warnings), "from": definition.name},
    }


def _replaced(note: dict[str, Any] | None) -> publishing.Replaced | None:
    return publishing.Replaced(note["uid"], note["kept"], tuple(note["aliases"])) if note else None


def settled_source(work: Work, params: dict[str, Any]) -> Source:
    """The same in every run, whatever sets are made meanwhile, and with all that was committed by then."""
    source = chosen(params)
    note = work.finished("source")
    if note is None:
        work.stage("settling")
        source.settle(work.check)
        work.finish("source", {"set": source.set_id, "after": source.after})
    elif note["set"] != source.set_id:
        source = replace(source, set_id=note["set"], after=note["after"], origin=None if note["set"] else source.origin)
    return source


def chosen(params: dict[str, Any]) -> Source:
    """
    Raises:
        NotFound: it cannot be had.
    """
    if params.get("set"):
        return Source(params["uid"], params["until"], params["set"], params["until"])
    return source_of(params["uid"], params["until"])


def holding(source: Source, place: BackupPlace, work: Work) -> Callable[[], None]:
    """A check that also keeps the sets which are read from being deleted."""
    sets = [manifest.set_id for set_id in sets_of(source) for manifest in place.repository.chain(set_id)]
    held_at = float("-inf")

    def check() -> None:
        nonlocal held_at
        work.check()
        if time.monotonic() - held_at > _HOLD.total_seconds() / 4:
            Backup.objects.filter(set_id__in=sets).update(lease_until=timezone.now() + _HOLD)
            held_at = time.monotonic()

    return check


class Held:
    """The work, each of whose checks keeps the sets too."""

    def __init__(self, work: Work, check: Callable[[], None]) -> None:
        self.check, self.stage, self.progress, self.say = check, work.stage, work.progress, work.say
        self.finished, self.finish = work.finished, work.finish


def _plan(source: Source, place: BackupPlace, target: Scope, name: str) -> tuple[Definition, Fit]:
    definition = definition_of_source(source, place.repository)
    fitted = fit(definition, engine_of(target.cluster).capabilities)
    renamed = replace(fitted.definition, schema=replace(fitted.definition.schema, name=name))
    return definition, replace(fitted, definition=renamed)


def sets_of(source: Source) -> list[str]:
    return [part.set_id for part in source.parts() if part.set_id is not None]


def _dry(work: Work, source: Source, place: BackupPlace, fitted: Fit, params: dict[str, Any]) -> dict[str, Any]:
    """All is read as a restore would read it, so that what is told is what would be there."""
    work.stage("counting")
    rows = size = 0
    for part in _rows(work.check, source, place, fitted.definition.schema, params):
        rows, size = rows + part.num_rows, size + part.nbytes
        work.progress(rows, None, "rows")
    return {
        "collection": params["target"],
        "backup": next(iter(sets_of(source)), None),
        "rows": rows,
        "size_bytes": size,
        "estimated_s": round(_seconds(rows, size, params["target_cluster"]), 1),
        "journal_entries": source.entries,
        "sequence": source.until or None,
        "warnings": list(fitted.warnings),
        "dry_run": True,
    }


def _seconds(rows: int, size: int, cluster: str) -> float:
    """How long it would take, by the last restores into that cluster."""
    done = Job.objects.filter(kind="restore", state="succeeded", params__target_cluster=cluster, result__rows__gt=0)
    found = [
        ((job.finished_at - job.started_at).total_seconds(), job.result["rows"])
        for job in done.exclude(params__dry_run=True)[:_LAST]
        if job.finished_at and job.started_at and job.result
    ]
    if not found:
        return size / _BYTES_PER_S
    seconds, count = (float(sum(column)) for column in zip(*found, strict=True))
    return rows * seconds / count


def prove_source(work: Work, source: Source, place: BackupPlace) -> None:
    """That all that will be read is as it was written.

    Raises:
        BackupDamaged, JournalBroken: naming what is not; nothing was made.
    """
    work.stage("checking")
    for set_id in sets_of(source):
        verdict = verify(place.repository, set_id, Level.CHECKSUMS, work, place.keys, place.scratch)
        if not verdict.intact:
            first = verdict.problems[0]
            raise BackupDamaged(f"{first.path}: {first.detail} Nothing was restored.")
    source.check(place.locate, work.check)


def _rows(
    check: Callable[[], None], source: Source, place: BackupPlace, schema: Collection, params: dict[str, Any]
) -> Iterator[pa.RecordBatch]:
    """The rows that are asked for, each once."""
    if not params["schema_only"]:
        yield from Selection.of(params).rows(live_rows(source.changes(place, check), schema, place.scratch), schema)


def _fill(
    work: Work, source: Source, place: BackupPlace, loader: Loader, params: dict[str, Any], hold: Callable[[], None]
) -> int:
    """Everything but the name, proved; how many rows there are."""
    work.stage("created")
    loader.create()
    if not params["schema_only"]:
        small = loader.indexed and source.most_rows(place) * row_bytes(loader.schema) <= _SMALL_BYTES
        if small:
            loader.open()
        work.stage("loading")
        loader.load(_rows(hold, source, place, loader.schema, params), None, flush=not small)
    work.stage("indexing")
    loader.index()
    if not params["schema_only"]:
        loader.prove()
    return loader.digest.rows


def _as_journalled(set_id: str) -> bool:
    """Whether the set holds what the journal says: of a moment, and without doubts."""
    return Backup.objects.filter(set_id=set_id, consistency="exact", error=None).exists()


def _began(source: Source, params: dict[str, Any]) -> dict[str, Any]:
    """What the new collection's history begins with."""
    if params["schema_only"]:
        return {"born": True}
    if not Selection.of(params).whole or (params.get("set") and not _as_journalled(params["set"])):
        return {}  # what the journal cannot tell: it can be restored to a moment from its first backup on
    return {"origin": {"uid": source.uid, "until": source.until}}
