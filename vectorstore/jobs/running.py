"""A job that runs: what its code is given, and the thread that keeps the row up to date meanwhile."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from django.db import DatabaseError, InterfaceError, connections
from django.utils import timezone

from vectorstore.jobs.drain import draining
from vectorstore.jobs.lease import LEASE, Lease
from vectorstore.jobs.pace import Pace
from vectorstore.models import Job, JobChunk
from vectorstore.service.work import Cancelled, Interrupted

log = logging.getLogger("vectorstore.jobs")

LOG_LINES = 200
_TICK_S = 0.5
_RENEW_S = 5.0
_LONGEST_LINE = 1_000

Watch = Callable[[dict[str, Any]], None]
"""Told what changed of the row, by the names of its columns."""


class RunningJob:
    """Implements ``service.work.Work``. Its methods only remember: a thread writes, twice a second at most."""

    def __init__(self, job: Job, watch: Watch | None = None) -> None:
        self.lease = Lease(job.pk, job.token)
        self._watch = watch
        self._ledger: dict[str, dict[str, Any]] = dict(JobChunk.objects.filter(job=job).values_list("key", "note"))
        self._lock = threading.Lock()
        self._lines: list[list[str]] = list(job.log)
        self._changed: dict[str, Any] = {}
        self._pace = Pace()
        self._lost = False
        self._cancelled = job.cancel_requested
        self._held_at = time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"job-{job.pk}", daemon=True)

    def __enter__(self) -> "RunningJob":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    # What the code calls

    def check(self) -> None:
        if self._lost or time.monotonic() - self._held_at > LEASE.total_seconds():
            raise Interrupted("Another worker has the job.")
        if self._cancelled:
            raise Cancelled("The job was cancelled.")
        if draining():
            raise Interrupted("The worker ends.")

    def stage(self, name: str) -> None:
        with self._lock:
            self._changed["stage"] = name[:64]
            self._pace.restart()

    def progress(self, done: int, total: int | None = None, unit: str = "") -> None:
        with self._lock:
            self._changed |= {"done": done, "total": total, "unit": unit[:16]}

    def say(self, line: str) -> None:
        with self._lock:
            told = line.replace("\0", "")[:_LONGEST_LINE]  # PostgreSQL keeps no U+0000
            self._lines = [*self._lines[1 - LOG_LINES :], [timezone.now().isoformat(timespec="milliseconds"), told]]
            self._changed["log"] = self._lines

    def finished(self, key: str) -> dict[str, Any] | None:
        return self._ledger.get(key)

    def finish(self, key: str, note: dict[str, Any] | None = None) -> None:
        self.check_held()
        self.lease.finish_chunk(key, note or {})
        self._ledger[key] = note or {}

    def check_held(self) -> None:
        """Raises Interrupted where it is known that another has the job."""
        if self._lost:
            raise Interrupted("Another worker has the job.")

    # What the thread does

    def unwritten(self) -> dict[str, Any]:
        """What has changed since the last time, as columns of the row."""
        with self._lock:
            changed, self._changed = self._changed, {}
            if "done" in changed:
                self._pace.add(time.monotonic(), changed["done"])
                changed["rate"] = self._pace.rate
            return changed

    def _keep(self) -> None:
        try:
            while not self._over.wait(_TICK_S):
                try:
                    self._write()
                except (DatabaseError, InterfaceError) as error:
                    log.warning("the row of job %d cannot be written (%s)", self.lease.job_id, type(error).__name__)
                    connections.close_all()
        finally:
            connections.close_all()  # this thread's own

    def _write(self) -> None:
        changed = self.unwritten()
        began = time.monotonic()
        if changed or began - self._held_at >= _RENEW_S:
            try:
                held = self.lease.renew(**changed)
            except (DatabaseError, InterfaceError):
                with self._lock:
                    self._changed = changed | self._changed
                raise
            if not held:
                self._lost = True
                self._over.set()
                return
            self._held_at = began
        if not self._cancelled:
            self._cancelled = self.lease.cancel_requested()
        if changed and self._watch is not None:
            self._watch(changed)
