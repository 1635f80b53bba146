"""``manage.py backup``: make backups, list and verify them, restore, delete what policies no longer keep."""

import time
from argparse import ArgumentTypeError
from contextlib import suppress
from dataclasses import fields
from datetime import datetime
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from kombu.exceptions import KombuError
from redis import RedisError

from vectorstore.backup import scheduler
from vectorstore.backup.backup_service import BackupService
from vectorstore.backup.place import backup_place
from vectorstore.backup.policy_service import PolicyService
from vectorstore.backup.rebuild import rebuild
from vectorstore.backup.restore_service import RestoreService
from vectorstore.domain.backup_requests import BackupRequest, RestoreRequest
from vectorstore.domain.errors import VectorStoreError
from vectorstore.models import Job, JobState, JournalEntry
from vectorstore.service.context import Scope
from vectorstore.service.job_queue import producer

_LOOK_S = 0.5


class Command(BaseCommand):
    help = "Makes backups, lists and verifies them, restores, deletes what policies no longer keep."
    requires_system_checks = ()

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--cluster", default="default")
        parser.add_argument("--database", default="default")
        acts = parser.add_subparsers(dest="act", required=True)
        creating = acts.add_parser("create", help="back up collections")
        creating.add_argument("--collections", default="*", help="names or patterns, with commas between (default *)")
        creating.add_argument("--kind", choices=("full", "incremental"), default="full")
        creating.add_argument("--note", default="")
        acts.add_parser("list", help="the backups, the newest first").add_argument("--collection", default="")
        verifying = acts.add_parser("verify", help="read every byte and every row of one again")
        verifying.add_argument("id")
        restoring = acts.add_parser("restore", help="restore a collection to a moment")
        moment = restoring.add_mutually_exclusive_group(required=True)
        moment.add_argument("--backup", metavar="ID", help="the end of that backup")
        moment.add_argument("--at", type=_moment, metavar="TIME", help="with its offset: 2026-01-02T03:04:05.678+00:00")
        moment.add_argument("--sequence", type=int, metavar="N", help="a number of the journal")
        moment.add_argument("--restore-point", metavar="NAME", help="a named moment of the collection")
        moment.add_argument("--before", metavar="REQUEST", help="just before the request with that X-Request-ID wrote")
        moment.add_argument("--latest", action="store_true", help="the last write")
        which = restoring.add_mutually_exclusive_group()
        which.add_argument("--collection", metavar="NAME", help="may be left out where the backup holds one")
        which.add_argument("--collections", type=_split, metavar="NAMES", help="several together, with commas between")
        restoring.add_argument("--target", metavar="NAME", help="the name to restore to (default: its own)")
        restoring.add_argument(
            "--target-cluster", metavar="NAME", help="the cluster to restore to (default: --cluster)"
        )
        restoring.add_argument(
            "--mode", choices=("new", "replace", "data"), default="new", help="data: rows into the live collection"
        )
        restoring.add_argument("--partitions", type=_split, metavar="NAMES", help="those alone, with commas between")
        restoring.add_argument("--filter", metavar="EXPRESSION", help="the rows that meet it alone")
        restoring.add_argument("--schema-only", action="store_true", help="without rows")
        restoring.add_argument("--without-indexes", dest="with_indexes", action="store_false", help="build none")
        restoring.add_argument(
            "--acknowledge-drift", action="store_true", help="although others wrote around the gateway at that moment"
        )
        restoring.add_argument("--dry-run", action="store_true", help="say what would be read, and restore nothing")
        for each in (creating, verifying, restoring):
            each.add_argument("--wait", action="store_true", help="until it has ended, here if no worker has it")
        pruning = acts.add_parser("prune", help="delete the backups that policies no longer keep")
        pruning.add_argument("--policy", metavar="NAME", help="of that one alone")
        pruning.add_argument("--dry-run", action="store_true", help="say what would be deleted, and why the rest stays")

        acts.add_parser("scan", help="for a new, empty database: find sets and journal again, from the storage alone")

    def handle(self, *, act: str, cluster: str, database: str, **options: Any) -> None:
        self._scope = Scope(cluster=cluster, database=database)
        try:
            getattr(self, f"_{act}")(**options)
        except VectorStoreError as error:
            raise CommandError(error.detail) from error
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error

    def _create(self, collections: str, kind: Any, note: str, **options: Any) -> None:
        request = BackupRequest(collections=_split(collections), kind=kind, note=note)
        self._see_to(BackupService(self._scope).create(request), **options)

    def _list(self, collection: str, **_: Any) -> None:
        found = BackupService(self._scope).backups(collection)
        for row in found:
            names = ", ".join(item["name"] for item in row.collections)
            ended = row.end_at.isoformat(timespec="milliseconds") if row.end_at else "-"
            mark = " pinned" if row.pinned else ""
            self.stdout.write(
                f"{row.set_id}  {row.state:<9}  {row.kind:<11}  {ended:<29}  {row.rows:>12,} rows"
                f"  {row.size_bytes:>15,} bytes  {names}{mark}"
            )
        if not found:
            self.stdout.write("There are no such backups.")

    def _verify(self, id: str, **options: Any) -> None:
        job = self._see_to(BackupService(self._scope).verify(id), **options)
        problems = (job.result or {}).get("problems", [])
        for problem in problems:
            self.stdout.write(f"{problem['path']}: {problem['detail']}")
        if problems:
            raise CommandError(f"The backup {id} is damaged.")

    def _restore(self, at: datetime | None, target: str | None, **options: Any) -> None:
        same = {field.name: options[field.name] for field in fields(RestoreRequest) if field.name in options}
        request = RestoreRequest(point_in_time=at, target_name=target, **same)
        self._see_to(RestoreService(self._scope).start(request), **options)

    def _prune(self, policy: str | None, dry_run: bool, **_: Any) -> None:
        service = PolicyService(self._scope)
        now, found = timezone.now(), 0
        for row in [service.policy(policy)] if policy else service.policies():
            if not dry_run:
                deleted = scheduler.apply_retention(row, now)
                self._tell(f"{row.name}: deleted", deleted)
                found += len(deleted)
                continue
            plan = scheduler.plan_of(row, now)
            for set_id, reasons in plan.keep.items():
                self.stdout.write(f"{row.name}: keeps {set_id} ({', '.join(reasons)})")
            self._tell(f"{row.name}: would delete", plan.delete)
            found += len(plan.delete)
        if not found:
            self.stdout.write("There is nothing to delete.")

    def _scan(self, **_: Any) -> None:
        with backup_place() as place:
            found = rebuild(_Foreground(self.stdout), place)
        self.stdout.write(f"{found.sets} backups; {found.entries} entries of the journal in {found.segments} segments.")
        newest = JournalEntry.objects.order_by("-seq").first()
        if newest is not None:
            self.stdout.write(f"the journal goes up to entry {newest.seq}, of {newest.at.isoformat()}")
        for name in found.collections:
            self.stdout.write(f"collection {name}")
        for begin, end in found.gaps:
            self.stdout.write(f"the journal has no entries {begin} to {end}")
        for problem in found.problems:
            self.stdout.write(problem)
        if found.gaps or found.problems:
            raise CommandError("Not everything could be read: moments before what is missing can be restored.")

    def _tell(self, what: str, set_ids: Any) -> None:
        for set_id in set_ids:
            self.stdout.write(f"{what} {set_id}")

    def _see_to(self, job: Job, wait: bool, stdout: Any = None, **_: Any) -> Job:
        """Leave the job to a worker, or carry it out, or watch a worker do it.

        Raises:
            CommandError: it failed, or was cancelled.
        """
        job.refresh_from_db()
        if not wait and _has_worker(job):
            self.stdout.write(f"Job {job.pk} is with the workers: see manage.py jobs show {job.pk}.")
            return job
        failure: CommandError | None = None
        try:
            call_command("jobs", "run", str(job.pk), stdout=stdout)
        except CommandError as error:
            failure = error
        job.refresh_from_db()
        if failure is not None and job.state in (JobState.QUEUED, JobState.RUNNING):
            self._watch(job)  # a worker was first
        if job.state in (JobState.FAILED, JobState.CANCELLED):
            detail = (job.error or {}).get("detail", "")
            raise CommandError(f"Job {job.pk} is {job.state}{': ' if detail else '.'}{detail}") from failure
        for name, value in (job.result or {}).items():
            if name != "problems":
                self.stdout.write(f"{name}: {value}")
        return job

    def _watch(self, job: Job) -> None:
        told = ""
        while not job.ended:
            line = f"{job.stage} {int(job.progress * 100)} %".strip()
            if line != told:
                self.stdout.write(told := line)
            time.sleep(_LOOK_S)
            job.refresh_from_db()


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise ArgumentTypeError("give a time with its offset, such as 2026-01-02T03:04:05+00:00")
    return found


def _split(text: str) -> list[str]:
    return [name for part in text.split(",") if (name := part.strip())]


def _has_worker(job: Job) -> bool:
    """Whether somebody will take the job: its number reached the broker, and a worker answers there."""
    if job.enqueued_at is None:
        return False
    with suppress(KombuError, RedisError, OSError):
        return bool(producer().control.ping(timeout=1.0))
    return False


class _Foreground:
    """A ``Work`` that nobody but Ctrl-C stops."""

    def __init__(self, out: Any) -> None:
        self._out = out
        self._told = 0.0

    def check(self) -> None:
        return

    def stage(self, name: str) -> None:
        self._out.write(name)

    def progress(self, done: int, total: int | None = None, unit: str = "") -> None:
        if time.monotonic() - self._told > 1:
            self._told = time.monotonic()
            self._out.write(f"{done:,} {unit}")

    def say(self, line: str) -> None:
        self._out.write(line)

    def finished(self, key: str) -> dict[str, Any] | None:
        return None

    def finish(self, key: str, note: dict[str, Any] | None = None) -> None:
        return
