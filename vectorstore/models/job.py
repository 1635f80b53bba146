"""Jobs: the row is the truth about one, whatever the broker or a worker knows."""

from django.db import models


class JobState(models.TextChoices):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Job(models.Model):
    """A piece of long work. ``kind`` names the code that does it, ``params`` is its input as plain data.

    ``token`` is the fencing token: it moves each time a worker takes the job, and only its holder may change the row
    or finish chunks. ``lease_until`` is when the holder counts as dead unless it says otherwise; ``deaths`` counts
    the holders that died since the last finished chunk. ``stage`` is what it is doing now, in words; ``error`` is
    ``{"code", "detail"}``; ``log`` holds the last lines, each ``[time, text]``.
    """

    kind = models.CharField(max_length=32, db_index=True)
    state = models.CharField(max_length=16, choices=JobState.choices, default=JobState.QUEUED, db_index=True)
    params = models.JSONField(default=dict)
    cluster = models.CharField(max_length=64, default="default")
    database = models.CharField(max_length=255, default="default")
    collection = models.CharField(max_length=255, blank=True, db_index=True)
    actor_kind = models.CharField(max_length=16)
    actor_id = models.BigIntegerField(null=True, blank=True)
    actor = models.CharField(max_length=150)
    key_prefix = models.CharField(max_length=16, blank=True, help_text="The API key it was asked for with.")
    request_id = models.CharField(max_length=128, blank=True)
    stage = models.CharField(max_length=64, blank=True)
    done = models.BigIntegerField(default=0)
    total = models.BigIntegerField(null=True, blank=True)
    unit = models.CharField(max_length=16, blank=True)
    rate = models.FloatField(null=True, blank=True, help_text="Units a second, of late.")
    result = models.JSONField(null=True, blank=True)
    error = models.JSONField(null=True, blank=True)
    log = models.JSONField(default=list, blank=True)
    token = models.PositiveBigIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    deaths = models.PositiveSmallIntegerField(default=0)
    cancel_requested = models.BooleanField(default=False)
    enqueued_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    @property
    def ended(self) -> bool:
        return self.state not in (JobState.QUEUED, JobState.RUNNING)

    @property
    def progress(self) -> float:
        """From 0 to 1; 0 while the total is not known."""
        if self.state == JobState.SUCCEEDED:
            return 1.0
        return min(1.0, max(0.0, self.done / self.total)) if self.total else 0.0

    @property
    def eta_s(self) -> float | None:
        """Seconds until it ends if it goes on as of late; None where that cannot be told."""
        if self.state != JobState.RUNNING or not self.rate or self.total is None:
            return None
        return round(max(0, self.total - self.done) / self.rate, 1)


class JobChunk(models.Model):
    """One finished chunk of a job: a resumed job skips it. ``note`` is what it left for those after it."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="chunks")
    key = models.CharField(max_length=128)
    note = models.JSONField(default=dict, blank=True)
    finished_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("id",)
        constraints = (models.UniqueConstraint(fields=("job", "key"), name="one_chunk_per_key"),)

    def __str__(self) -> str:
        return f"{self.job_id}: {self.key}"
