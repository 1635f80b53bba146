"""An index on record: what was asked for beside what was built."""

from django.db import models

from vectorstore.models.collection import CollectionRecord


class IndexRecord(models.Model):
    """``requested`` is the kind in the request (``AUTO`` where the gateway chose); the rest is what was built."""

    collection = models.ForeignKey(CollectionRecord, on_delete=models.CASCADE, related_name="indexes")
    field = models.CharField(max_length=255)
    requested = models.CharField(max_length=32)
    kind = models.CharField(max_length=32)
    metric = models.CharField(max_length=16)
    params = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "index"
        verbose_name_plural = "indexes"
        ordering = ("collection", "field")
        constraints = (models.UniqueConstraint(fields=("collection", "field"), name="one_index_per_field"),)

    def __str__(self) -> str:
        return f"{self.collection}.{self.field}"
