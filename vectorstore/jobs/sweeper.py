"""Finds what nobody tells of: workers that died, and messages that the broker lost."""

import logging
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from vectorstore.jobs.lease import bury
from vectorstore.models import Job, JobState
from vectorstore.service.job_queue import enqueue, waiting

log = logging.getLogger("vectorstore.jobs")

LOST_AFTER = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Swept:
    """How many jobs lost their worker, how many of those are quarantined, how many were put into the queue again."""

    died: int
    quarantined: int
    enqueued: int


def sweep() -> Swept:
    """May run at the same time elsewhere: what happens twice is asked for twice, and done once."""
    now = timezone.now()
    dead = Job.objects.filter(state=JobState.RUNNING, lease_until__lt=now)
    fates = [fate for pk in dead.values_list("pk", flat=True) if (fate := bury(pk)) is not None]
    enqueued = 0
    for pk in _unheard(now - LOST_AFTER):
        if not enqueue(pk):
            break  # the broker is away: the next sweep asks again
        enqueued += 1
    swept = Swept(len(fates), fates.count(JobState.FAILED), enqueued)
    if fates or enqueued:
        log.info("%d jobs lost their worker, %d were enqueued", swept.died, enqueued)
    return swept


def _unheard(before: object) -> list[int]:
    """Queued jobs, the oldest first, of which the broker has no message."""
    queued = Job.objects.filter(state=JobState.QUEUED).order_by("pk")
    sent = queued.exclude(enqueued_at=None).count()
    missing = Q(enqueued_at=None)
    found = waiting()
    if found is not None and found < sent:  # else they wait for a worker that has time
        missing |= Q(enqueued_at__lt=before)
    return list(queued.filter(missing).values_list("pk", flat=True))
