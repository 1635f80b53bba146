"""Policies: what is due is started once, however many schedulers run and however long they were away."""

import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from django.db.models import Q, QuerySet

from vectorstore.backup import retention
from vectorstore.backup.backup_service import BackupService, end_abandoned, system_scope
from vectorstore.backup.lineage import inherited
from vectorstore.domain.backup_requests import BackupRequest, Kind
from vectorstore.domain.errors import InvalidRequest, NotFound, VectorStoreError
from vectorstore.models import Backup, BackupPolicy, Job
from vectorstore.service.context import Scope
from vectorstore.service.job_service import submit

log = logging.getLogger("vectorstore.backup")

Start = Callable[[BackupPolicy], object]

RETRY = timedelta(minutes=5)
_FIELDS, _LONGEST = 5, 120


def check_schedule(schedule: str, timezone: str) -> None:
    """
    Raises:
        InvalidRequest: one of the two is none.
    """
    try:
        zone = ZoneInfo(timezone)
    except (KeyError, ValueError, OSError):
        detail = f"{timezone[:64]!r} is no time zone, such as Europe/Berlin or UTC"
        raise InvalidRequest.at("/timezone", detail) from None
    try:
        if len(schedule.split()) != _FIELDS or len(schedule) > _LONGEST:  # with six, the first one counts seconds
            raise CronSimError
        next(CronSim(schedule, datetime(2026, 1, 1, tzinfo=zone)))
    except (CronSimError, StopIteration):
        detail = f"{schedule[:64]!r} is no cron schedule with five fields that ever comes, in {_LONGEST} characters"
        raise InvalidRequest.at("/schedule", detail) from None


def next_runs(policy: BackupPolicy, now: datetime, count: int = 5) -> list[datetime]:
    """The next times after ``now``."""
    times = _times(policy, now)
    return [next(times) for _ in range(count)]


def run_due(now: datetime, start: Start | None = None) -> int:
    """Start the backups that are due at ``now``; returns how many. Times that were missed are made up for once.

    One that could not be started is tried again after ``RETRY``; the policy's ``error`` says so meanwhile.
    """
    end_abandoned()
    started = 0
    for policy in BackupPolicy.objects.filter(enabled=True):
        due = _last_due(policy, now)
        if due is None or _is_running(policy) or _was_tried(policy, due, now):
            continue
        mine = BackupPolicy.objects.filter(pk=policy.pk, enabled=True)
        as_it_was = Q(last_due_at=policy.last_due_at, tried_at=policy.tried_at)
        if not mine.filter(as_it_was).update(tried_at=now):
            continue  # another scheduler was first
        try:
            (start or _start)(policy)
        except VectorStoreError as error:
            log.error("the policy %s could not start its backup: %s", policy.name, error.detail)
            mine.update(error={"code": error.code, "detail": error.detail})
            continue
        except Exception:
            log.exception("the policy %s could not start its backup", policy.name)
            mine.update(error={"code": VectorStoreError.code, "detail": "Something went wrong; see the worker's log."})
            continue
        mine.update(last_due_at=due, error=None)
        started += 1
    return started


def start_drills() -> int:
    """Drill the newest set of each policy that has made enough of them since its last drill; returns how many."""
    started = 0
    for policy in BackupPolicy.objects.filter(enabled=True, drill_every__gt=0):
        last = Job.objects.filter(kind="drill", params__policy=policy.pk).order_by("-id").first()
        sets = Backup.objects.filter(policy=policy, state="verified", consistency="exact").order_by("id")
        since = sets.filter(pk__gt=last.params["number"] if last else 0)
        newest = since.last()
        if newest is None or _made_since(policy, since, last) < policy.drill_every:
            continue
        params = {"backup": newest.set_id, "policy": policy.pk, "number": newest.pk}
        submit(Scope(cluster=policy.cluster, database=policy.database), "drill", params)
        started += 1
    return started


def _made_since(policy: BackupPolicy, there: QuerySet[Backup], last: Job | None) -> int:
    """How many sets: those that are there, and those that retention has deleted, whose jobs are on record."""
    jobs = Job.objects.filter(kind="backup", state="succeeded", params__policy=policy.pk, pk__gt=last.pk if last else 0)
    made = {params["backup"] for params in jobs.values_list("params", flat=True)}
    return len(made | set(there.values_list("set_id", flat=True)))


def apply_retention(policy: BackupPolicy, now: datetime) -> list[str]:
    """Delete what the policy no longer keeps; returns the ids. A set that cannot be deleted now is tried again."""
    deleted = []
    service = BackupService(system_scope(policy))
    for set_id in plan_of(policy, now).delete:
        try:
            service.delete(set_id)
            deleted.append(set_id)
        except NotFound:
            continue  # another one was first
        except VectorStoreError as error:
            log.warning("the backup %s stays for now: %s", set_id, error.detail)
    return deleted


def plan_of(policy: BackupPolicy, now: datetime) -> retention.Plan:
    """What the policy keeps and deletes of its sets."""
    rows = Backup.objects.filter(policy=policy, state__in=("succeeded", "verified"), end_at__isnull=False)
    origins = {origin.set_id for origin in inherited(now)}
    states = [
        retention.SetState(
            set_id=row.set_id,
            end_at=row.end_at,
            verified=row.state == "verified",
            pinned=row.pinned,
            parent=row.parent.set_id if row.parent else None,
            origin=row.set_id in origins,
            lease_until=row.lease_until,
        )
        for row in rows.select_related("parent")
        if row.end_at is not None
    ]
    return retention.plan(states, retention.Retention.from_policy(policy.retention, policy.timezone), now)


def _start(policy: BackupPolicy) -> object:
    kind: Kind = "incremental" if policy.kind == "incremental" else "full"
    request = BackupRequest(collections=list(policy.collections), kind=kind, note=f"policy {policy.name}")
    return BackupService(system_scope(policy)).create(request, policy)


def _is_running(policy: BackupPolicy) -> bool:
    """One that is under way keeps the next from starting: it starts when that has ended."""
    return Backup.objects.filter(policy=policy, state="running", job__state__in=("queued", "running")).exists()


def _was_tried(policy: BackupPolicy, due: datetime, now: datetime) -> bool:
    """Whether it was, for this time, so lately that another try has to wait."""
    tried = policy.tried_at
    return tried is not None and due <= tried <= now and now - tried < RETRY


def _last_due(policy: BackupPolicy, now: datetime) -> datetime | None:
    """The newest time up to ``now`` that was not acted on."""
    due = None
    for time in _times(policy, max(policy.last_due_at or policy.created_at, now - timedelta(days=366))):
        if time > now:
            return due
        due = time
    return due


def _times(policy: BackupPolicy, after: datetime) -> Iterator[datetime]:
    return CronSim(policy.schedule, after.astimezone(ZoneInfo(policy.timezone)))
