"""``manage.py jobs``: look at jobs, cancel one, try one again, run one here."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from vectorstore.domain.errors import VectorStoreError
from vectorstore.jobs import drain
from vectorstore.jobs.runner import run
from vectorstore.models import Job, JobState
from vectorstore.service.job_service import JobService

_WIDTH = 40
_WATCHED = ("stage", "done", "total", "unit", "rate")


class Command(BaseCommand):
    help = "Lists jobs, shows, cancels or tries again one, or runs one that waits here, in the foreground."
    requires_system_checks = ()

    def add_arguments(self, parser: Any) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        listing = acts.add_parser("list", help="the newest jobs")
        listing.add_argument("--state", choices=JobState.values, default="")
        listing.add_argument("--limit", type=int, default=50, help="at most so many (default 50)")
        for name, text in (
            ("show", "one job with its log"),
            ("cancel", "let it end and take back what it has made"),
            ("retry", "let one that failed or was cancelled run again"),
            ("run", "run one that waits in this process; Ctrl-C puts it back"),
        ):
            acts.add_parser(name, help=text).add_argument("id", type=int)

    def handle(self, *, act: str, **options: Any) -> None:
        self._line, self._known = "", dict[str, Any]()
        try:
            getattr(self, f"_{act}")(**options)
        except VectorStoreError as error:
            raise CommandError(error.detail) from error

    def _list(self, state: str, limit: int, **_: Any) -> None:
        found = JobService().list(state=state)[: max(1, limit)]
        for job in found:
            self.stdout.write(f"{job.pk:>6}  {job.state:<9}  {_share(job):>5}  {job.kind:<12}  {job.collection}")
        if not found:
            self.stdout.write("There are no such jobs.")

    def _show(self, id: int, **_: Any) -> None:
        job = JobService().get(id)
        for name in ("id", "kind", "state", "stage", "collection", "actor", "created_at", "started_at", "finished_at"):
            value = getattr(job, name)
            if value not in ("", None):
                self.stdout.write(f"{name}: {value}")
        self.stdout.write(f"progress: {_amount(job)}")
        for name in ("result", "error"):
            for key, value in (getattr(job, name) or {}).items():
                self.stdout.write(f"{name}.{key}: {value}")
        for at, text in job.log:
            self.stdout.write(f"{at}  {text}")

    def _cancel(self, id: int, **_: Any) -> None:
        job = JobService().cancel(id)
        self.stdout.write(f"Job {id} is {'cancelled' if job.ended else 'told to end'}.")

    def _retry(self, id: int, **_: Any) -> None:
        JobService().retry(id)
        self.stdout.write(f"Job {id} is in the queue again.")

    def _run(self, id: int, **_: Any) -> None:
        JobService().get(id)
        with _draining_on_signals():
            state = run(id, self._watch)
        self._end_line()
        if state is None:
            raise CommandError(f"Job {id} does not wait for a worker: see manage.py jobs show {id}.")
        job = Job.objects.get(pk=id)
        if state == JobState.FAILED:
            raise CommandError(f"Job {id} failed: {(job.error or {}).get('detail', '')}")
        self.stdout.write(f"Job {id} is {state}: {_amount(job)}.")

    def _watch(self, changed: dict[str, Any]) -> None:
        """A bar that moves on a terminal; elsewhere a line at each change of the share or the stage."""
        self._known |= {name: changed[name] for name in _WATCHED if name in changed}
        job = Job(state=JobState.RUNNING, **self._known)
        if self.stdout.isatty():
            full = round(job.progress * _WIDTH)
            self._line = f"{job.stage:<12} {'█' * full}{'·' * (_WIDTH - full)} {_amount(job)}"
            self.stdout.write(f"\r\033[K{self._line}", ending="")
            self.stdout.flush()
        elif self._line != (line := f"{job.stage} {_share(job)}".strip()):
            self._line = line
            self.stdout.write(line)

    def _end_line(self) -> None:
        if self._line and self.stdout.isatty():
            self.stdout.write("")


@contextmanager
def _draining_on_signals() -> Iterator[None]:
    """A signal that would end this process stops the job at its next check instead, as it does in a worker."""
    before = {number: signal.signal(number, lambda *_: drain.begin()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        drain.end()


def _share(job: Job) -> str:
    return f"{int(job.progress * 100)} %"


def _amount(job: Job) -> str:
    of = f" of {job.total:,}" if job.total is not None else ""
    rate = f", {job.rate:,.1f}/s" if job.rate and job.state == JobState.RUNNING else ""
    left = f", {job.eta_s:,.0f} s left" if job.eta_s is not None else ""
    return f"{_share(job)}, {job.done:,}{of} {job.unit or 'units'}{rate}{left}"
