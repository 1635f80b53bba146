"""What Redis could not be told."""

from django.db import models


class PendingChange(models.Model):
    """A change of the shared state that its maker could not bring to Redis; whoever can delivers and deletes it.

    ``op``, ``key`` and ``value`` are those of ``optimization.state_changes.Change``.
    """

    op = models.CharField(max_length=16)
    key = models.CharField(max_length=700)
    value = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.op} {self.key}"
