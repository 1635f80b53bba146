"""A Milvus that this gateway serves."""

from django.db import models


class Cluster(models.Model):
    """What was found out about a cluster. How to reach ``default`` is in the environment, not here."""

    name = models.CharField(max_length=64, unique=True)
    version = models.CharField(max_length=128, blank=True)
    capabilities = models.JSONField(default=dict, blank=True)
    probed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name
