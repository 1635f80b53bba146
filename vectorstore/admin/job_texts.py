"""Short texts about a job."""

import json
from typing import Any

from vectorstore.models import Job, JobState

STATE_COLOURS: dict[str, str] = {
    JobState.QUEUED.value: "default",
    JobState.RUNNING.value: "info",
    JobState.SUCCEEDED.value: "success",
    JobState.FAILED.value: "danger",
    JobState.CANCELLED.value: "warning",
}


def state_text(job: Job) -> str:
    """The state; of a job that was told to end and has not yet: that."""
    return "ending" if job.cancel_requested and not job.ended else str(job.state)


def percent(job: Job) -> int:
    """How much is done, rounded down: 100 is the end."""
    return int(job.progress * 100)


def amount(job: Job) -> str:
    """Such as ``2,500 of 10,000 rows``."""
    of = f" of {job.total:,}" if job.total is not None else ""
    return f"{job.done:,}{of} {job.unit or 'units'}"


def rate_text(job: Job) -> str:
    """Empty where it does not run, or there is nothing to judge by yet."""
    if job.state != JobState.RUNNING or job.rate is None:
        return ""
    digits = 0 if job.rate >= 10 else 1
    return f"{job.rate:,.{digits}f} {job.unit or 'units'}/s"


def seconds_text(seconds: float | None) -> str:
    """Such as ``2 h 5 min``, by its two largest units."""
    if seconds is None:
        return ""
    left, found = round(seconds), []
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        count, left = divmod(left, size)
        if count:
            found.append(f"{count} {unit}")
    return " ".join(found[:2]) or "0 s"


def facts(job: Job) -> list[tuple[str, str]]:
    """Who asked for it and where, by name."""
    where = " / ".join(part for part in (job.cluster, job.database) if part)
    by = f"{job.actor} (key {job.key_prefix})" if job.key_prefix else job.actor
    return [("Asked for by", by), ("Collection", job.collection or "several, or none"), ("Where", where)]


def result_lines(job: Job) -> list[tuple[str, str]]:
    """What it made, by name."""
    return [(name.replace("_", " ").capitalize(), _cell(value)) for name, value in (job.result or {}).items()]


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return json.dumps(value, ensure_ascii=False)
