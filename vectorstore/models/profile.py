"""Profiles of searches: where the time of one went."""

from django.db import models


class SearchProfile(models.Model):
    """A search, query, get or count that was slow, was asked to be profiled or was drawn by chance.

    ``stages`` are milliseconds by stage and add up to ``took_ms``. ``shape`` is what like requests have in common and
    ``shape_hash`` its digest; ``request`` is this one with ``?`` in place of its values; ``plan`` is the index, the
    parameters and why, and the consistency. No vector, literal or id is in any of them. ``outcome`` is ``ok`` or an
    error's code.
    """

    at = models.DateTimeField(db_index=True)
    kept_for = models.CharField(max_length=8, help_text="slow, asked or sample")
    kind = models.CharField(max_length=16)
    request_id = models.CharField(max_length=128, blank=True)
    actor = models.CharField(max_length=150)
    cluster = models.CharField(max_length=64)
    database = models.CharField(max_length=255)
    collection = models.CharField(max_length=255)
    shape_hash = models.CharField(max_length=16)
    shape = models.JSONField(default=dict)
    took_ms = models.FloatField()
    stages = models.JSONField(default=dict)
    batch = models.PositiveIntegerField(default=1)
    attempts = models.PositiveIntegerField(default=0)
    rows = models.BigIntegerField(null=True)
    outcome = models.CharField(max_length=64)
    request = models.JSONField(default=dict)
    plan = models.JSONField(default=dict)

    class Meta:
        verbose_name = "profile"
        ordering = ("-id",)
        indexes = (
            models.Index(fields=("cluster", "database", "collection", "at"), name="profile_place"),
            models.Index(fields=("kept_for", "shape_hash", "took_ms"), name="profile_shape"),
        )

    def __str__(self) -> str:
        return f"{self.kind} of {self.collection}, {self.took_ms:,.1f} ms"
