"""Backups and their policies. A set describes itself; these rows are its index, and can be made again from it."""

from django.db import models


class Backup(models.Model):
    """One set. ``state``: ``running``, ``succeeded`` (every checksum holds), ``verified`` (every row was read),
    ``failed``, ``deleting``. ``start_seq`` and ``end_seq`` are S0 and S1: it holds the state at ``end_seq``.

    ``collections`` lists ``{"uid", "name", "rows", "size_bytes", "digest"}``.
    """

    set_id = models.CharField(max_length=64, unique=True)
    kind = models.CharField(max_length=16, default="full")
    state = models.CharField(max_length=16, default="running", db_index=True)
    cluster = models.CharField(max_length=64, default="default")
    database = models.CharField(max_length=255, default="default")
    collections = models.JSONField(default=list)
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="children")
    policy = models.ForeignKey("BackupPolicy", null=True, blank=True, on_delete=models.SET_NULL, related_name="backups")
    job = models.ForeignKey("Job", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    timeline = models.PositiveIntegerField(default=1)
    start_seq = models.BigIntegerField(null=True, blank=True)
    end_seq = models.BigIntegerField(null=True, blank=True)
    start_at = models.DateTimeField(null=True, blank=True)
    end_at = models.DateTimeField(null=True, blank=True, db_index=True)
    rows = models.BigIntegerField(default=0)
    size_bytes = models.BigIntegerField(default=0)
    manifest_sha256 = models.CharField(max_length=64, blank=True)
    consistency = models.CharField(max_length=16, default="exact", help_text="exact, or fuzzy without a journal")
    pinned = models.BooleanField(default=False, help_text="Kept whatever the retention says.")
    note = models.TextField(blank=True)
    actor = models.CharField(max_length=150, blank=True)
    error = models.JSONField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True, help_text="A restore reads it until then.")
    created_at = models.DateTimeField(auto_now_add=True)
    verified_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return self.set_id


class BackupPolicy(models.Model):
    """Back up ``collections`` (names or patterns; ``["*"]`` for all) when ``schedule`` (cron) says so.

    ``retention`` is ``{"last", "hourly", "daily", "weekly", "monthly"}``, how many of each are kept, and
    ``window_days``; ``drill_every``: each so-manieth set is restored into a scratch collection and compared; 0 for
    none. ``error`` is ``{"code", "detail"}`` while the last start failed.
    """

    name = models.CharField(max_length=150, unique=True)
    cluster = models.CharField(max_length=64, default="default")
    database = models.CharField(max_length=255, default="default")
    collections = models.JSONField(default=list)
    schedule = models.CharField(max_length=120)
    timezone = models.CharField(max_length=64, default="UTC")
    kind = models.CharField(max_length=16, default="full")
    retention = models.JSONField(default=dict)
    drill_every = models.PositiveSmallIntegerField(default=0)
    enabled = models.BooleanField(default=True)
    last_due_at = models.DateTimeField(null=True, blank=True, help_text="The last time that was acted on.")
    tried_at = models.DateTimeField(null=True, blank=True, help_text="When a start was tried last.")
    error = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=150, blank=True)

    class Meta:
        verbose_name_plural = "backup policies"
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name
