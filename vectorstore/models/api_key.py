"""API keys: only a digest of each is kept."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from vectorstore.models.service_account import ServiceAccount


class ApiKey(models.Model):
    """A key ``vs_<prefix>_<secret>`` of a user or a service account.

    ``digest`` is an HMAC of the secret. ``scopes`` is ``{"actions": [...] | null, "collections": "*"}`` and
    narrows the owner's rights; null narrows nothing. ``rate_limit`` is in requests a minute; null: the default.
    """

    name = models.CharField(max_length=150)
    prefix = models.CharField(max_length=16, unique=True)
    digest = models.CharField(max_length=64)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="api_keys"
    )
    service_account = models.ForeignKey(
        ServiceAccount, null=True, blank=True, on_delete=models.CASCADE, related_name="api_keys"
    )
    scopes = models.JSONField(null=True, blank=True)
    cidr = models.CharField(max_length=64, blank=True)
    rate_limit = models.PositiveIntegerField(null=True, blank=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=150, blank=True)

    class Meta:
        verbose_name = "API key"
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(
                name="one_owner_per_key",
                condition=Q(user__isnull=True, service_account__isnull=False)
                | Q(user__isnull=False, service_account__isnull=True),
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix})"
