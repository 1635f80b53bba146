"""What Prometheus is told of what is on record."""

from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from vectorstore.models import Backup, BackupPolicy, Drift, Job
from vectorstore.monitoring.metrics import recorded


def _told() -> dict[tuple[str, tuple[str, ...]], float]:
    found = {}
    for family in text_string_to_metric_families(recorded().decode()):
        for sample in family.samples:
            found[sample.name, tuple(sample.labels.values())] = sample.value
    return found


@pytest.mark.django_db
def test_an_empty_gateway_tells_zeros() -> None:
    told = _told()
    assert told["vectorstore_journal_last_sequence", ()] == 0
    assert told["vectorstore_journal_lag_seconds", ()] == 0
    assert told["vectorstore_drift_open", ()] == 0


@pytest.mark.django_db
def test_backups_jobs_and_drift_are_counted() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    policy = BackupPolicy.objects.create(name="nightly", schedule="0 3 * * *")
    job = Job.objects.create(
        kind="backup",
        state="succeeded",
        actor_kind="system",
        actor="system",
        started_at=at,
        finished_at=at + timedelta(seconds=7),
    )
    Job.objects.create(kind="backup", state="failed", actor_kind="system", actor="system")
    Backup.objects.create(set_id="a", state="verified", policy=policy, end_at=at, rows=5, size_bytes=100, job=job)
    Backup.objects.create(set_id="b", state="failed", end_at=at + timedelta(days=1))
    Drift.objects.create(uid="1", collection="docs")
    told = _told()
    assert told["vectorstore_backup_last_success_timestamp_seconds", ("nightly",)] == at.timestamp()
    assert ("vectorstore_backup_last_success_timestamp_seconds", ("",)) not in told
    assert told["vectorstore_backups", ("failed",)] == 1
    assert told["vectorstore_backup_last_size_bytes", ()] == 100
    assert told["vectorstore_backup_last_rows", ()] == 5
    assert told["vectorstore_backup_last_duration_seconds", ()] == 7
    assert told["vectorstore_jobs", ("backup", "failed")] == 1
    assert told["vectorstore_jobs_failed_total", ("backup",)] == 1
    assert told["vectorstore_drift_open", ()] == 1
