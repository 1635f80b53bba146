"""A program that calls the API: it has keys and no password."""

from django.db import models


class ServiceAccount(models.Model):
    """``attributes`` are what row filters name as ``$user.<attribute>``."""

    name = models.CharField(max_length=150, unique=True)
    attributes = models.JSONField(default=dict, blank=True)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "service account"
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name
