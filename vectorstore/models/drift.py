"""Writes and changes that bypassed the gateway."""

from django.db import models


class Drift(models.Model):
    """What Milvus holds is not what the journal says. ``kind``: ``rows`` or ``schema``.

    ``since`` is when the two were last seen to agree: nobody knows what was there between then and ``resolved_at``.
    ``detail`` says in words what differs; ``expected`` and ``found`` are numbers of rows.
    """

    uid = models.CharField(max_length=32, db_index=True)
    cluster = models.CharField(max_length=64, default="default")
    database = models.CharField(max_length=255, default="default")
    collection = models.CharField(max_length=255)
    kind = models.CharField(max_length=16, default="rows")
    expected = models.BigIntegerField(null=True, blank=True)
    found = models.BigIntegerField(null=True, blank=True)
    detail = models.TextField(blank=True)
    since = models.DateTimeField(null=True, blank=True)
    found_at = models.DateTimeField(auto_now_add=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolution = models.CharField(max_length=16, blank=True, help_text="adopted or reverted")

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.collection}: {self.detail}"
