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
from vectorstore.backup.verify import Level, verify
from vectorstore.config.collection_config import RESTORE_PREFIX
from vectorstore.domain.collection import Collection
from vectorstore.domain.definition import Definition, from_json, to_json
from vectorstore.domain.errors import BackupDamaged
from vectorstore.models import Backup, Job
from vectorstore.models.collection import new_uid
from vectorstore.service import publishing
from vectorstore.service.context import Scope
from vectorstore.service.engines import engine_of
from vectorstore.service.operation import Service
from vectorstore.service.work import Cancelled, Work

_HOLD = timedelta(hours=1)
_LAST = 5
_BYTES_PER_S = 20_000_000
"""Of rows into Milvus with their indexes, where no restore has been measured yet."""


def run_restore(work: Work, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
    """Restore ``params``: uid, until, target, mode, schema_only, with_indexes, dry_run, and cluster of the target.

    Raises:
        VectorStoreError: it cannot be done; nothing that was there has changed.
    """
    target = Scope(scope.actor, params["target_cluster"], scope.database)
    scratch = f"{RESTORE_PREFIX}{params['key']}"
    ready = work.finished("ready")
    if ready is None:
        try:
            with backup_place() as place:
                ready = _prepare(work, target, scratch, params, place)
        except Cancelled:
            publishing.take_back(target, scratch)
            raise
    if not params["dry_run"]:
        # From here on it goes to its end, whoever cancels it, and whatever became of what it was read from.
        publishing.publish(target, scratch, from_json(ready["definition"]), ready["began"], _replaced(ready["old"]))
        work.stage("done")
    return dict(ready["result"])


def _prepare(work: Work, target: Scope, scratch: str, params: dict[str, Any], place: BackupPlace) -> dict[str, Any]:
    """All but the swap: what is to be published, and the result."""
    name = params["target"]
    # Asked again: what the caller held when it asked may be gone.
    Service(target).require("collection.drop" if _replaces(params) else "collection.create", name)
    work.stage("planned")
    source = _source(work, params)
    definition, fitted = _plan(source, place, target, name)
    for warning in fitted.warnings:
        work.say(warning)
    hold = _holding(source, place, work)
    hold()
    _prove(work, source, place)
    if params["dry_run"]:
        return {"result": _dry(work, source, place, fitted, params)}
    made = replace(fitted.definition, indexes=fitted.definition.indexes if params["with_indexes"] else ())
    loader = Loader(work, engine_of(target.cluster).adapter, target.database, made, scratch)
    if (filled := work.finished("filled")) is None:
        filled = {"rows": _fill(work, source, place, loader, params, hold)}
        work.finish("filled", filled)
    work.check()
    ready = {
        "definition": to_json(replace(made, uid=new_uid(), cluster=target.cluster, database=target.database)),
        "began": _began(source, params),
        "old": asdict(publishing.replaced(target, name)) if _replaces(params) else None,
        "result": {"collection": name, **filled, "warnings": list(fitted.warnings), "from": definition.name},
    }
    work.finish("ready", ready)
    work.stage("ready")
    return ready


def _replaced(note: dict[str, Any] | None) -> publishing.Replaced | None:
    return publishing.Replaced(note["uid"], note["kept"], tuple(note["aliases"])) if note else None


def _source(work: Work, params: dict[str, Any]) -> Source:
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
    if params.get("fuzzy"):
        return Source(params["uid"], 0, params["fuzzy"], 0)
    return source_of(params["uid"], params["until"])


def _holding(source: Source, place: BackupPlace, work: Work) -> Callable[[], None]:
    """A check that also keeps the sets which are read from being deleted."""
    sets = [manifest.set_id for set_id in _sets(source) for manifest in place.repository.chain(set_id)]
    held_at = float("-inf")

    def check() -> None:
        nonlocal held_at
        work.check()
        if time.monotonic() - held_at > _HOLD.total_seconds() / 4:
            Backup.objects.filter(set_id__in=sets).update(lease_until=timezone.now() + _HOLD)
            held_at = time.monotonic()

    return check


def _plan(source: Source, place: BackupPlace, target: Scope, name: str) -> tuple[Definition, Fit]:
    definition = definition_of_source(source, place.repository)
    fitted = fit(definition, engine_of(target.cluster).capabilities)
    renamed = replace(fitted.definition, schema=replace(fitted.definition.schema, name=name))
    return definition, replace(fitted, definition=renamed)


def _sets(source: Source) -> list[str]:
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
        "backup": next(iter(_sets(source)), None),
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


def _prove(work: Work, source: Source, place: BackupPlace) -> None:
    """That all that will be read is as it was written.

    Raises:
        BackupDamaged, JournalBroken: naming what is not; nothing was made.
    """
    work.stage("checking")
    for set_id in _sets(source):
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
        yield from live_rows(source.changes(place, check), schema, place.scratch)


def _fill(
    work: Work, source: Source, place: BackupPlace, loader: Loader, params: dict[str, Any], hold: Callable[[], None]
) -> int:
    """Everything but the name, proved; how many rows there are."""
    work.stage("created")
    loader.create()
    if not params["schema_only"]:
        work.stage("loading")
        loader.load(_rows(hold, source, place, loader.schema, params), None)
    work.stage("indexing")
    loader.index()
    if not params["schema_only"]:
        loader.prove()
    return loader.digest.rows


def _began(source: Source, params: dict[str, Any]) -> dict[str, Any]:
    """What the new collection's history begins with."""
    if params["schema_only"]:
        return {"born": True}
    if params.get("fuzzy"):
        return {}  # no moment of the journal
    return {"origin": {"uid": source.uid, "until": source.until}}


def _replaces(params: dict[str, Any]) -> bool:
    return bool(params["mode"] == "replace")
