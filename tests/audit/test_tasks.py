from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from tests.support.audit import an_entry, fill
from vectorstore import tasks
from vectorstore.audit import log
from vectorstore.models import AuditCheckpoint, OpenIntent


def test_the_log_is_signed_and_closed_every_minute(trail: Path) -> None:
    schedule = {entry["task"]: entry["schedule"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    for task in (tasks.audit_checkpoint, tasks.audit_close_open):
        assert schedule[task.name] == 60
    fill(3)
    log.append(an_entry(phase="intent", outcome="", ts=timezone.now() - timedelta(minutes=6)))
    assert tasks.audit_close_open() == 1
    assert tasks.audit_checkpoint() is True
    assert not OpenIntent.objects.exists()
    assert AuditCheckpoint.objects.get().seq == 5
