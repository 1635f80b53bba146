"""Recall as it was measured on a collection."""

from django.db import models

from vectorstore.models.collection import CollectionRecord


class RecallCurve(models.Model):
    """The newest measurement of one index: ``domain.recall.Curve`` as plain data."""

    collection = models.ForeignKey(CollectionRecord, on_delete=models.CASCADE, related_name="recall_curves")
    field = models.CharField(max_length=255)
    fingerprint = models.TextField()
    parameter = models.CharField(max_length=32, blank=True)
    rows = models.BigIntegerField()
    points = models.JSONField(default=list)
    measured_at = models.DateTimeField()

    class Meta:
        verbose_name = "recall curve"
        ordering = ("collection", "field")
        constraints = (models.UniqueConstraint(fields=("collection", "field"), name="one_curve_per_field"),)

    def __str__(self) -> str:
        return f"{self.collection}.{self.field}"
