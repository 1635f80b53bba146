"""Refresh tokens: the chain that began with one login, and what was used of it."""

from django.conf import settings
from django.db import models


class TokenFamily(models.Model):
    """Every token that came from one login; a revoked family serves nobody, whatever its tokens say."""

    id = models.CharField(primary_key=True, max_length=32)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="token_families")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(db_index=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_because = models.CharField(max_length=32, blank=True)

    class Meta:
        verbose_name = "token family"
        verbose_name_plural = "token families"

    def __str__(self) -> str:
        return f"{self.id} of {self.user_id}"


class UsedRefreshToken(models.Model):
    """One use of a refresh token. The key is unique, so of concurrent uses exactly one is the first."""

    jti = models.CharField(primary_key=True, max_length=32)
    family = models.ForeignKey(TokenFamily, on_delete=models.CASCADE, related_name="used")
    used_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.jti
