"""Metrics of what is on record: the same from whichever process is asked, because the database says them."""

from collections.abc import Iterator

from django.db.models import Count, Max, Min, Q, Sum
from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from vectorstore.models import Backup, BackupPolicy, Drift, Job, JournalEntry, JournalHead, JournalSegment

_GOOD = ("succeeded", "verified")


class RecordedMetrics(Collector):
    """Journal, backups, jobs and drift. Labels are names of policies, kinds and states; never ids or users."""

    def collect(self) -> Iterator[Metric]:
        yield from _journal()
        yield from _backups()
        yield from _jobs()
        yield _gauge(
            "vectorstore_drift_open",
            "Collections whose rows or schema were changed around the gateway.",
            Drift.objects.filter(resolved_at=None).values("uid").distinct().count(),
        )


def recorded() -> bytes:
    """In Prometheus's text format."""
    registry = CollectorRegistry()
    registry.register(RecordedMetrics())
    return generate_latest(registry)


def _journal() -> Iterator[Metric]:
    head = JournalHead.objects.filter(pk=1).first()
    open_ = JournalEntry.objects.filter(state="open")
    unshipped = JournalSegment.objects.filter(shipped_at=None)
    oldest = unshipped.aggregate(found=Min("opened_at"))["found"]
    lag = (timezone.now() - oldest).total_seconds() if oldest else 0.0
    size = JournalSegment.objects.aggregate(found=Sum("size_bytes"))["found"]
    yield _gauge(
        "vectorstore_journal_last_sequence", "Number of the last entry of the journal.", head.seq if head else 0
    )
    yield _gauge("vectorstore_journal_open_entries", "Entries whose outcome is not known yet.", open_.count())
    yield _gauge(
        "vectorstore_journal_doubtful_entries",
        "Entries that had no clear answer and are sent again; their collections take no writes.",
        open_.filter(doubt=True).count(),
    )
    yield _gauge("vectorstore_journal_size_bytes", "Size of all sealed segments.", size or 0)
    yield _gauge("vectorstore_journal_lag_seconds", "Age of the oldest segment that is not on the backup storage.", lag)


def _backups() -> Iterator[Metric]:
    good = Backup.objects.filter(state__in=_GOOD)
    last = GaugeMetricFamily(
        "vectorstore_backup_last_success_timestamp_seconds",
        "When the last good backup was finished, by policy; empty for those by hand.",
        labels=["policy"],
    )
    for of_policy in good.values("policy__name").annotate(at=Max("end_at")):
        if of_policy["at"] is not None:
            last.add_metric([of_policy["policy__name"] or ""], of_policy["at"].timestamp())
    yield last
    unstarted = GaugeMetricFamily(
        "vectorstore_backup_start_failed", "Whether the last start of the policy's backup failed.", labels=["policy"]
    )
    for policy in BackupPolicy.objects.filter(enabled=True):
        unstarted.add_metric([policy.name], policy.error is not None)
    yield unstarted
    states = GaugeMetricFamily("vectorstore_backups", "Backups by state.", labels=["state"])
    for of_state in Backup.objects.values("state").annotate(number=Count("pk")).order_by("state"):
        states.add_metric([of_state["state"]], of_state["number"])
    yield states
    yield _gauge(
        "vectorstore_backup_size_bytes",
        "Size of all good backups.",
        good.aggregate(size=Sum("size_bytes"))["size"] or 0,
    )
    newest = good.order_by("-id").select_related("job").first()
    yield _gauge(
        "vectorstore_backup_last_size_bytes", "Size of the last good backup.", newest.size_bytes if newest else 0
    )
    yield _gauge("vectorstore_backup_last_rows", "Rows of the last good backup.", newest.rows if newest else 0)
    job = newest.job if newest else None
    took = (job.finished_at - job.started_at).total_seconds() if job and job.started_at and job.finished_at else 0.0
    yield _gauge("vectorstore_backup_last_duration_seconds", "How long the last good backup took.", took)


def _jobs() -> Iterator[Metric]:
    states = GaugeMetricFamily("vectorstore_jobs", "Jobs on record, by kind and state.", labels=["kind", "state"])
    for row in Job.objects.values("kind", "state").annotate(number=Count("pk")).order_by("kind", "state"):
        states.add_metric([row["kind"], row["state"]], row["number"])
    yield states
    failed = CounterMetricFamily("vectorstore_jobs_failed", "Jobs that failed, by kind.", labels=["kind"])
    count = Count("pk", filter=Q(state="failed"))
    for of_kind in Job.objects.values("kind").annotate(number=count).order_by("kind"):
        failed.add_metric([of_kind["kind"]], of_kind["number"])
    yield failed


def _gauge(name: str, help_: str, value: float) -> Metric:
    return GaugeMetricFamily(name, help_, value)
