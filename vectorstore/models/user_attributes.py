"""What is known of a user beside Django's own fields."""

from django.conf import settings
from django.db import models


class UserAttributes(models.Model):
    """``values`` are what row filters name as ``$user.<attribute>``; a user without a row has none."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="attributes")
    values = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name = "attributes of a user"
        verbose_name_plural = "attributes of users"

    def __str__(self) -> str:
        return f"attributes of {self.user}"
