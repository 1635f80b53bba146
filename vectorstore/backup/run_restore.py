"""The work of a restore: planned, created, loading, indexing, verifying, ready, swapped.

The rows go into a collection that nobody sees; it takes its name only when it is proved to hold what it should.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

from django.utils import timezone

from vectorstore.backup.compatibility import Fit, fit
from vectorstore.backup.history import Source, definition_of_source, source_of
from vectorstore.backup.loading import BUILD_DEADLINE_S, Loader
from vectorstore.backup.merge import live_rows
from vectorstore.backup.place import BackupPlace, backup_place
from vectorstore.backup.verify import Level, verify
from vectorstore.config.collection_config import RESTORE_PREFIX
from vectorstore.domain.definition import Definition
from vectorstore.domain.errors import BackupDamaged
from vectorstore.models import Backup
from vectorstore.service import publishing
from vectorstore.service.context import Scope
from vectorstore.service.engines import engine_of
from vectorstore.service.operation import Service
from vectorstore.service.work import Cancelled, Work

_HOLD = timedelta(hours=1)


def run_restore(work: Work, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
    """Restore ``params``: uid, until, target, mode, schema_only, with_indexes, dry_run, and cluster of the target.

    Raises:
        VectorStoreError: it cannot be done; nothing that was there has changed.
    """
    target = Scope(scope.actor, params["target_cluster"], scope.database)
    name = params["target"]
    # Asked again: what the caller held when it asked may be gone.
    Service(target).require("collection.drop" if _replaces(params) else "collection.create", name)
    with backup_place() as place:
        work.stage("planned")
        source = _source(work, params)
        definition, fitted = _plan(source, place, target, name)
        for warning in fitted.warnings:
            work.say(warning)
        if params["dry_run"]:
            return _dry(source, fitted, params)
        hold = _holding(source, place, work)
        hold()
        work = _Held(work, hold)
        _prove(work, source, place)
        engine = engine_of(target.cluster)
        scratch = f"{RESTORE_PREFIX}{params['key']}"
        made = replace(fitted.definition, indexes=fitted.definition.indexes if params["with_indexes"] else ())
        loader = Loader(work, engine.adapter, target.database, made, scratch)
        try:
            if work.finished("filled") is None:
                _fill(work, source, place, loader, params, hold)
                work.finish("filled", {"rows": loader.digest.rows})
            if work.finished("published") is None:
                work.stage("ready")
                work.check()
                old = _replaced(work, target, name) if _replaces(params) else None
                publishing.publish(target, scratch, made, name, _origin(source, params), old)
                work.finish("published")
        except Cancelled:
            publishing.take_back(target, scratch)
            raise
        rows = (work.finished("filled") or {}).get("rows")
    work.stage("done")
    return {"collection": name, "rows": rows, "warnings": list(fitted.warnings), "from": definition.name}


def _source(work: Work, params: dict[str, Any]) -> Source:
    """The same in every run, whatever sets are made meanwhile."""
    source = source_of(params["uid"], params["until"])
    note = work.finished("source")
    if note is None:
        work.finish("source", {"set": source.set_id, "after": source.after})
    elif note["set"] != source.set_id:
        source = replace(source, set_id=note["set"], after=note["after"], origin=None if note["set"] else source.origin)
    return source


def _replaced(work: Work, target: Scope, name: str) -> publishing.Replaced:
    """The same in every run."""
    note = work.finished("replaced")
    if note is None:
        note = asdict(publishing.replaced(target, name))
        work.finish("replaced", note)
    return publishing.Replaced(note["uid"], note["kept"], tuple(note["aliases"]))


def _holding(source: Source, place: BackupPlace, work: Work) -> Callable[[], None]:
    """A check that also keeps the sets which are read from being deleted."""
    sets: list[str] = []
    part: Source | None = source
    while part is not None:
        if part.set_id is not None:
            sets += [manifest.set_id for manifest in place.repository.chain(part.set_id)]
        part = part.origin if part.set_id is None else None
    held_at = float("-inf")

    def check() -> None:
        nonlocal held_at
        work.check()
        if time.monotonic() - held_at > _HOLD.total_seconds() / 4:
            Backup.objects.filter(set_id__in=sets).update(lease_until=timezone.now() + _HOLD)
            held_at = time.monotonic()

    return check


class _Held:
    """The work, each of whose checks keeps the sets too."""

    def __init__(self, work: Work, check: Callable[[], None]) -> None:
        self.check, self.stage, self.progress, self.say = check, work.stage, work.progress, work.say
        self.finished, self.finish = work.finished, work.finish


def _plan(source: Source, place: BackupPlace, target: Scope, name: str) -> tuple[Definition, Fit]:
    definition = definition_of_source(source, place.repository)
    fitted = fit(definition, engine_of(target.cluster).capabilities)
    renamed = replace(fitted.definition, schema=replace(fitted.definition.schema, name=name))
    return definition, replace(fitted, definition=renamed)


def _dry(source: Source, fitted: Fit, params: dict[str, Any]) -> dict[str, Any]:
    backup = Backup.objects.filter(set_id=source.set_id).first()
    held: list[dict[str, Any]] = backup.collections if backup else []
    item = next((item for item in held if item["uid"] == source.uid), dict[str, Any]())
    return {
        "collection": params["target"],
        "backup": source.set_id,
        "rows": item.get("rows"),
        "size_bytes": item.get("size_bytes"),
        "journal_entries": source.entries,
        "sequence": source.until,
        "warnings": list(fitted.warnings),
        "dry_run": True,
    }


def _prove(work: Work, source: Source, place: BackupPlace) -> None:
    """That all that will be read is as it was written.

    Raises:
        BackupDamaged, JournalBroken: naming what is not; nothing was made.
    """
    work.stage("checking")
    part: Source | None = source
    while part is not None:
        if part.set_id is not None:
            verdict = verify(place.repository, part.set_id, Level.CHECKSUMS, work, place.keys, place.scratch)
            if not verdict.intact:
                first = verdict.problems[0]
                raise BackupDamaged(f"{first.path}: {first.detail} Nothing was restored.")
        part = part.origin if part.set_id is None else None
    source.check(place.locate)


def _fill(
    work: Work, source: Source, place: BackupPlace, loader: Loader, params: dict[str, Any], hold: Callable[[], None]
) -> None:
    work.stage("created")
    loader.create()
    if not params["schema_only"]:
        work.stage("loading")
        rows = live_rows(source.changes(place, hold), loader.schema, place.scratch)
        loader.load(rows, None)
    work.stage("indexing")
    loader.index()
    if params["with_indexes"] and loader.indexed:
        loader.into_memory(BUILD_DEADLINE_S)
        work.stage("verifying")
        loader.check()


def _origin(source: Source, params: dict[str, Any]) -> dict[str, Any]:
    """What the new collection's history begins with."""
    if params["schema_only"]:
        return {"born": True}
    return {"origin": {"uid": source.uid, "until": source.until}}


def _replaces(params: dict[str, Any]) -> bool:
    return bool(params["mode"] == "replace")
