"""The audit log: an append-only chain of records, its checkpoints, and the intents still open."""

from django.db import models


class AuditRecord(models.Model):
    """One link. ``audit.chain`` says how ``hash`` covers every other column and the previous link.

    An act that changes something has two records with one ``event_id``: the intent, committed before any effect,
    and the outcome. Reads and refused attempts have an outcome only. ``outcome`` is ``ok``, an error's code, or
    ``unknown`` where a crash left the intent open; empty in an intent. ``ids`` is how many ids were named.
    """

    seq = models.BigIntegerField(primary_key=True)
    ts = models.DateTimeField(db_index=True)
    event_id = models.CharField(max_length=32, db_index=True)
    request_id = models.CharField(max_length=128, blank=True)
    phase = models.CharField(max_length=8)
    actor_kind = models.CharField(max_length=16)
    actor_id = models.CharField(max_length=32, blank=True)
    actor = models.CharField(max_length=150, db_index=True)
    method = models.CharField(max_length=16, blank=True)
    key_prefix = models.CharField(max_length=16, blank=True)
    source = models.CharField(max_length=45, blank=True)
    action = models.CharField(max_length=64, db_index=True)
    cluster = models.CharField(max_length=64, blank=True)
    database = models.CharField(max_length=255, blank=True)
    collection = models.CharField(max_length=255, blank=True, db_index=True)
    ids = models.BigIntegerField(null=True)
    allowed = models.BooleanField(default=True)
    grants = models.JSONField(default=list)
    parameters = models.JSONField(default=dict)
    outcome = models.CharField(max_length=64, blank=True)
    result = models.JSONField(default=dict)
    prev_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        verbose_name = "audit record"
        ordering = ("-seq",)

    def __str__(self) -> str:
        return f"{self.seq} {self.action} by {self.actor}"


class AuditCheckpoint(models.Model):
    """A signature over the chain up to ``seq``; the same line also goes to a file outside the database."""

    seq = models.BigIntegerField(primary_key=True)
    hash = models.CharField(max_length=64)
    ts = models.DateTimeField()
    kid = models.CharField(max_length=32)
    signature = models.CharField(max_length=128)
    archive = models.CharField(
        max_length=255, blank=True, help_text="Where the records up to here were moved to; empty while they are here."
    )

    class Meta:
        verbose_name = "audit checkpoint"
        ordering = ("-seq",)

    def __str__(self) -> str:
        return f"checkpoint at {self.seq}"


class OpenIntent(models.Model):
    """An intent without its outcome: gone when the outcome is written, closed as ``unknown`` if it never comes."""

    event_id = models.CharField(primary_key=True, max_length=32)
    seq = models.BigIntegerField()
    ts = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.event_id
