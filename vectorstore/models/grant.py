"""A right given: to whom, which role, on what, until when."""

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Q
from django.utils import timezone

from vectorstore.models.service_account import ServiceAccount

_SUBJECTS = ("user", "group", "service_account")


class Grant(models.Model):
    """Exactly one of ``user``, ``group`` and ``service_account`` is set.

    ``cluster`` and ``database`` are a name or ``*``; ``collections`` is a pattern with ``*`` and ``?``.
    ``row_filter`` is ``{"field", "op", "value"}``; values of the form ``$user.<attribute>`` stand for the
    subject's. ``denied_fields`` do not exist for the subject.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="grants"
    )
    group = models.ForeignKey(Group, null=True, blank=True, on_delete=models.CASCADE, related_name="grants")
    service_account = models.ForeignKey(
        ServiceAccount, null=True, blank=True, on_delete=models.CASCADE, related_name="grants"
    )
    role = models.CharField(max_length=32)
    cluster = models.CharField(max_length=64, default="default")
    database = models.CharField(max_length=255, default="default")
    collections = models.CharField(max_length=255, default="*")
    row_filter = models.JSONField(null=True, blank=True)
    denied_fields = models.JSONField(default=list, blank=True)
    valid_from = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    enabled = models.BooleanField(default=True)
    reason = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=150, blank=True)

    class Meta:
        ordering = ("id",)
        constraints = (
            models.CheckConstraint(
                name="one_subject_per_grant",
                condition=Q(
                    *(Q(**{f"{other}__isnull": other != subject for other in _SUBJECTS}) for subject in _SUBJECTS),
                    _connector=Q.OR,
                ),
            ),
        )

    def __str__(self) -> str:
        return f"{self.role} on {self.collections} to {self.subject}"

    @property
    def subject(self) -> str:
        """``user ada``, ``group readers`` or ``service account loader``."""
        kind = next(name for name in _SUBJECTS if getattr(self, f"{name}_id") is not None)
        return f"{kind.replace('_', ' ')} {getattr(self, kind)}"
