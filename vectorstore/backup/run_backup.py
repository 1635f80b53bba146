"""The work of a backup: planned, copying, folding, sealed, verified."""

import time
from typing import Any

from django.db.models import Q
from django.utils import timezone

from vectorstore.adapters.capabilities import Capabilities
from vectorstore.backup.capture import Capture
from vectorstore.backup.history import READABLE
from vectorstore.backup.manifest import Manifest, Moment
from vectorstore.backup.place import BackupPlace, backup_place
from vectorstore.backup.verify import Level, Problem, Verdict, verify, verify_journal
from vectorstore.backup.writer import SetWriter
from vectorstore.domain.errors import BackupDamaged, Conflict, EngineFailed, NotFound, VectorStoreError, WritesHeld
from vectorstore.journal.reading import settle
from vectorstore.journal.sequence import position
from vectorstore.models import Backup, Grant
from vectorstore.service.catalogue import look_up
from vectorstore.service.context import Scope
from vectorstore.service.engines import engine_of
from vectorstore.service.operation import Service
from vectorstore.service.work import Cancelled, Work

_MOST_PROBLEMS = 100
SETTLE_S = 30.0
"""How long a backup waits for writes that Milvus has not answered."""


def run_backup(work: Work, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
    """Make the set of the row ``params["backup"]``; on failure or cancellation nothing of it stays.

    Raises:
        VectorStoreError: it could not be made; the row says so.
    """
    row = _row_of(scope, params)
    try:
        with backup_place() as place:
            _carry_out(work, scope, row, place)
    except VectorStoreError as error:
        told = {"code": error.code, "detail": error.detail}
        Backup.objects.filter(pk=row.pk, state="running").update(state="failed", error=told)
        raise
    work.say(f"{row.rows} rows, {row.size_bytes} bytes")
    return {"backup": row.set_id, "rows": row.rows, "size_bytes": row.size_bytes}


def run_verify(work: Work, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
    """Read the set of the row ``params["backup"]`` again, and the journal over it; ``problems`` name the files that are
    wrong."""
    row = _row_of(scope, params)
    with backup_place() as place:
        found = [*check(work, row, place).problems, *check_journal(work, row, place)]
    problems = [{"path": problem.path, "detail": problem.detail} for problem in found[:_MOST_PROBLEMS]]
    return {"backup": row.set_id, "intact": not problems, "problems": problems}


def _row_of(scope: Scope, params: dict[str, Any]) -> Backup:
    """The row, for whoever may still make backups of all that it holds."""
    row = Backup.objects.select_related("parent").filter(set_id=params["backup"]).first()
    if row is None:
        raise NotFound(f"The backup {params['backup']} is gone: make another one.")
    for item in row.collections:
        Service(scope).require("backup.create", item["name"])
    return row


def _carry_out(work: Work, scope: Scope, row: Backup, place: BackupPlace) -> None:
    try:
        if row.state not in READABLE:
            row.state, row.error = "running", None  # it may have failed in a former run
            row.save(update_fields=["state", "error"])
            fill(row, *_made(work, scope, row, place))
            row.save()
        work.stage("verifying")
        _check(work, row, place)
    except Cancelled:
        place.repository.delete(row.set_id)
        row.delete()
        raise


def _made(work: Work, scope: Scope, row: Backup, place: BackupPlace) -> tuple[Manifest, str]:
    try:
        return place.repository.sealed(row.set_id)  # by a former run, which ended before it could say so
    except NotFound:
        pass
    work.stage("pinned")
    wanted = work.finished("collections") or {"names": [item["name"] for item in row.collections]}
    work.finish("collections", wanted)
    captures = [Capture(work, scope, look_up(scope, name)[0]) for name in wanted["names"]]
    parent = row.parent.set_id if row.parent else None
    made = SetWriter(place.repository, row.set_id, place.scratch, keys=place.keys, parent=parent, check=work.check)
    try:
        return _make(work, scope, row, place, captures, made)
    except (Conflict, EngineFailed):  # what was read is not what should be: another try has to read it again
        work.check()
        made.abandon()
        raise


def _make(
    work: Work, scope: Scope, row: Backup, place: BackupPlace, captures: list[Capture], made: SetWriter
) -> tuple[Manifest, str]:
    began = Moment(min((c.start for c in captures if c.start is not None), default=None), timezone.now())
    work.stage("copying")
    writers, parents, done = [], {}, 0
    work.progress(0, sum(capture.rows_expected() for capture in captures), "rows")
    for capture in captures:
        writer = made.collection(capture.definition, _grants(capture.definition.name, scope))
        parents[capture.known.uid] = _parent_end(row, capture, place)
        if parents[capture.known.uid] is None:
            done += capture.read_base(writer, done)
        writers.append(writer)
    work.stage("folding")
    for capture in captures:
        capture.settle()
    exact = all(capture.known.point_in_time for capture in captures)
    until, at, timeline = position()
    _settle(work, [capture.known.uid for capture in captures if capture.known.point_in_time], until)
    for capture, writer in zip(captures, writers, strict=True):
        work.check()
        seq = until if capture.known.point_in_time else None
        capture.finish(writer, seq, place, parents[capture.known.uid])
    work.stage("sealing")
    work.check()
    able: Capabilities = engine_of(scope.cluster).capabilities
    return made.seal(
        start=began,
        end=Moment(until if exact else None, at),
        created=timezone.now(),
        consistency="exact" if exact else "fuzzy",
        timeline=timeline,
        engine=able.version,
        cluster=scope.cluster,
        database=scope.database,
        who=row.actor,
        note=row.note,
    )


def _settle(work: Work, uids: list[str], until: int) -> None:
    """As ``settle``, and can be stopped meanwhile."""
    ends = time.monotonic() + SETTLE_S
    while True:
        work.check()
        try:
            return settle(uids, until, timeout=1.0)
        except WritesHeld:
            if time.monotonic() > ends:
                raise


def _parent_end(row: Backup, capture: Capture, place: BackupPlace) -> int | None:
    """The parent's S1, where the parent holds the collection."""
    if row.parent is None or not capture.known.point_in_time:
        return None
    entry = place.repository.manifest(row.parent.set_id).collection(capture.known.uid)
    return row.parent.end_seq if entry is not None else None


def _grants(name: str, scope: Scope) -> list[dict[str, Any]]:
    """The grants that name exactly this collection, as plain data."""
    here = Q(collections=name, cluster__in=(scope.cluster, "*"), database__in=(scope.database, "*"))
    found = Grant.objects.filter(here).select_related("user", "group", "service_account")
    return [
        {
            "user": grant.user.get_username() if grant.user else None,
            "group": grant.group.name if grant.group else None,
            "service_account": grant.service_account.name if grant.service_account else None,
            "role": grant.role,
            "row_filter": grant.row_filter,
            "denied_fields": grant.denied_fields,
            "expires_at": grant.expires_at.isoformat() if grant.expires_at else None,
        }
        for grant in found
    ]


def fill(row: Backup, manifest: Manifest, digest: str) -> None:
    """What the index says of a set, from its manifest."""
    row.kind, row.cluster, row.database = manifest.kind, manifest.cluster, manifest.database
    row.timeline, row.consistency = manifest.timeline, manifest.consistency
    row.start_seq, row.start_at = manifest.start.seq, manifest.start.at
    row.end_seq, row.end_at = manifest.end.seq, manifest.end.at
    row.rows, row.size_bytes, row.manifest_sha256 = manifest.rows, manifest.size, digest
    row.note, row.actor, row.error = manifest.note, manifest.who, _doubt(manifest)
    row.collections = [
        {
            "uid": entry.uid,
            "name": entry.name,
            "rows": entry.rows,
            "digest": entry.digest,
            "size_bytes": sum(file.size for file in entry.files),
        }
        for entry in manifest.collections
    ]


def _check(work: Work, row: Backup, place: BackupPlace) -> None:
    """Every byte is read again, then every row.

    Raises:
        BackupDamaged: they are not what was written.
        Conflict: they are, but not what they should be; the set stays, and says so.
    """
    verdict = check(work, row, place)
    if not verdict.intact:
        first = verdict.problems[0]
        raise BackupDamaged(f"The backup was written and cannot be read back: {first.path}: {first.detail}")
    for problem in check_journal(work, row, place):
        work.say(f"{problem.path} {problem.detail}")
    if row.error is not None:
        raise Conflict(f"The backup {row.set_id} is kept, and is not verified. {row.error['detail']}")


def check(work: Work, row: Backup, place: BackupPlace) -> Verdict:
    """Verify a set and record what came of it: ``succeeded`` once its bytes are proved, ``verified`` with its rows.

    Raises:
        NotFound: it is not on the storage.
    """

    def reached(level: Level) -> None:
        if level is Level.CHECKSUMS and row.state == "running":
            row.state = "succeeded"
            row.save(update_fields=["state"])

    try:
        verdict = verify(place.repository, row.set_id, Level.ROWS, work, place.keys, place.scratch, reached)
    except NotFound:
        Backup.objects.filter(pk=row.pk).update(state="failed", error={"code": "not_found", "detail": "it is gone"})
        raise
    if not verdict.intact:
        problems = [{"path": problem.path, "detail": problem.detail} for problem in verdict.problems[:_MOST_PROBLEMS]]
        row.state, row.error = "failed", {"code": "backup_damaged", "problems": problems}
    else:
        row.error = _doubt(place.repository.manifest(row.set_id))
        row.state, row.verified_at = ("succeeded", None) if row.error else ("verified", timezone.now())
    row.save(update_fields=["state", "verified_at", "error"])
    return verdict


def check_journal(work: Work, row: Backup, place: BackupPlace) -> list[Problem]:
    """What is wrong with the journal from the set's beginning to the next set of its collections, or to now.

    The set is as good as before: it holds its own moment without the journal.
    """
    if row.start_seq is None or row.end_seq is None:
        return []
    until = position()[0]
    for later in Backup.objects.filter(state__in=READABLE, end_seq__gt=row.end_seq).order_by("end_seq"):
        if {item["uid"] for item in row.collections} <= {item["uid"] for item in later.collections}:
            until = later.end_seq or until
            break
    return verify_journal(place.repository.storage, row.start_seq, until, work)


def _doubt(manifest: Manifest) -> dict[str, Any] | None:
    return {"code": "rows_in_doubt", "detail": " ".join(manifest.doubts)} if manifest.doubts else None
